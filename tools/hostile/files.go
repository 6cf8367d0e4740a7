//go:build unix

package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"mime/multipart"
	"net/http"
	"net/url"
	"strings"

	"github.com/neurod/neurod/decoders/catalog"
)

// importAttacks are files whose work would grow beyond their bytes.
func importAttacks(short bool) []attack {
	query := func(more ...string) string {
		v := url.Values{"external_user_id": {"u"}}
		for i := 0; i < len(more); i += 2 {
			v.Set(more[i], more[i+1])
		}
		return v.Encode()
	}
	csv := http.Header{"Content-Type": {"text/csv"}}
	octets := http.Header{"Content-Type": {"application/octet-stream"}}
	column := func(rows int) []byte { return append([]byte("Cz\n"), bytes.Repeat([]byte("0\n"), rows)...) }
	wide := func(n int) []byte {
		row := strings.TrimSuffix(strings.Repeat("0,", n), ",") + "\n"
		var b bytes.Buffer
		b.WriteString(strings.Join(montage(n), ",") + "\n")
		for b.Len()+len(row) < most {
			b.WriteString(row)
		}
		return b.Bytes()
	}
	var form bytes.Buffer
	w := multipart.NewWriter(&form)
	for i := 0; form.Len() < most-2000; i++ {
		_ = w.WriteField("channels", fmt.Sprint("c", i)) // into memory
	}
	_ = w.Close()
	names := strings.Join(montage(4000), ",")
	out := []attack{
		{name: "a column of zeros at 8 Hz, hop 0.125 s", query: query("sample_rate_hz", "8", "hop_s", "0.125"), body: func() []byte { return column(most/2 - 10) }, head: csv},
		{name: "a column of zeros at 8 Hz", query: query("sample_rate_hz", "8"), body: func() []byte { return column(most/2 - 10) }, head: csv},
		{name: "a column of zeros at 20 kHz, hop 0.05 s", query: query("sample_rate_hz", "20000", "hop_s", "0.05"), body: func() []byte { return column(most/2 - 10) }, head: csv},
		{name: "64 columns at 100 Hz, hop 0.05 s", query: query("sample_rate_hz", "100", "hop_s", "0.05"), body: func() []byte { return wide(64) }, head: csv},
		{name: "600 columns at 250 Hz", query: query("sample_rate_hz", "250", "hop_s", "0.05"), body: func() []byte { return wide(600) }, head: csv},
		{name: "100,000 columns", query: query("sample_rate_hz", "250"), body: func() []byte { return wide(100_000) }, head: csv},
		{name: "one long line", query: query("sample_rate_hz", "250"), body: func() []byte { return bytes.Repeat([]byte("1"), most) }, head: csv},
		{name: "lines without end", query: query("sample_rate_hz", "250"), body: func() []byte { return bytes.Repeat([]byte("\n"), most) }, head: csv},
		{name: "commas", query: query("sample_rate_hz", "250"), body: func() []byte { return bytes.Repeat([]byte(","), most) }, head: csv},
		{name: "gzip of a column of zeros", query: query("sample_rate_hz", "8", "hop_s", "0.125"), body: func() []byte { return bomb("Cz\n", "0\n", "", endless) }, head: http.Header{"Content-Type": {"application/gzip"}}},
		{name: "gzip of gzip of a column", query: query("sample_rate_hz", "8"), body: func() []byte { return zipped(bomb("Cz\n", "0\n", "", 1<<28)) }, head: http.Header{"Content-Type": {"application/gzip"}}},
		{name: "gzip in transit of gzip", query: query("sample_rate_hz", "8"), body: func() []byte { return zipped(bomb("Cz\n", "0\n", "", 1<<28)) }, head: http.Header{"Content-Type": {"application/gzip"}, "Content-Encoding": {"gzip"}}},
		{name: "gzip of white space", query: query("sample_rate_hz", "8"), body: func() []byte { return bomb("", " ", "", endless) }, head: http.Header{"Content-Type": {"application/gzip"}}},
		{name: "4000 channels in the query", query: query("channels", names), body: func() []byte { return column(1000) }, head: csv},
		{name: "a form of many fields", body: func() []byte { return form.Bytes() }, head: http.Header{"Content-Type": {w.FormDataContentType()}}},
		{name: "a form of nothing", body: func() []byte { return bytes.Repeat([]byte("-"), most) }, head: http.Header{"Content-Type": {"multipart/form-data; boundary=-"}}},
		{name: "a form with a long boundary", body: func() []byte { return bytes.Repeat([]byte("\r\n--a"), most/5) }, head: http.Header{"Content-Type": {"multipart/form-data; boundary=a"}}},
	}
	for _, f := range recordings() {
		for i, m := range f.claims() {
			out = append(out, attack{name: f.name + ", " + m.name, query: query("sample_rate_hz", "250", "name", "a"+f.ext, "hop_s", "0.05"), body: func() []byte { return m.body }, head: octets, big: i > 4})
		}
	}
	return out
}

