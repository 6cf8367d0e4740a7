//go:build unix

package main

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
)

// file is a sound recording of one format, from which broken ones are made.
type file struct {
	name     string
	ext      string
	encoding string // of a decode request, "" where it takes none such
	body     []byte
	// numbers are where the header says how much there is.
	numbers []place
}

// place is a number of the header: text of fixed width, or whole numbers of 2, 4 or 8 bytes.
type place struct {
	at, width int
	binary    bool
}

// recordings are a file of every format that is imported.
func recordings() []file {
	return []file{edf("0       ", 2, "edf"), edf("\xffBIOSEMI", 3, "bdf"), gdf("GDF 1.25"), gdf("GDF 2.20"), xdf(), muse(), mindMonitor(), openBCI(), table(), emotiv(), eeglab(false), eeglab(true)}
}

func wave(i, ch int) float64 {
	return 40*math.Sin(2*math.Pi*10*float64(i)/250) + 10*math.Sin(float64(i*(ch+3)))
}

func edf(version string, width int, ext string) file {
	names := []string{"C3", "Cz", "C4"}
	const records, perRecord = 4, 250
	var b bytes.Buffer
	put := func(n int, s string) { fmt.Fprintf(&b, "%-*.*s", n, n, s) }
	signals := len(names) + 1
	b.WriteString(version)
	put(80, "X X X X")
	put(80, "Startdate X X X X")
	put(16, "01.01.2000.00.00"[:8]+"00.00.00")
	put(8, fmt.Sprint(256*(signals+1)))
	put(44, strings.ToUpper(ext)+"+C")
	put(8, fmt.Sprint(records))
	put(8, "1")
	put(4, fmt.Sprint(signals))
	each := func(n int, own func(string) string, annotations string) {
		for _, c := range names {
			put(n, own(c))
		}
		put(n, annotations)
	}
	fixed := func(s string) func(string) string { return func(string) string { return s } }
	limit := fmt.Sprint(1<<(8*width-1) - 1)
	least := "-" + fmt.Sprint(1<<(8*width-1))
	each(16, func(s string) string { return s }, strings.ToUpper(ext)+" Annotations")
	each(80, fixed("electrode"), "")
	each(8, fixed("uV"), "")
	each(8, fixed("-3276.8"), "-1")
	each(8, fixed("3276.7"), "1")
	each(8, fixed(least), least)
	each(8, fixed(limit), limit)
	each(80, fixed("HP:0.1Hz"), "")
	each(8, fixed(fmt.Sprint(perRecord)), "30")
	each(32, fixed(""), "")
	numbers := []place{{184, 8, false}, {236, 8, false}, {244, 8, false}, {252, 4, false}}
	for _, at := range []int{104, 112, 120, 128, 216} {
		numbers = append(numbers, place{256 + at*signals, 8, false})
	}
	for r := range records {
		for ch := range names {
			for i := range perRecord {
				v := int32(10 * wave(r*perRecord+i, ch))
				if width == 3 {
					v *= 256
				}
				word := binary.LittleEndian.AppendUint32(nil, uint32(v))
				b.Write(word[:width])
			}
		}
		tal := fmt.Sprintf("+%d\x14\x14\x00+%d.5\x14T1\x14\x00", r, r)
		b.WriteString(tal + string(make([]byte, 30*width-len(tal))))
	}
	return file{name: strings.ToUpper(ext), ext: "." + ext, encoding: ext, body: b.Bytes(), numbers: numbers}
}

