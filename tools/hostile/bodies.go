//go:build unix

package main

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync"

	"github.com/neurod/neurod/eeg"
)

// most is the size of the largest body that is sent, as it goes over the wire.
const most = 1_000_000

// repeated is head, then one of what each gives after another with commas between while they fit, then tail.
func repeated(size int, head, tail string, each func(i int) string) []byte {
	var b bytes.Buffer
	b.WriteString(head)
	for i := 0; ; i++ {
		s := each(i)
		if b.Len()+len(s)+1+len(tail) > size {
			break
		}
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(s)
	}
	b.WriteString(tail)
	return b.Bytes()
}

func always(s string) func(int) string { return func(int) string { return s } }

// zipped is gzip of a text, at its best.
func zipped(b []byte) []byte {
	var out bytes.Buffer
	w, _ := gzip.NewWriterLevel(&out, gzip.BestCompression) // the level is one that there is
	_, _ = w.Write(b)                                       // into memory
	_ = w.Close()
	return out.Bytes()
}

// endless is what a bomb unpacks to: more than any route takes of gzip.
const endless = 128 << 20

// bomb is gzip of head, then as many copies of a text as have size bytes or fit into a body, then tail.
func bomb(head, unit, tail string, size int) []byte {
	var out bytes.Buffer
	w, _ := gzip.NewWriterLevel(&out, gzip.BestSpeed)
	_, _ = w.Write([]byte(head))
	block := []byte(strings.Repeat(unit, max(1, (1<<20)/len(unit))))
	for n := 0; n < size; n += len(block) {
		_, _ = w.Write(block)
		if out.Len() > most-64<<10 {
			break
		}
	}
	_, _ = w.Write([]byte(tail))
	_ = w.Close()
	return out.Bytes()
}

// samples are float32 noise of so many values, little-endian, µV.
func samples(values int, seed uint64) []byte {
	r := rand.New(rand.NewPCG(seed, 1))
	out := make([]byte, 0, 4*values)
	for range values {
		out = binary.LittleEndian.AppendUint32(out, math.Float32bits(float32(20*r.NormFloat64())))
	}
	return out
}

// integers are int16 noise.
func integers(values int, seed uint64) []byte {
	r := rand.New(rand.NewPCG(seed, 2))
	out := make([]byte, 0, 2*values)
	for range values {
		out = binary.LittleEndian.AppendUint16(out, uint16(int16(200*r.NormFloat64())))
	}
	return out
}

func base(b []byte) string { return base64.StdEncoding.EncodeToString(b) }

func marshal(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err) // what is written here always encodes
	}
	return b
}

// montage returns names of electrodes, then of further channels.
func montage(n int) []string {
	known := []string{"Fz", "C3", "Cz", "C4", "Pz", "O1", "Oz", "O2", "FC3", "FC4", "CP3", "CP4", "PO7", "PO8", "P3", "P4", "F3", "F4", "T7", "T8", "Fp1", "Fp2"}
	out := make([]string, n)
	for i := range out {
		if out[i] = "x" + strconv.Itoa(i); i < len(known) {
			out[i] = known[i]
		}
	}
	return out
}

// object is a JSON object.
type object = map[string]any

func with(o object, more object) object {
	out := object{}
	for k, v := range o {
		out[k] = v
	}
	for k, v := range more {
		out[k] = v
	}
	return out
}

// text is a body of one kind. It is made when it is sent: all of them together are gigabytes.
type text struct {
	name string
	body func() []byte
	gzip bool
	kind string // media type, "" for JSON
}

// everywhere are bodies that any route that reads JSON gets. They are made once.
var everywhere = sync.OnceValue(func() []text {
	list := anywhere()
	for i := range list {
		list[i].body = sync.OnceValue(list[i].body)
	}
	return list
})

