package text_test

import (
	"flag"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/neurod/neurod/decoders/recording/formats"
	"github.com/neurod/neurod/decoders/recording/readertest"
)

// board is a device and the file that is written of it.
type board struct {
	name    string
	file    string // its name
	rate    float64
	packet  int // samples that are lost together
	counter func(sample int) int
	header  string
	row     func(counter int, stamp float64, value int) string
	// delay gives a stamp its delay: bursts and jitter.
	delay func() func(rng *rand.Rand, sample int, rate float64) float64
}

func cells(v, n int) string {
	return strings.TrimSuffix(strings.Repeat(fmt.Sprintf("%d.50, ", v%50), n), ", ")
}

// boards are the devices whose files are read, as their programs write them.
func boards() []board {
	exact := func() func(*rand.Rand, int, float64) float64 {
		return func(*rand.Rand, int, float64) float64 { return 0 }
	}
	// What the dongle or the radio has gathered comes at once, and a little late.
	arrival := func(packet int, jitter float64) func() func(rng *rand.Rand, sample int, rate float64) float64 {
		return func() func(rng *rand.Rand, sample int, rate float64) float64 {
			last, at := -1, 0.0
			return func(rng *rand.Rand, sample int, rate float64) float64 {
				if sample/packet != last {
					last = sample / packet
					at = max(at, float64(last*packet)/rate+jitter*rng.Float64()) // never before the one before
				}
				return at - float64(sample)/rate
			}
		}
	}
	gui := func(board string, channels int, rate float64, stamp string) string {
		var b strings.Builder
		fmt.Fprintf(&b, "%%OpenBCI Raw EXG Data\n%%Number of channels = %d\n%%Sample Rate = %g Hz\n%%Board = OpenBCI_GUI$%s\nSample Index", channels, rate, board)
		for i := range channels {
			fmt.Fprintf(&b, ", EXG Channel %d", i)
		}
		return b.String() + ", Accel Channel 0, Timestamp, Marker Channel, Timestamp (Formatted)\n"
	}
	guiRow := func(channels int, unit float64) func(int, float64, int) string {
		return func(counter int, stamp float64, v int) string {
			return fmt.Sprintf("%d.0, %s, 0.1, %.4f, 0.0, x\n", counter, cells(v, channels), stamp*unit)
		}
	}
	epoch := 1_700_000_000.0
	ganglion2 := func(first int) func(int) int {
		return func(s int) int {
			if s %= 201; s == 0 {
				return 0
			} else {
				return first + (s-1)/2
			}
		}
	}
	day := func(stamp float64) string {
		return time.Date(2020, 1, 1, 23, 59, 50, 0, time.UTC).Add(time.Duration((stamp - epoch) * 1e9)).Format("15:04:05.000")
	}
	return []board{
		{name: "Cyton, GUI 5", file: "x.txt", rate: 250, packet: 1, counter: func(s int) int { return s % 256 }, header: gui("BoardCytonSerial", 8, 250, ""), row: guiRow(8, 1), delay: exact},
		{name: "Cyton, stamps of arrival", file: "x.txt", rate: 250, packet: 1, counter: func(s int) int { return s % 256 }, header: gui("BoardCytonSerial", 8, 250, ""), row: guiRow(8, 1), delay: arrival(8, 0.03)},
		{name: "Cyton, ms", file: "x.txt", rate: 250, packet: 1, counter: func(s int) int { return s % 256 }, header: gui("BoardCytonSerial", 8, 250, ""), row: guiRow(8, 1000), delay: exact},
		{name: "Daisy", file: "x.txt", rate: 125, packet: 1, counter: func(s int) int { return 2 * s % 256 }, header: gui("BoardCytonSerialDaisy", 16, 125, ""), row: guiRow(16, 1), delay: exact},
		{name: "Ganglion, firmware 2", file: "x.txt", rate: 200, packet: 2, counter: ganglion2(101), header: gui("BoardGanglionNative", 4, 200, ""), row: guiRow(4, 1), delay: exact},
		{name: "Ganglion, firmware 2 with accelerometer", file: "x.txt", rate: 200, packet: 2, counter: ganglion2(1), header: gui("BoardGanglionBLE", 4, 200, ""), row: guiRow(4, 1), delay: arrival(4, 0.03)},
		{name: "Ganglion, firmware 3", file: "x.txt", rate: 200, packet: 2, counter: func(s int) int { return 100 + s/2%100 }, header: gui("BoardGanglionNative", 4, 200, ""), row: guiRow(4, 1), delay: exact},
		{name: "Ganglion, firmware 3 with accelerometer", file: "x.txt", rate: 200, packet: 2, counter: func(s int) int { return s / 2 % 100 }, header: gui("BoardGanglionNative", 4, 200, ""), row: guiRow(4, 1), delay: arrival(4, 0.03)},
		{name: "Cyton, GUI 4 over midnight", file: "x.txt", rate: 250, packet: 1, counter: func(s int) int { return s % 256 },
			header: "%OpenBCI Raw EEG Data\n%Number of channels = 8\n%Sample Rate = 250.0 Hz\n", delay: exact,
			row: func(c int, stamp float64, v int) string {
				return fmt.Sprintf("%d, %s, 0.000, 0.000, 0.000, %s\n", c, cells(v, 8), day(stamp))
			}},
		{name: "Cyton, decimal commas", file: "x.txt", rate: 250, packet: 1, counter: func(s int) int { return s % 256 },
			header: "%OpenBCI Raw EEG Data\n%Number of channels = 8\n%Sample Rate = 250,0 Hz\n", delay: exact,
			row: func(c int, stamp float64, v int) string {
				return fmt.Sprintf("%d, %s, 0,000, 0,000, 0,000, %s\n", c, strings.ReplaceAll(cells(v, 8), ".50", ",50"), day(stamp))
			}},
		{name: "Muse", file: "x.csv", rate: 256, packet: 1, counter: func(int) int { return 0 }, header: "timestamps,TP9,AF7,AF8,TP10,Right AUX\n", delay: exact,
			row: func(_ int, stamp float64, v int) string { return fmt.Sprintf("%.4f,%d,2,3,4,0\n", stamp, v) }},
		{name: "Muse, ms", file: "x.csv", rate: 256, packet: 2, counter: func(int) int { return 0 }, header: "timestamps,TP9,AF7,AF8,TP10,Right AUX\n", delay: exact,
			row: func(_ int, stamp float64, v int) string { return fmt.Sprintf("%.3f,%d,2,3,4,0\n", stamp, v) }},
		{name: "Muse of 2014 by ms", file: "x.csv", rate: 220, packet: 2, counter: func(int) int { return 0 }, header: "timestamps;TP9;AF7;AF8;TP10\n", delay: exact,
			row: func(_ int, stamp float64, v int) string {
				return strings.ReplaceAll(fmt.Sprintf("%.3f;%d.5;2;3;4\n", stamp, v), ".", ",")
			}},
		{name: "Mind Monitor, quoted", file: "x.csv", rate: 256, packet: 12, counter: func(int) int { return 0 }, header: "TimeStamp,RAW_TP9,RAW_AF7,Elements\n",
			delay: func() func(*rand.Rand, int, float64) float64 {
				return func(_ *rand.Rand, s int, rate float64) float64 { return float64(s/12*12-s) / rate }
			},
			row: func(_ int, stamp float64, v int) string {
				at := time.UnixMilli(int64(math.Round(stamp * 1000))).UTC().Format("2006-01-02 15:04:05.000")
				return fmt.Sprintf("%s,\"%d,5\",\"800,25\",\n", at, 800+v%50)
			}},
		{name: "table with a time", file: "x.csv", rate: 500, packet: 1, counter: func(int) int { return 0 }, header: "Time (ms);C3;C4\n", delay: exact,
			row: func(_ int, stamp float64, v int) string {
				return strings.ReplaceAll(fmt.Sprintf("%.1f;%d.25;7.5\n", (stamp-epoch)*1000, v%50), ".", ",")
			}},
		{name: "EmotivPRO", file: "x.csv", rate: 128, packet: 1, counter: func(s int) int { return s % 128 }, header: "Timestamp,EEG.Counter,EEG.Interpolated,EEG.AF3,EEG.AF4,EEG.Battery\n", delay: exact,
			row: func(c int, stamp float64, v int) string {
				return fmt.Sprintf("%.6f,%d,0,42%02d.5,4200,80\n", stamp, c, v%50)
			}},
		{name: "BrainFlow, Ganglion", file: "x.csv", rate: 200, packet: 2, counter: func(s int) int { return 100 + s/2%100 }, delay: exact,
			row: func(c int, stamp float64, v int) string {
				return fmt.Sprintf("%d.000000\t%d.5\t2\t3\t4\t0.1\t0.2\t0.9\t0\t0\t0\t0\t0\t%.6f\t0.0\n", c, v%50, stamp)
			}},
	}
}

