package walltime

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// The code that answers instead of the vDSO's own, in the calling convention of C on amd64 (System V ABI): arguments in rdi and rsi, and no
// register changed but those that a call may change. The seconds are in the instruction, so that they change at once when they are written anew.
var (
	// int clock_gettime(clockid_t id, struct timespec *t)
	getClock = assemble([]byte{
		0xb8, 0xe4, 0x00, 0x00, 0x00, // mov eax, 228 (SYS_clock_gettime)
		0x0f, 0x05, // syscall
		0x85, 0xff, // test edi, edi: CLOCK_REALTIME
		0x74, 0x06, // je add
		0x83, 0xff, 0x05, // cmp edi, 5: CLOCK_REALTIME_COARSE
		0x74, 0x01, // je add
		0xc3,             // ret
		0x48, 0x81, 0x06, // add: add qword [rsi], seconds
	}, []byte{0xc3}) // ret
	// int gettimeofday(struct timeval *t, struct timezone *z)
	getTimeOfDay = assemble([]byte{
		0xb8, 0x60, 0x00, 0x00, 0x00, // mov eax, 96 (SYS_gettimeofday)
		0x0f, 0x05, // syscall
		0x48, 0x85, 0xff, // test rdi, rdi
		0x75, 0x01, // jne add
		0xc3,             // ret
		0x48, 0x81, 0x07, // add: add qword [rdi], seconds
	}, []byte{0xc3}) // ret
	// time_t time(time_t *t)
	getTime = assemble([]byte{
		0x57,       // push rdi
		0x31, 0xff, // xor edi, edi
		0xb8, 0xc9, 0x00, 0x00, 0x00, // mov eax, 201 (SYS_time)
		0x0f, 0x05, // syscall
		0x5f,       // pop rdi
		0x48, 0x05, // add rax, seconds
	}, []byte{
		0x48, 0x85, 0xff, // test rdi, rdi
		0x74, 0x03, // je done
		0x48, 0x89, 0x07, // mov [rdi], rax
		0xc3, // done: ret
	})
)

// code is machine code with the place of its seconds.
type code struct {
	text    []byte
	seconds int
}

// assemble puts code together around its seconds, which follow its head.
func assemble(head, rest []byte) code {
	c := code{text: bytes.Clone(head), seconds: len(head)}
	c.text = append(append(c.text, 0, 0, 0, 0), rest...)
	return c
}

// with returns the code with its seconds.
func (c code) with(seconds int32) []byte {
	text := bytes.Clone(c.text)
	binary.LittleEndian.PutUint32(text[c.seconds:], uint32(seconds))
	return text
}

func set(seconds int32, pid int) error {
	err := patch(seconds, pid)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ESRCH) { // it has ended meanwhile
		return nil
	}
	if errors.Is(err, fs.ErrPermission) {
		err = errors.Join(ErrUnsupported, err)
	}
	if err != nil {
		return fmt.Errorf("walltime: process %d: %w", pid, err)
	}
	return nil
}