func anywhere() []text {
	digits := strings.Repeat("7", most-20)
	return []text{
		{name: "a megabyte of opening brackets", body: func() []byte { return bytes.Repeat([]byte("["), most) }},
		{name: "objects in objects", body: func() []byte { return bytes.Repeat([]byte(`{"a":`), most/5) }},
		{name: "arrays of 64 levels", body: func() []byte {
			return repeated(most, "[", "]", always(strings.Repeat("[", 62)+strings.Repeat("]", 62)))
		}},
		{name: "many keys", body: func() []byte {
			return repeated(most, "{", "}", func(i int) string { return `"` + strconv.Itoa(i) + `":0` })
		}},
		{name: "one key again and again", body: func() []byte { return repeated(most, "{", "}", always(`"input":{}`)) }},
		{name: "a long key", body: func() []byte { return []byte(`{"` + strings.Repeat("k", most-10) + `":0}`) }},
		{name: "a long key of escapes", body: func() []byte { return []byte(`{"` + strings.Repeat(`\u0041`, (most-20)/6) + `":0}`) }},
		{name: "slashes and tildes in a key", body: func() []byte { return []byte(`{"` + strings.Repeat(`~/`, (most-20)/2) + `":0}`) }},
		{name: "a long string", body: func() []byte { return []byte(`{"name":"` + strings.Repeat("s", most-20) + `"}`) }},
		{name: "a long number", body: func() []byte { return []byte(`{"name":` + digits + `}`) }},
		{name: "a number beyond all", body: func() []byte { return []byte(`{"name":1e` + digits[:1000] + `}`) }},
		{name: "an array of zeros", body: func() []byte { return repeated(most, "[", "]", always("0")) }},
		{name: "white space", body: func() []byte { return bytes.Repeat([]byte(" "), most) }},
		{name: "bytes that are not text", body: func() []byte { return bytes.Repeat([]byte{0xff, 0xfe}, most/2) }},
		{name: "gzip of white space", body: func() []byte { return bomb("{", " ", "}", endless) }, gzip: true},
		{name: "gzip of empty objects", body: func() []byte { return bomb(`{"input":{"events":[{}`, ",{}", "]}}", endless) }, gzip: true},
		{name: "gzip of a string", body: func() []byte { return bomb(`{"name":"`, "s", `"}`, endless) }, gzip: true},
		{name: "gzip in members", body: func() []byte { return bytes.Repeat(zipped([]byte(strings.Repeat(" ", 4096))), most/40)[:most] }, gzip: true},
		{name: "gzip of gzip", body: func() []byte { return zipped(bomb("", " ", "", endless)) }, gzip: true},
		{name: "gzip that ends early", body: func() []byte { return bomb("{", " ", "}", 1<<24)[:2000] }, gzip: true},
	}
}

// fields puts a megabyte into each of the fields of a decode request.
func decodeFields() []text {
	list := func(name, field, unit string) text {
		return text{name: name, body: func() []byte {
			return repeated(most, `{"input":{"type":"eeg","data":"QUFBQQ==","channels":1,"sample_rate":250,"`+field+`":[`, `]}}`, always(unit))
		}}
	}
	context := func(name, rest string, each func(int) string, tail string) text {
		return text{name: name, body: func() []byte {
			return repeated(most, `{"input":{"type":"eeg","data":"QUFBQQ==","channels":1,"sample_rate":250},"context":{`+rest, tail+`}}`, each)
		}}
	}
	out := []text{
		list("events, empty", "events", "{}"),
		list("events, all wrong", "events", `{"onset_s":-1}`),
		list("events that are numbers", "events", "0"),
		list("events with long labels", "events", `{"onset_s":1,"label":"`+strings.Repeat("l", 300)+`"}`),
		list("channels, empty names", "channels", `""`),
		list("channels that are numbers", "channels", "0"),
		context("context, free keys", "", func(i int) string { return `"` + strconv.Itoa(i) + `":0` }, ""),
		context("context, history", `"session_history":[`, always(`""`), "]"),
		context("context, intents", `"intents":{`, func(i int) string { return `"` + strconv.Itoa(i) + `":""` }, "}"),
		context("context, locale", `"locale":"`, always("en-GB"), `"`),
		{name: "targets, empty", body: func() []byte {
			return repeated(most, `{"input":{"type":"eeg","data":"QUFBQQ==","stimulus":{"targets":[`, `]}}}`, always("{}"))
		}},
		{name: "matrix, empty rows", body: func() []byte {
			return repeated(most, `{"input":{"type":"eeg","data":"QUFBQQ==","stimulus":{"matrix":[`, `]}}}`, always("[]"))
		}},
		{name: "flashes", body: func() []byte {
			return repeated(most, `{"input":{"type":"eeg","data":"QUFBQQ==","stimulus":{"matrix":[["A"]],"flashes":{`, `}}}}`, func(i int) string { return `"` + strconv.Itoa(i) + `":["B","B"]` })
		}},
		{name: "a flash of many symbols", body: func() []byte {
			return repeated(most, `{"input":{"type":"eeg","data":"QUFBQQ==","stimulus":{"matrix":[["A"]],"flashes":{"1":[`, `]}}}}`, always(`"A"`))
		}},
		{name: "data that is not base64", body: func() []byte {
			return []byte(`{"input":{"type":"eeg","data":"` + strings.Repeat("%", most-100) + `"}}`)
		}},
		{name: "data of escapes", body: func() []byte {
			return []byte(`{"input":{"type":"eeg","data":"` + strings.Repeat(`\u0041`, (most-100)/6) + `"}}`)
		}},
		{name: "data again and again", body: func() []byte { return repeated(most, `{"input":{`, `}}`, always(`"data":"QUFBQQ=="`)) }},
	}
	return out
}

