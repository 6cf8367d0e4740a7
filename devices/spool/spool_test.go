package spool_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"pgregory.net/rapid"

	"github.com/neurod/neurod/devices/spool"
)

func open(t interface {
	Helper()
	Fatal(...any)
}, cfg spool.Config) *spool.Spool {
	t.Helper()
	s, err := spool.Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// waiting returns what is in a spool.
func waiting(t interface {
	Helper()
	Fatal(...any)
}, s *spool.Spool) (numbers []int64, records [][]byte) {
	t.Helper()
	err := s.Read(s.Cursor().Done+1, func(n int64, b []byte) bool {
		numbers, records = append(numbers, n), append(records, bytes.Clone(b))
		return true
	})
	if err != nil {
		t.Fatal(err)
	}
	return numbers, records
}

// TestLikeAList: whatever is appended, acknowledged, and however often the process ends without closing, the spool holds what a list would.
func TestLikeAList(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		dir, err := os.MkdirTemp("", "spool")
		if err != nil {
			t.Fatal(err)
		}
		defer os.RemoveAll(dir)
		cfg := spool.Config{Dir: dir, Most: 4000, Segment: int64(rapid.IntRange(20, 500).Draw(t, "segment"))}
		s := open(t, cfg)
		list := map[int64][]byte{}
		next, done, sending, mark := int64(1), int64(0), int64(0), int64(0)
		check := func() {
			numbers, records := waiting(t, s)
			if len(numbers) != int(next-1-done) {
				t.Fatalf("%d records wait, want %d", len(numbers), next-1-done)
			}
			for i, n := range numbers {
				if n != done+1+int64(i) || !bytes.Equal(records[i], list[n]) {
					t.Fatalf("record %d of %d is %q", n, done+1+int64(i), records[i])
				}
			}
			if c := s.Cursor(); c.Done != done || c.Sending != max(sending, done) || c.Mark != mark || s.Next() != next {
				t.Fatalf("the cursor is %+v and next %d, want %d, %d, %d and %d", c, s.Next(), done, sending, mark, next)
			}
		}
		t.Repeat(map[string]func(*rapid.T){
			"append": func(t *rapid.T) {
				rec := rapid.SliceOfN(rapid.Byte(), 0, 200).Draw(t, "record")
				n, err := s.Append(rec)
				switch {
				case errors.Is(err, spool.ErrFull):
					if s.Bytes()+16+int64(len(rec)) <= cfg.Most {
						t.Fatalf("full with %d bytes", s.Bytes())
					}
				case err != nil:
					t.Fatal(err)
				case n != next:
					t.Fatalf("the record is number %d, want %d", n, next)
				default:
					list[next] = rec
					next++
				}
			},
			"sending": func(t *rapid.T) {
				if next-1 > done {
					sending = rapid.Int64Range(done+1, next-1).Draw(t, "sending")
					if err := s.Sending(sending); err != nil {
						t.Fatal(err)
					}
				}
			},
			"acknowledge": func(t *rapid.T) {
				if next-1 > done {
					done = rapid.Int64Range(done+1, next-1).Draw(t, "done")
					sending, mark = done, done*7
					if err := s.Acknowledge(done, mark); err != nil {
						t.Fatal(err)
					}
				}
			},
			"end of the process": func(t *rapid.T) { // nothing is closed; the files are as they are
				s = open(t, cfg)
			},
			"end in the middle of a record": func(t *rapid.T) {
				files, _ := filepath.Glob(filepath.Join(dir, "*.seg"))
				if len(files) == 0 {
					return
				}
				f, err := os.OpenFile(files[len(files)-1], os.O_APPEND|os.O_WRONLY, 0)
				if err != nil {
					t.Fatal(err)
				}
				torn := rapid.SliceOfN(rapid.Byte(), 1, 60).Draw(t, "torn")
				if _, err := f.Write(torn); err != nil {
					t.Fatal(err)
				}
				f.Close()
				s = open(t, cfg)
			},
			"": func(*rapid.T) { check() },
		})
	})
}

// TestFull: a spool that is full refuses the newest, and takes again when something went.
func TestFull(t *testing.T) {
	t.Parallel()
	s := open(t, spool.Config{Dir: t.TempDir(), Most: 1000, Segment: 300})
	for i := 0; ; i++ {
		if _, err := s.Append(make([]byte, 84)); errors.Is(err, spool.ErrFull) {
			if i != 10 {
				t.Errorf("%d records of 100 bytes fit into 1000", i)
			}
			break
		} else if err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Acknowledge(2, 0); err != nil { // of a segment of three
		t.Fatal(err)
	}
	if _, err := s.Append(make([]byte, 84)); !errors.Is(err, spool.ErrFull) {
		t.Errorf("a segment is still needed: %v", err)
	}
	if err := s.Acknowledge(3, 0); err != nil {
		t.Fatal(err)
	}
	if n, err := s.Append(make([]byte, 84)); err != nil || n != 11 {
		t.Errorf("record %d, %v", n, err)
	}
}

// TestDamageIsCountedAndPassedOver: a record in the middle that the disk did not keep costs its segment, not the rest.
func TestDamageIsCountedAndPassedOver(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := open(t, spool.Config{Dir: dir, Segment: 300})
	for i := range 9 {
		if _, err := s.Append(fmt.Appendf(nil, "%084d", i)); err != nil {
			t.Fatal(err)
		}
	}
	name := filepath.Join(dir, fmt.Sprintf("%012d.seg", 4))
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	b[150] ^= 1
	if err := os.WriteFile(name, b, 0o600); err != nil {
		t.Fatal(err)
	}
	s = open(t, spool.Config{Dir: dir, Segment: 300})
	numbers, _ := waiting(t, s)
	if fmt.Sprint(numbers) != "[1 2 3 4 7 8 9]" || s.Damaged() != 1 {
		t.Errorf("%v are readable, %d damaged", numbers, s.Damaged())
	}
}

// FuzzOpen: whatever lies in the folder, opening and reading neither panic nor take more memory than there are bytes.
func FuzzOpen(f *testing.F) {
	dir := f.TempDir()
	s, err := spool.Open(spool.Config{Dir: dir})
	if err != nil {
		f.Fatal(err)
	}
	for _, rec := range []string{"", "one", "two"} {
		if _, err := s.Append([]byte(rec)); err != nil {
			f.Fatal(err)
		}
	}
	b, err := os.ReadFile(filepath.Join(dir, "000000000001.seg"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b, []byte(`{"done":1,"sending":2,"mark":3}`))
	f.Add(b[:len(b)-1], []byte(`{`))
	f.Add([]byte{0xff, 0xff, 0xff, 0x3f, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0}, []byte(``))
	f.Fuzz(func(t *testing.T, segment, cursor []byte) {
		dir := t.TempDir()
		for name, b := range map[string][]byte{"000000000001.seg": segment, "cursor": cursor} {
			if err := os.WriteFile(filepath.Join(dir, name), b, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		s, err := spool.Open(spool.Config{Dir: dir})
		if err != nil {
			return
		}
		if _, err := s.Append([]byte("next")); err != nil {
			return
		}
		last := []byte(nil)
		if err := s.Read(0, func(_ int64, rec []byte) bool { last = rec; return true }); err != nil || string(last) != "next" {
			t.Errorf("the last record is %q, %v", last, err)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
}