// modelFile is a model file of its own format (package catalog): magic, version, header, arrays, SHA-256.
func modelFile(header object, arrays int) []byte {
	h, err := json.Marshal(header)
	if err != nil {
		panic(err)
	}
	b := append([]byte("NRDMODEL"), 1, 0, 0, 0)
	b = binary.LittleEndian.AppendUint64(b, uint64(len(h)))
	b = append(b, h...)
	b = append(b, make([]byte, (64-len(b)%64)%64)...)
	b = append(b, make([]byte, 8*arrays)...)
	sum := sha256.Sum256(b)
	return append(b, sum[:]...)
}

// modelAttacks are model files that claim much.
func modelAttacks(short bool) []attack {
	octets := http.Header{"Content-Type": {"application/octet-stream"}}
	head := func(pipeline string, n int, more object) object {
		return with(object{"name": "hostile-model", "version": "1", "paradigm": "motor_imagery", "pipeline": pipeline, "classes": []string{"left", "right"},
			"channels": montage(n), "rate_hz": 160, "card": object{}, "arrays": []object{}}, more)
	}
	var out []attack
	add := func(name string, b func() []byte) { out = append(out, attack{name: name, body: b, head: octets}) }
	for _, pipeline := range catalog.Pipelines() {
		p := pipeline.Name()
		for _, n := range []int{350, 1000} {
			if short && n == 350 {
				continue
			}
			add(fmt.Sprintf("%s of %d channels", p, n), func() []byte {
				return modelFile(head(p, n, object{"arrays": []object{{"name": "means", "dtype": "float64", "shape": []int{2, 249, 249}, "offset": 0}}}), 1)
			})
		}
		add(p+", settings beyond all", func() []byte {
			return modelFile(head(p, 3, object{"config": object{"order": 1e9, "components": 1e9, "bands": [][]float64{{1e-9, 1e9}}, "rate": 1e300, "seconds": 1e12, "harmonics": 1e9, "filters": 1e9, "taps": 1e9}}), 0)
		})
	}
	big := head("mdm", 3, nil)
	classes := make([]string, 60_000)
	for i := range classes {
		classes[i] = fmt.Sprint(i)
	}
	add("60,000 classes", func() []byte { return modelFile(with(big, object{"classes": classes}), 0) })
	add("a long card", func() []byte {
		return modelFile(with(big, object{"card": object{"summary": strings.Repeat("s", 800_000)}}), 0)
	})
	add("nested settings", func() []byte {
		return modelFile(with(big, object{"config": json.RawMessage(strings.Repeat("[", 5000) + strings.Repeat("]", 5000))}), 0)
	})
	arrays := make([]object, 10_000)
	for i := range arrays {
		arrays[i] = object{"name": fmt.Sprint(i), "dtype": "float64", "shape": []int{1 << 30, 1 << 30}, "offset": 64 * i}
	}
	add("arrays without end", func() []byte { return modelFile(with(big, object{"arrays": arrays}), 0) })
	return append(out, attacks([]text{{name: "base64 that is none", body: func() []byte { return []byte(`{"file":"` + strings.Repeat("%", most-100) + `"}`) }},
		{name: "base64 of nothing", body: func() []byte { return []byte(`{"file":"` + strings.Repeat("A", most-100) + `"}`) }}})...)
}