// decodable are recordings of about a megabyte in base64 that are decoded, at the edges of what is allowed.
func decodable(short bool) []text {
	var out []text
	add := func(name string, input func() object) {
		out = append(out, text{name: name, body: func() []byte { return marshal(object{"input": with(object{"type": "eeg"}, input())}) }})
	}
	values := (most - 60_000) / 4 * 3 / 2 // of int16
	counts := []int{1, 2, 8, 64, 512}
	if short {
		counts = []int{1, 8, 512}
	}
	for _, paradigm := range []string{"motor_imagery", "p300", "ssvep", "cvep", "seizure", "auto"} {
		for _, n := range counts {
			for _, rate := range []float64{1, 250, 20000} {
				if short && rate == 1 {
					continue
				}
				add(fmt.Sprintf("%s, %d channels at %g Hz", paradigm, n, rate), func() object {
					data := integers(values/n*n, uint64(n))
					input := object{"encoding": "int16le", "scale_uv": 0.1, "paradigm": paradigm, "channels": montage(n), "sample_rate": rate, "data": base(data)}
					if paradigm == "p300" {
						input["events"], input["stimulus"] = flashes(values/n, rate), speller()
					}
					return input
				})
			}
		}
	}
	var targets []object
	for i := range 200 {
		targets = append(targets, object{"label": strconv.Itoa(i), "frequency": 6 + 0.05*float64(i), "phase": 0.1 * float64(i)})
	}
	for _, n := range counts {
		add(fmt.Sprintf("ssvep, 200 targets, %d channels", n), func() object {
			return object{"encoding": "int16le", "scale_uv": 0.1, "paradigm": "ssvep", "channels": montage(n), "sample_rate": 250,
				"data": base(integers((values-20_000)/n*n, uint64(n))), "stimulus": object{"targets": targets}}
		})
	}
	var many []object
	for i := range 9000 {
		many = append(many, object{"onset_s": float64(i) * 0.05, "code": i%12 + 1})
	}
	eight := func(name, paradigm string, rate float64, more object) {
		add(name, func() object {
			return with(object{"encoding": "int16le", "scale_uv": 0.1, "channels": montage(8), "sample_rate": rate, "paradigm": paradigm,
				"data": base(integers((values-240_000)/8*8, 3))}, more)
		})
	}
	eight("events a tenth of a second apart, 8 channels", "motor_imagery", 100, object{"events": many})
	eight("p300, events a tenth of a second apart, 8 channels", "p300", 100, object{"events": many, "stimulus": speller()})
	eight("every event, 8 channels", "motor_imagery", 250, object{"events": "all"})
	for _, n := range counts {
		for _, rate := range []float64{44, 250, 20000} {
			out = append(out, text{name: fmt.Sprintf("features on request, %d channels at %g Hz", n, rate), body: func() []byte {
				return marshal(object{"input": object{"type": "eeg", "encoding": "int16le", "scale_uv": 0.1, "paradigm": "seizure", "channels": montage(n), "sample_rate": rate,
					"data": base(integers(values/n*n, uint64(n)))}, "output": object{"features": eeg.Names(eeg.Features)}})
			}})
		}
	}
	zeros := func(bytes, channels int) func() []byte {
		return func() []byte {
			return zipped(marshal(object{"input": object{"type": "eeg", "encoding": "int16le", "scale_uv": 1, "channels": channels, "sample_rate": 250, "data": base(make([]byte, bytes))}}))
		}
	}
	return append(out,
		text{name: "gzip of 30 MiB of zeros", gzip: true, body: zeros(30<<20, 1)},
		text{name: "gzip of 3 MiB of zeros", gzip: true, body: zeros(3<<20, 8)})
}