func gdf(version string) file {
	le := binary.LittleEndian
	names := []string{"C3", "Cz", "C4"}
	n, two := len(names), version[4] == '2'
	const records, perRecord = 4, 250
	b := make([]byte, 256*(n+1))
	copy(b, version)
	if two {
		le.PutUint16(b[184:], uint16(n+1))
		le.PutUint16(b[252:], uint16(n))
	} else {
		copy(b[168:], "2000010100000000")
		le.PutUint64(b[184:], uint64(len(b)))
		le.PutUint32(b[252:], uint32(n))
	}
	le.PutUint64(b[236:], records)
	le.PutUint32(b[244:], 1)
	le.PutUint32(b[248:], 1)
	body := b[256:]
	for i, c := range names {
		copy(body[16*i:], c)
		for at, v := range map[int]float64{104: -3276.8, 112: 3276.7} {
			le.PutUint64(body[at*n+8*i:], math.Float64bits(v))
		}
		if two {
			copy(body[96*n+6*i:96*n+6*i+6], "uV")
			le.PutUint16(body[102*n+2*i:], 4275)
			le.PutUint64(body[120*n+8*i:], math.Float64bits(-32768))
			le.PutUint64(body[128*n+8*i:], math.Float64bits(32767))
		} else {
			copy(body[96*n+8*i:96*n+8*i+8], "uV")
			low := int64(-32768)
			le.PutUint64(body[120*n+8*i:], uint64(low))
			le.PutUint64(body[128*n+8*i:], 32767)
		}
		le.PutUint32(body[216*n+4*i:], perRecord)
		le.PutUint32(body[220*n+4*i:], 3)
	}
	for r := range records {
		for ch := range n {
			for i := range perRecord {
				b = le.AppendUint16(b, uint16(int16(10*wave(r*perRecord+i, ch))))
			}
		}
	}
	events := len(b)
	b = append(b, 1, 2, 0, 0) // mode 1, two events
	if two {
		b = b[:events]
		b = append(b, 1, 2, 0, 0)
		b = le.AppendUint32(b, math.Float32bits(250))
	} else {
		b = le.AppendUint32(b[:events+1], 250<<8)[:events+4]
		b = le.AppendUint32(b, 2)
	}
	for _, at := range []uint32{100, 600} {
		b = le.AppendUint32(b, at)
	}
	for _, code := range []uint16{769, 770} {
		b = le.AppendUint16(b, code)
	}
	numbers := []place{{184, 8, true}, {236, 8, true}, {244, 4, true}, {248, 4, true}, {252, 4, true}, {256 + 216*n, 4, true}, {256 + 220*n, 4, true},
		{256 + 104*n, 8, true}, {256 + 120*n, 8, true}, {events, 4, true}, {events + 4, 4, true}, {events + 8, 4, true}}
	return file{name: version, ext: ".gdf", encoding: "gdf", body: b, numbers: numbers}
}

func xdf() file {
	le := binary.LittleEndian
	var b bytes.Buffer
	b.WriteString("XDF:")
	var numbers []place
	chunk := func(tag uint16, content []byte) {
		b.WriteByte(4)
		numbers = append(numbers, place{b.Len(), 4, true})
		b.Write(le.AppendUint32(nil, uint32(len(content)+2)))
		b.Write(le.AppendUint16(nil, tag))
		b.Write(content)
	}
	chunk(1, []byte(`<?xml version="1.0"?><info><version>1.0</version></info>`))
	stream := func(id uint32, name, typ, format string, channels int, rate float64) {
		chunk(2, append(le.AppendUint32(nil, id), fmt.Sprintf("<info><name>%s</name><type>%s</type><channel_count>%d</channel_count><nominal_srate>%g</nominal_srate><channel_format>%s</channel_format><desc><channels>%s</channels></desc></info>",
			name, typ, channels, rate, format, "<channel><label>C3</label><unit>microvolts</unit></channel><channel><label>Cz</label><unit>microvolts</unit></channel><channel><label>C4</label><unit>microvolts</unit></channel>")...))
	}
	stream(1, "amp", "EEG", "float32", 3, 250)
	stream(2, "cues", "Markers", "string", 1, 0)
	for part := range 4 {
		numbers = append(numbers, place{b.Len() + 12, 4, true})
		c := append(le.AppendUint32(nil, 1), 4)
		c = le.AppendUint32(c, 250)
		for i := range 250 {
			c = append(c, 8)
			c = le.AppendUint64(c, math.Float64bits(10+float64(250*part+i)/250))
			for ch := range 3 {
				c = le.AppendUint32(c, math.Float32bits(float32(wave(250*part+i, ch))))
			}
		}
		chunk(3, c)
	}
	c := append(le.AppendUint32(nil, 2), 4)
	c = append(le.AppendUint32(c, 1), 8)
	c = le.AppendUint64(c, math.Float64bits(11))
	chunk(3, append(c, 1, 2, 'T', '1'))
	return file{name: "XDF", ext: ".xdf", body: b.Bytes(), numbers: numbers}
}

