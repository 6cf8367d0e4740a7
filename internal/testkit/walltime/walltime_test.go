package walltime_test

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/neurod/neurod/internal/testkit/walltime"
)

// envClock makes the test binary a process that tells the time when it is asked.
const envClock = "NEUROD_TEST_CLOCK"

func TestMain(m *testing.M) {
	if os.Getenv(envClock) == "" {
		os.Exit(m.Run())
	}
	begun, in := time.Now(), bufio.NewScanner(os.Stdin)
	for in.Scan() {
		fmt.Println(time.Now().Unix(), time.Since(begun).Milliseconds())
	}
}

// TestSet: a process sees the time that it is given, again and again, its steady clock goes on, and no other process sees any of it. Asked are a program of Go and one of C.
func TestSet(t *testing.T) {
	t.Parallel()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), envClock+"=1")
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		in.Close()
		if err := cmd.Wait(); err != nil {
			t.Error(err)
		}
	}()
	lines := bufio.NewScanner(out)
	ask := func() (wall time.Time, steady time.Duration) {
		t.Helper()
		if _, err := fmt.Fprintln(in); err != nil || !lines.Scan() {
			t.Fatal(err, lines.Err())
		}
		a, b, _ := strings.Cut(lines.Text(), " ")
		seconds, err1 := strconv.ParseInt(a, 10, 64)
		ms, err2 := strconv.ParseInt(b, 10, 64)
		if err := errors.Join(err1, err2); err != nil {
			t.Fatal(err)
		}
		return time.Unix(seconds, 0), time.Duration(ms) * time.Millisecond
	}
	begun := time.Now()
	for _, by := range []time.Duration{0, time.Hour, -time.Hour, 24 * 365 * time.Hour, 0} {
		if err := walltime.Set(by, cmd.Process.Pid); errors.Is(err, walltime.ErrUnsupported) {
			t.Skip(err)
		} else if err != nil {
			t.Fatal(err)
		}
		before := time.Now()
		wall, steady := ask()
		if d := wall.Sub(before) - by; d < -2*time.Second || d > time.Minute {
			t.Errorf("set by %v the process sees %v, which is %v off", by, wall, d)
		}
		if most := time.Since(begun) + time.Minute; steady < 0 || steady > most {
			t.Errorf("set by %v its steady clock says %v", by, steady)
		}
		if d := time.Since(before.Round(0)); d < 0 || d > time.Minute {
			t.Errorf("this process's own clock went by %v", d)
		}
	}

	shell := exec.Command("bash", "-c", `read -r; date +%s`)
	in2, err := shell.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	var said strings.Builder
	shell.Stdout = &said
	if err := shell.Start(); err != nil {
		t.Skip(err) // no bash
	}
	fmt.Fprintln(in2)
	if err := shell.Wait(); err != nil {
		t.Fatal(err)
	}
	seconds, err := strconv.ParseInt(strings.TrimSpace(said.String()), 10, 64)
	if d := time.Since(time.Unix(seconds, 0)); err != nil || d < -2*time.Second || d > time.Minute {
		t.Errorf("another process sees a time that is %v off, %v", d, err)
	}
}