func speller() object {
	matrix := [][]string{}
	codes := map[string][]string{}
	for r := range 6 {
		var row []string
		for c := range 6 {
			s := string(rune('A' + (r*6+c)%26))
			if k := r*6 + c; k >= 26 {
				s = strconv.Itoa(k - 26)
			}
			row = append(row, s)
			codes[strconv.Itoa(r+1)] = append(codes[strconv.Itoa(r+1)], s)
			codes[strconv.Itoa(c+7)] = append(codes[strconv.Itoa(c+7)], s)
		}
		matrix = append(matrix, row)
	}
	return object{"matrix": matrix, "flashes": codes}
}

func flashes(n int, rate float64) []object {
	var out []object
	for at := 0.0; at < float64(n)/rate-1 && len(out) < 600; at += 0.175 {
		out = append(out, object{"onset_s": math.Round(at*1000) / 1000, "code": len(out)%12 + 1})
	}
	return out
}

// batches are batches of decodes.
func batches() []text {
	key := strings.Repeat("k", most/2)
	item := `{"input":{"type":"eeg","data":"QUFBQQ==","channels":1,"sample_rate":250}}`
	hundred := strings.TrimSuffix(strings.Repeat(item+",", 100), ",")
	out := []text{
		{name: "a large free key in the defaults", body: func() []byte {
			return []byte(`{"defaults":{"context":{"free":"` + key + `"}},"items":[` + hundred + `]}`)
		}},
		{name: "gzip of a large free key", gzip: true, body: func() []byte {
			return zipped([]byte(`{"defaults":{"context":{"free":"` + strings.Repeat("k", 30_000_000) + `"}},"items":[` + hundred + `]}`))
		}},
		{name: "gzip of a free key of 4 MB", gzip: true, body: func() []byte {
			return zipped([]byte(`{"defaults":{"context":{"free":"` + strings.Repeat("k", 4_000_000) + `"}},"items":[` + hundred + `]}`))
		}},
		{name: "many keys in the defaults", body: func() []byte {
			return repeated(most, `{"items":[`+hundred+`],"defaults":{"context":{`, "}}}", func(i int) string { return `"` + strconv.Itoa(i) + `":0` })
		}},
		{name: "events in the defaults", body: func() []byte {
			return repeated(most, `{"items":[`+hundred+`],"defaults":{"input":{"events":[`, "]}}}", always(`{"onset_s":1,"code":1}`))
		}},
		{name: "events in the defaults that fit", body: func() []byte {
			return repeated(40_000, `{"items":[`+hundred+`],"defaults":{"input":{"events":[`, "]}}}", always(`{"onset_s":0,"code":1}`))
		}},
		{name: "items beyond count", body: func() []byte { return repeated(most, `{"items":[`, "]}", always("0")) }},
		{name: "items that are all wrong", body: func() []byte {
			return []byte(`{"items":[` + strings.TrimSuffix(strings.Repeat(`{"input":{"type":"eeg","events":[`+strings.TrimSuffix(strings.Repeat(`{"onset_s":-1},`, 600), ",")+`]}},`, 100), ",") + `]}`)
		}},
		{name: "a hundred wrong items beside a good one", body: func() []byte {
			return []byte(`{"items":[` + item + "," + strings.TrimSuffix(strings.Repeat(`{"input":{"type":"`+strings.Repeat("x", 9000)+`"}},`, 99), ",") + `]}`)
		}},
	}
	mixed := func() []byte {
		var items []object
		for i := range 100 {
			n := []int{1, 8, 64}[i%3]
			items = append(items, object{"input": object{"type": "eeg", "encoding": "int16le", "scale_uv": 0.1, "paradigm": []string{"auto", "motor_imagery", "ssvep", "seizure"}[i%4],
				"channels": montage(n), "sample_rate": 250, "data": base(integers(3400/n*n, uint64(i)))}})
		}
		return marshal(object{"items": items})
	}
	out = append(out, text{name: "a hundred recordings", body: mixed})
	return append(append(out, dear()...), segments()...)
}