// rows is a text with a line a sample.
// eeglab is a data set in a MATLAB file, packed as MATLAB saves it or not.
func eeglab(packed bool) file {
	const channels, samples = 3, 1000
	le := binary.LittleEndian
	element := func(kind uint32, data []byte) []byte {
		b := le.AppendUint32(le.AppendUint32(nil, kind), uint32(len(data)))
		b = append(b, data...)
		return append(b, make([]byte, (8-len(b)%8)%8)...)
	}
	array := func(class byte, name string, rows, columns int, parts ...[]byte) []byte {
		b := element(6, []byte{class, 0, 0, 0, 0, 0, 0, 0})
		b = append(b, element(5, le.AppendUint32(le.AppendUint32(nil, uint32(rows)), uint32(columns)))...)
		b = append(b, element(1, []byte(name))...)
		return element(14, append(b, bytes.Join(parts, nil)...))
	}
	number := func(v float64) []byte {
		return array(6, "", 1, 1, element(9, le.AppendUint64(nil, math.Float64bits(v))))
	}
	text := func(s string) []byte { return array(4, "", 1, len(s), element(16, []byte(s))) }
	structs := func(name string, n int, fields []string, values ...[]byte) []byte {
		names := make([]byte, 16*len(fields))
		for i, f := range fields {
			copy(names[16*i:], f)
		}
		return array(2, name, 1, n, append([][]byte{element(5, le.AppendUint32(nil, 16)), element(1, names)}, values...)...)
	}
	var data []byte
	for i := range samples {
		for ch := range channels {
			data = le.AppendUint32(data, math.Float32bits(float32(wave(i, ch))))
		}
	}
	set := structs("EEG", 1, []string{"srate", "nbchan", "pnts", "trials", "chanlocs", "event", "data"},
		number(250), number(channels), number(samples), number(1),
		structs("", channels, []string{"labels"}, text("C3"), text("Cz"), text("C4")),
		structs("", 2, []string{"type", "latency", "duration"}, text("left"), number(100), number(10), text("boundary"), number(500.5), number(250)),
		array(7, "", channels, samples, element(7, data)))
	name := "EEGLAB"
	if packed {
		name += ", packed"
		var b bytes.Buffer
		z := zlib.NewWriter(&b) // to memory, which does not fail
		_, _ = z.Write(set)
		_ = z.Close()
		set = append(le.AppendUint32(le.AppendUint32(nil, 15), uint32(b.Len())), b.Bytes()...)
	}
	body := append(fmt.Appendf(nil, "%-124s\x00\x01IM", "MATLAB 5.0 MAT-file"), set...)
	f := file{name: name, ext: ".set", body: body, numbers: []place{{132, 4, true}}}
	for at := 136; !packed && at < 1400 && at+8 <= len(body); at += 8 { // where a size or a dimension may stand
		f.numbers = append(f.numbers, place{at + 4, 4, true})
	}
	return f
}

func rows(name, ext, head string, line func(i int) string) file {
	var b strings.Builder
	b.WriteString(head)
	for i := range 1000 {
		b.WriteString(line(i) + "\n")
	}
	return file{name: name, ext: ext, body: []byte(b.String())}
}

func muse() file {
	return rows("Muse", ".csv", "timestamps,TP9,AF7,AF8,TP10,Right AUX\n", func(i int) string {
		return fmt.Sprintf("%.4f,%.2f,%.2f,%.2f,%.2f,0.0", 1.7e9+float64(i)/256, wave(i, 0), wave(i, 1), wave(i, 2), wave(i, 3))
	})
}

func mindMonitor() file {
	return rows("Mind Monitor", ".csv", "TimeStamp,Delta_TP9,RAW_TP9,RAW_AF7,RAW_AF8,RAW_TP10,AUX_RIGHT,Accelerometer_X,Elements\n", func(i int) string {
		ms := i * 1000 / 256
		return fmt.Sprintf("2024-03-04 05:06:%02d.%03d,0.1,%.2f,%.2f,%.2f,%.2f,0,0.1,", ms/1000, ms%1000, 800+wave(i, 0), 800+wave(i, 1), 800+wave(i, 2), 800+wave(i, 3))
	})
}