// TestMain sets how many recordings of each board TestLossesAtTheirTrueTime makes, where the command line does not: 30, which is 540 with some
// 3,000 losses. A fault that one recording in a hundred shows passes in one run of two hundred, one that shows in a tenth of the recordings of
// one board alone in one of twenty.
func TestMain(m *testing.M) {
	flag.Parse()
	given := false
	flag.Visit(func(f *flag.Flag) { given = given || f.Name == "rapid.checks" })
	if !given {
		if err := flag.Set("rapid.checks", "30"); err != nil {
			panic(err)
		}
	}
	os.Exit(m.Run())
}

// TestLossesAtTheirTrueTime: whatever is lost, from one packet to minutes, beyond any wrap of the counter, and however often:
// every sample that is there has its true time within a sample.
func TestLossesAtTheirTrueTime(t *testing.T) {
	t.Parallel()
	for _, b := range boards() {
		t.Run(b.name, func(t *testing.T) {
			t.Parallel()
			rapid.Check(t, func(rt *rapid.T) {
				rng := rand.New(rand.NewPCG(rapid.Uint64().Draw(rt, "jitter"), 1))
				delay := b.delay()
				rows := rapid.IntRange(700, 1500).Draw(rt, "rows")
				losses := rapid.IntRange(0, 12).Draw(rt, "losses")
				lost := map[int]int{} // packets, before a packet
				for range losses {
					at := rapid.IntRange(1+20/b.packet, (rows-100)/b.packet).Draw(rt, "at")
					switch rapid.IntRange(0, 3).Draw(rt, "length") {
					case 0:
						lost[at] = rapid.IntRange(1, 5).Draw(rt, "few")
					case 1, 2:
						lost[at] = rapid.IntRange(1, 300).Draw(rt, "some")
					default:
						lost[at] = rapid.IntRange(300, 20_000).Draw(rt, "many")
					}
				}
				// A packet begins with the sample.
				whole := func(s int) bool {
					if strings.Contains(b.name, "firmware 2") { // the raw one is a packet of its own
						return s%201 == 0 || s%201%2 == 1
					}
					return s%b.packet == 0
				}
				var file strings.Builder
				file.WriteString(b.header)
				var truth []int
				sample := b.packet * rapid.IntRange(0, 500).Draw(rt, "first")
				if strings.Contains(b.name, "firmware 2") {
					sample = 1 + sample/201*201 // at a whole packet behind the raw one
				}
				first := sample
				for n := 0; n < rows; {
					if k := lost[n/b.packet]; k > 0 && whole(sample) {
						delete(lost, n/b.packet)
						for sample += k * b.packet; !whole(sample); {
							sample++
						}
					}
					stamp := 1_700_000_000 + float64(sample)/b.rate + delay(rng, sample, b.rate)
					file.WriteString(b.row(b.counter(sample), stamp, n))
					truth = append(truth, sample-first)
					sample++
					n++
				}
				rec, err := formats.Open(b.file, strings.NewReader(file.String()), int64(file.Len()))
				if err != nil {
					rt.Fatal(err)
				}
				if r := rec.Channels[0].Rate; r != b.rate || rec.Irregular {
					rt.Fatalf("%g Hz, irregular %v, warnings %q", r, rec.Irregular, rec.Warnings)
				}
				if n := len(rec.Channels[0].Samples); n != rows {
					rt.Fatalf("%d rows of %d", n, rows)
				}
				missing, g := 0.0, 0
				for i, want := range truth {
					for g < len(rec.Gaps) && rec.Gaps[g].At*b.rate < float64(i)+0.5 {
						missing += rec.Gaps[g].Length * b.rate
						g++
					}
					if got := float64(i) + missing; math.Abs(got-float64(want)) > 1.001 {
						rt.Fatalf("row %d is sample %.1f, true is %d; gaps %v, warnings %q", i, got, want, rec.Gaps, rec.Warnings)
					}
				}
				if losses%4 == 0 {
					readertest.SameReading(t, b.file, []byte(file.String()), 4096)
				}
			})
		})
	}
}