// dear are batches of a hundred recordings that each take as much work as their bytes can ask for, plain and as gzip of
// what shrinks: noise that comes again.
func dear() []text {
	var targets []object
	for i := range 200 {
		targets = append(targets, object{"frequency": 6 + 0.05*float64(i)})
	}
	var trials []object
	for i := range 300 {
		trials = append(trials, object{"onset_s": float64(i) * 0.01, "label": "T1"})
	}
	kinds := []struct {
		name     string
		channels int
		defaults object
	}{
		{"frequency scans", 1, object{"paradigm": "ssvep"}},
		{"frequency scans of 8 channels", 8, object{"paradigm": "ssvep"}},
		{"frequency scans of 64 channels", 64, object{"paradigm": "ssvep"}},
		{"200 targets, 1 channel", 1, object{"paradigm": "ssvep", "stimulus": object{"targets": targets}}},
		{"200 targets, 8 channels", 8, object{"paradigm": "ssvep", "stimulus": object{"targets": targets}}},
		{"200 targets, 64 channels", 64, object{"paradigm": "ssvep", "stimulus": object{"targets": targets}}},
		{"every trial of 300, imagery", 8, object{"paradigm": "motor_imagery", "trials": "all", "events": trials}},
		{"every trial of 300, scans", 1, object{"paradigm": "ssvep", "trials": "all", "events": trials}},
		{"every trial of 300, P300", 8, object{"paradigm": "p300", "trials": "all", "events": trials}},
		{"seizure checks", 1, object{"paradigm": "seizure"}},
		{"seizure checks of 18 channels", 18, object{"paradigm": "seizure"}},
		{"automatic, 3 channels", 3, object{}},
		{"automatic, 64 channels", 64, object{}},
	}
	var out []text
	for _, k := range kinds {
		for _, zip := range []bool{false, true} {
			t := text{name: "a hundred of " + k.name, gzip: zip, body: func() []byte { return hundred(k.channels, zip, k.defaults) }}
			if zip {
				t.name = "gzip of " + t.name
			}
			out = append(out, t)
		}
	}
	return out
}

// hundred is a batch of a hundred recordings of so many channels, as much as a megabyte has room for.
func hundred(channels int, zip bool, defaults object) []byte {
	shared := with(object{"type": "eeg", "encoding": "int16le", "scale_uv": 0.1, "channels": montage(channels), "sample_rate": 250}, defaults)
	bytes := (most - 60_000) / 100 / 4 * 3
	if zip {
		bytes *= 4
	}
	data := integers(bytes/2/channels*channels, 11)
	if zip { // what comes again after less than gzip looks back
		again := 6000 / channels * channels * 2
		for at := again; at < len(data); at++ {
			data[at] = data[at-again]
		}
	}
	items := make([]object, 100)
	for i := range items {
		items[i] = object{"input": object{"data": base(data)}}
	}
	b := marshal(object{"items": items, "defaults": object{"input": shared}})
	if zip {
		return zipped(b)
	}
	return b
}