func openBCI() file {
	head := "%OpenBCI Raw EXG Data\n%Number of channels = 8\n%Sample Rate = 250 Hz\n%Board = OpenBCI_GUI$BoardCytonSerial\nSample Index"
	for ch := range 8 {
		head += fmt.Sprintf(", EXG Channel %d", ch)
	}
	return rows("OpenBCI", ".txt", head+", Accel Channel 0, Accel Channel 1, Accel Channel 2, Timestamp, Marker Channel, Timestamp (Formatted)\n", func(i int) string {
		s := fmt.Sprint(i % 256)
		for ch := range 8 {
			s += fmt.Sprintf(", %.2f", wave(i, ch))
		}
		return s + fmt.Sprintf(", 0.1, 0.2, 0.9, %.4f, %d, 2023-11-14 22:13:20.000", 1.7e9+float64(i)/250, i%500/499)
	})
}

func table() file {
	return rows("table", ".csv", "C3,Cz,C4\n", func(i int) string { return fmt.Sprintf("%.3f,%.3f,%.3f", wave(i, 0), wave(i, 1), wave(i, 2)) })
}

func emotiv() file {
	return rows("Emotiv", ".csv", "Timestamp,OriginalTimestamp,EEG.Counter,EEG.Interpolated,EEG.AF3,EEG.F7,EEG.F8,EEG.AF4,EEG.RawCq,EEG.Battery,EEG.BatteryPercent,MarkerIndex,MarkerType,MarkerValueInt,EEG.MarkerHardware\n",
		func(i int) string {
			return fmt.Sprintf("%.4f,%.4f,%d,0,%.2f,%.2f,%.2f,%.2f,0,4,80,,,,0", float64(i)/128, float64(i)/128, i%128, 4200+wave(i, 0), 4200+wave(i, 1), 4200+wave(i, 2), 4200+wave(i, 3))
		})
}

// change is a recording that was changed.
type change struct {
	name string
	body []byte
}

// claims are files whose header says that there is more than there is: each number in turn at its largest.
func (f file) claims() []change {
	var out []change
	for _, p := range f.numbers {
		for _, v := range []string{"99999999", "2000000000", "-1", "0", "1e308"} {
			b := bytes.Clone(f.body)
			if p.binary {
				value := map[string]uint64{"99999999": 99_999_999, "2000000000": 2_000_000_000, "-1": math.MaxUint64, "0": 0, "1e308": 1 << 62}[v]
				for i := range p.width {
					b[p.at+i] = byte(value >> (8 * i))
				}
			} else {
				copy(b[p.at:p.at+p.width], fmt.Sprintf("%-*.*s", p.width, p.width, v))
			}
			out = append(out, change{fmt.Sprintf("%s at %d", v, p.at), b})
		}
	}
	return out
}

// mutated returns a file with a few changes, which follow from the seed.
func (f file) mutated(seed uint64) []byte {
	r := rand.New(rand.NewPCG(seed, uint64(len(f.body))))
	b := bytes.Clone(f.body)
	for range 1 + r.IntN(4) {
		if len(b) < 2 {
			break
		}
		// Headers say more than samples do: half of the changes are near the beginning.
		at := r.IntN(len(b))
		if r.IntN(2) == 0 {
			at = r.IntN(min(len(b), 1500))
		}
		n := 1 + r.IntN(min(64, len(b)-at))
		switch r.IntN(9) {
		case 0: // one bit
			b[at] ^= 1 << r.IntN(8)
		case 1: // noise
			for i := range n {
				b[at+i] = byte(r.Uint32())
			}
		case 2: // cut off
			b = b[:at]
		case 3: // taken out
			b = append(b[:at], b[at+n:]...)
		case 4: // twice
			b = append(b[:at+n], append(bytes.Clone(b[at:at+n]), b[at+n:]...)...)
		case 5: // zeros
			clear(b[at : at+n])
		case 6: // a number in digits
			copy(b[at:], fmt.Sprintf("%-8d", r.Int64N(1<<r.IntN(63))))
		case 7: // a number in bits
			var word [8]byte
			binary.LittleEndian.PutUint64(word[:], 1<<r.IntN(64)-uint64(r.IntN(2)))
			copy(b[at:], word[:1<<r.IntN(4)])
		case 8: // one of the header's own
			if len(f.numbers) > 0 {
				claims := f.claims()
				c := claims[r.IntN(len(claims))].body
				p := f.numbers[r.IntN(len(f.numbers))]
				if p.at+p.width <= len(b) {
					copy(b[p.at:p.at+p.width], c[p.at:p.at+p.width])
				}
			} else {
				copy(b[at:], []string{"nan", "1e400", "-", ",,,,", "\n\n", "\"", ";", "\t", "=", "\x00"}[r.IntN(10)])
			}
		}
	}
	return b
}