// patch writes the code into the room behind the vDSO, whose pages are not full, and at the beginning of each function a jump to it. A thread that
// is in the middle of a function ends it as it was.
func patch(seconds int32, pid int) (err error) {
	proc := "/proc/" + strconv.Itoa(pid)
	maps, err := os.ReadFile(proc + "/maps")
	if err != nil {
		return err
	}
	if len(maps) == 0 { // it ends just now
		return fs.ErrNotExist
	}
	from, to, err := vdso(string(maps))
	if err != nil {
		return err
	}
	mem, err := os.OpenFile(proc+"/mem", os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, mem.Close()) }()
	image := make([]byte, to-from)
	if _, err := mem.ReadAt(image, from); err != nil {
		return err
	}
	lib, err := elf.NewFile(bytes.NewReader(image))
	if err != nil {
		return err
	}
	symbols, err := lib.DynamicSymbols()
	if err != nil {
		return err
	}
	var jumps []jump
	for i, name := range []string{"__vdso_clock_gettime", "__vdso_gettimeofday", "__vdso_time"} {
		c := []code{getClock, getTimeOfDay, getTime}[i]
		at := slices.IndexFunc(symbols, func(s elf.Symbol) bool { return s.Name == name })
		if at < 0 {
			return fmt.Errorf("%w: its vDSO has no %s", ErrUnsupported, name)
		}
		entry, room := int64(symbols[at].Value), int64(len(image)-(i+1)*codeRoom)
		if text := image[room : room+codeRoom]; bytes.HasPrefix(text, c.text[:c.seconds]) { // it is there, and may run
			if _, err := mem.WriteAt(c.with(seconds)[c.seconds:c.seconds+4], from+room+int64(c.seconds)); err != nil {
				return err
			}
			continue
		} else if len(bytes.Trim(text, "\x00")) > 0 {
			return fmt.Errorf("%w: there is no room behind its vDSO", ErrUnsupported)
		}
		if _, err := mem.WriteAt(c.with(seconds), from+room); err != nil {
			return err
		}
		jumps = append(jumps, jump{from + entry, from + room})
	}
	if len(jumps) == 0 {
		return nil
	}
	return stopped(pid, func(counters []int64) (done bool, err error) {
		for _, j := range jumps {
			if slices.ContainsFunc(counters, func(at int64) bool { return at > j.from && at < j.from+jumpSize }) {
				return false, nil // a thread would go on in the middle of the jump
			}
		}
		for _, j := range jumps {
			text := binary.LittleEndian.AppendUint32([]byte{0xe9}, uint32(int32(j.to-j.from-jumpSize))) // jmp rel32
			if _, err := mem.WriteAt(text, j.from); err != nil {
				return false, err
			}
		}
		return true, nil
	})
}

// codeRoom is the room for each of the functions, jumpSize that of a jump to one.
const (
	codeRoom = 64
	jumpSize = 5
)

// jump leads from the beginning of a function of the vDSO to our code.
type jump struct{ from, to int64 }

// stopped stops all threads of a process, calls do with where each of them would go on, and lets them go on; again until do is done.
func stopped(pid int, do func(counters []int64) (done bool, err error)) error {
	for range 200 {
		if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
			return err
		}
		counters, err := halted(pid)
		done := false
		if err == nil {
			done, err = do(counters)
		}
		if err := errors.Join(err, syscall.Kill(pid, syscall.SIGCONT)); err != nil || done {
			return err
		}
	}
	return errors.New("its threads are never where they can be told another time")
}

// halted waits until all threads of a process have stopped, and returns where they would go on.
func halted(pid int) (counters []int64, err error) {
	for range 2000 {
		tasks, err := filepath.Glob("/proc/" + strconv.Itoa(pid) + "/task/[0-9]*")
		if err != nil || len(tasks) == 0 {
			return nil, errors.Join(err, fs.ErrNotExist)
		}
		counters = counters[:0]
		for _, task := range tasks {
			// proc(5): stat is "pid (name) state …", and syscall ends with where the thread is; "running" of one that runs.
			stat, errStat := os.ReadFile(task + "/stat")
			call, errCall := os.ReadFile(task + "/syscall")
			if errors.Is(errStat, fs.ErrNotExist) || errors.Is(errCall, fs.ErrNotExist) {
				continue // a thread that has ended
			}
			if err := errors.Join(errStat, errCall); err != nil {
				return nil, err
			}
			rest := bytes.TrimSpace(stat[bytes.LastIndexByte(stat, ')')+1:])
			fields := strings.Fields(string(call))
			if len(rest) == 0 || rest[0] != 'T' || len(fields) < 3 {
				break
			}
			at, err := strconv.ParseUint(strings.TrimPrefix(fields[len(fields)-1], "0x"), 16, 64)
			if err != nil {
				return nil, err
			}
			counters = append(counters, int64(at))
		}
		if len(counters) == len(tasks) {
			return counters, nil
		}
		time.Sleep(time.Millisecond)
	}
	return nil, errors.New("its threads do not stop")
}

// vdso finds the vDSO in a process's memory (proc(5), /proc/pid/maps).
func vdso(maps string) (from, to int64, err error) {
	for line := range strings.Lines(maps) {
		if !strings.HasSuffix(strings.TrimSpace(line), "[vdso]") {
			continue
		}
		bounds, _, _ := strings.Cut(line, " ")
		a, b, _ := strings.Cut(bounds, "-")
		from, errFrom := strconv.ParseInt(a, 16, 64)
		to, errTo := strconv.ParseInt(b, 16, 64)
		return from, to, errors.Join(errFrom, errTo)
	}
	return 0, 0, fmt.Errorf("%w: it has no vDSO", ErrUnsupported)
}