// segments are batches of a hundred segments of a session.
func segments() []text {
	var targets []object
	for i := range 200 {
		targets = append(targets, object{"frequency": 6 + 0.05*float64(i)})
	}
	items := make([]object, 100)
	for i := range items {
		items[i] = object{"input": object{"start_ms": 1_600_000_000_000 + i}}
	}
	var out []text
	for name, input := range map[string]object{
		"as they are":      {},
		"with 200 targets": {"paradigm": "ssvep", "stimulus": object{"targets": targets}},
		"as scans":         {"paradigm": "ssvep"},
		"as seizures":      {"paradigm": "seizure"},
	} {
		out = append(out, text{name: "a hundred segments of a session " + name, body: func() []byte {
			return marshal(object{"items": items, "defaults": object{"input": with(object{"type": "eeg", "session_id": "{session}"}, input)}})
		}})
	}
	return out
}

// ingests are batches of samples for a session of n channels.
func ingests(n int) []text {
	t0 := `"t0_unix_ms":1700000000000`
	named := func(each func(i int) string) []byte {
		return repeated(most, `{"batch_id":"b",`+t0+`,"data":{`, "}}", each)
	}
	channel := func(i int) string { return montage(max(n, i+1))[i] }
	values := max(1, (most-1000)/2/n-8)
	plain := func(w io.Writer, values int) {
		zeros := strings.TrimSuffix(strings.Repeat("0,", values), ",")
		fmt.Fprint(w, `{"batch_id":"p",`+t0+`,"data":{`) // into memory
		for i := range n {
			fmt.Fprint(w, strings.Repeat(",", min(i, 1)), `"`, channel(i), `":[`, zeros, "]")
		}
		fmt.Fprint(w, "}}")
	}
	packed := func(values int) []byte {
		var out bytes.Buffer
		w, _ := gzip.NewWriterLevel(&out, gzip.BestCompression) // the level is one that there is
		plain(w, values)
		_ = w.Close() // into memory
		return out.Bytes()
	}
	return []text{
		{name: "many channels", body: func() []byte { return named(func(i int) string { return `"` + strconv.Itoa(i) + `":[]` }) }},
		{name: "many channels with a sample", body: func() []byte { return named(func(i int) string { return `"` + strconv.Itoa(i) + `":[0]` }) }},
		{name: "a long channel and 400 empty ones", body: func() []byte {
			return append(append([]byte(`{"batch_id":"b",`+t0+`,"data":{"a":[`+strings.TrimSuffix(strings.Repeat("0,", 490_000), ",")+`]`),
				[]byte(strings.Join(strings.Split(string(repeated(8000, ",", "", func(i int) string { return `"c` + strconv.Itoa(i) + `":[]` })), "\n"), ""))...), '}', '}')
		}},
		{name: "wrong samples", body: func() []byte {
			return []byte(`{"batch_id":"b",` + t0 + `,"data":{"` + channel(0) + `":[` + strings.TrimSuffix(strings.Repeat("9e9,", 240_000), ",") + `]}}`)
		}},
		{name: "zeros", body: func() []byte {
			var b bytes.Buffer
			plain(&b, values)
			return b.Bytes()
		}},
		{name: "gzip of as many zeros as are taken", gzip: true, body: func() []byte { return packed(2_000_000 / n) }},
		{name: "gzip of a million zeros", gzip: true, body: func() []byte { return packed(min(1_000_000, endless/2/n)) }},
		{name: "gzip of zeros without end", gzip: true, body: func() []byte { return bomb(`{"batch_id":"b",`+t0+`,"data":{"`+channel(0)+`":[0`, ",0", "]}}", endless) }},
		{name: "a megabyte of float32", body: func() []byte { return samples((most/4)/n*n, 5) }, kind: "application/octet-stream"},
		{name: "gzip of float32 zeros", body: func() []byte { return zipped(make([]byte, (4_000_000)/(4*n)*4*n)) }, kind: "application/octet-stream", gzip: true},
		{name: "gzip of float32 zeros without end", body: func() []byte { return bomb("", string(make([]byte, 4*n)), "", endless) }, kind: "application/octet-stream", gzip: true},
	}
}
