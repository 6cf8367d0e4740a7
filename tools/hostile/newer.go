//go:build unix

package main

import (
	"fmt"
	"strconv"
	"strings"
)

// further are the attacks of the routes of browsers, devices, /v2, GraphQL and operators.
var further = map[string]func(short bool) []attack{
	"POST /v1/auth/browser/signup": func(bool) []attack { return accountAttacks() },
	"POST /v1/auth/browser/login":  func(bool) []attack { return accountAttacks() },
	"POST /v2/auth/login":          func(bool) []attack { return accountAttacks() },
	"POST /v2/auth/refresh":        func(bool) []attack { return secretAttacks("refresh_token") },
	"POST /v2/auth/logout":         func(bool) []attack { return secretAttacks("refresh_token") },
	"PATCH /v1/sessions/:id/events/:seq": func(bool) []attack {
		return attacks([]text{
			{name: "a long label", body: func() []byte { return []byte(`{"label":"` + strings.Repeat("é", 30_000) + `"}`) }},
			{name: "numbers beyond all", body: func() []byte { return []byte(`{"code":9223372036854775807,"onset_ms":1e308,"duration_ms":1e308}`) }},
		})
	},
	"POST /api/v1/jobs/:id/run-again": func(bool) []attack {
		return attacks([]text{{name: "what is not looked at", body: func() []byte { return []byte(`{"a":"` + strings.Repeat("x", 60_000) + `"}`) }}})
	},
	"POST /v2/devices": func(bool) []attack {
		return attacks([]text{
			one("many channels", `{"id":"d","driver":"synthetic","settings":{"pattern":"sine","channels":[`, "]}}", func(i int) string { return `"c` + strconv.Itoa(i) + `"` }),
			{name: "as many values a second as may be", body: func() []byte {
				return marshal(object{"id": "d", "driver": "synthetic", "settings": object{"pattern": "imagery", "channels": montage(8), "blinks": true, "mains_hz": 50}, "config": object{"sample_rate": 20000}})
			}},
			{name: "512 channels at 20 kHz", body: func() []byte {
				return marshal(object{"id": "d", "driver": "synthetic", "settings": object{"pattern": "rest", "channels": montage(512)}, "config": object{"sample_rate": 20000}})
			}},
			one("settings", `{"id":"d","driver":"synthetic","settings":{`, "}}", func(i int) string { return `"` + strconv.Itoa(i) + `":0` }),
			one("metadata", `{"id":"d","driver":"synthetic","metadata":{`, "}}", func(i int) string { return `"` + strconv.Itoa(i) + `":[]` }),
			{name: "a long id", body: func() []byte { return []byte(`{"driver":"synthetic","id":"` + strings.Repeat("d", 60_000) + `"}`) }},
			{name: "a long query of LSL", body: func() []byte {
				return []byte(`{"id":"d","driver":"lsl","settings":{"query":"` + strings.Repeat("(", 30_000) + `"}}`)
			}},
			{name: "a file elsewhere", body: func() []byte {
				return []byte(`{"id":"d","driver":"playback","settings":{"file":"` + strings.Repeat("../", 10_000) + `etc/passwd"}}`)
			}},
			{name: "a whole session, as fast as can be, again and again", body: func() []byte {
				return []byte(`{"id":"d","driver":"playback","settings":{"session_id":"{session}","speed":-1,"loop":true}}`)
			}},
		})
	},
	"PATCH /v2/devices/:id": func(bool) []attack {
		return attacks([]text{
			{name: "a long name", body: func() []byte { return []byte(`{"name":"` + strings.Repeat("é", 30_000) + `"}`) }},
			one("metadata", `{"metadata":{`, "}}", func(i int) string { return `"` + strconv.Itoa(i) + `":{}` }),
		})
	},
	"PATCH /v2/devices/:id/config":      func(bool) []attack { return configAttacks() },
	"POST /v2/devices/:id/stream/start": func(bool) []attack { return configAttacks() },
	"POST /v2/devices/:id/stream/stop": func(bool) []attack {
		return attacks([]text{{name: "an object", body: func() []byte { return []byte(`{"force":true,"a":1}`) }}})
	},
	"POST /v2/devices/:id/check": func(short bool) []attack {
		long := `{"seconds":30}`
		if short {
			long = `{"seconds":3}`
		}
		return attacks([]text{
			{name: "for ever", body: func() []byte { return []byte(`{"seconds":1e308}`) }},
			{name: "as long as may be", body: func() []byte { return []byte(long) }},
		})
	},
	"POST /v2/agents/:name/sync": func(bool) []attack {
		device := func(i int) string { return fmt.Sprintf(`{"id":"d%d","capabilities":{"channels":["C3"]}}`, i) }
		head := `{"instance":"01935b1e-0000-7000-8000-000000000000","wait_s":0,"devices":[`
		return attacks([]text{
			one("many devices", head, "]}", device),
			one("one device again and again", head, "]}", always(device(1))),
			one("many channels", head+`{"id":"d","capabilities":{"channels":[`, "]}}]}", func(i int) string { return `"c` + strconv.Itoa(i) + `"` }),
			one("many rates", head+`{"id":"d","capabilities":{"channels":["C3"],"sample_rates":[`, "]}}]}", func(i int) string { return strconv.Itoa(i + 1) }),
			one("many causes", head+`{"id":"d","capabilities":{"channels":["C3"]},"report":{"missing":{`, "}}}]}", func(i int) string { return `"` + strconv.Itoa(i) + `":1` }),
			one("many readings", head+`{"id":"d","capabilities":{"channels":["C3"]},"report":{"readings":{`, "}}}]}", func(i int) string { return `"` + strconv.Itoa(i) + `":{"values":[1]}` }),
		})
	},
	"POST /graphql": func(bool) []attack { return graphqlAttacks() },
	"POST /v2/sessions": func(bool) []attack {
		return attacks([]text{
			one("tags", `{"name":"n","patient_id":"p","device_id":"hostile","tags":[`, "]}", func(i int) string { return `"t` + strconv.Itoa(i) + `"` }),
			one("metadata", `{"name":"n","patient_id":"p","device_id":"hostile","metadata":{`, "}}", func(i int) string { return `"` + strconv.Itoa(i) + `":[]` }),
			{name: "a long name", body: func() []byte {
				return []byte(`{"patient_id":"p","device_id":"hostile","name":"` + strings.Repeat("é", 30_000) + `"}`)
			}},
		})
	},
	"PATCH /v2/sessions/:id": func(bool) []attack {
		return attacks([]text{
			one("tags", `{"tags":[`, "]}", func(i int) string { return `"t` + strconv.Itoa(i) + `"` }),
			one("metadata", `{"metadata":{`, "}}", func(i int) string { return `"` + strconv.Itoa(i) + `":[]` }),
		})
	},
	"POST /v2/data/export": func(bool) []attack {
		return attacks([]text{
			{name: "a range of all ms", body: func() []byte {
				return []byte(`{"session_id":"{session}","format":"edf","start_ms":-9223372036854775808,"end_ms":9223372036854775807}`)
			}},
			one("channels", `{"session_id":"{session}","format":"csv","channels":[`, "]}", func(i int) string { return strconv.Itoa(i + 1) }),
		})
	},
	"POST /v2/analysis/sessions/:id/analyze": func(bool) []attack {
		return attacks([]text{
			one("parameters", `{"model_type":"seizure","parameters":{`, "}}", func(i int) string { return `"` + strconv.Itoa(i) + `":0` }),
			{name: "a long type", body: func() []byte { return []byte(`{"model_type":"` + strings.Repeat("m", 60_000) + `"}`) }},
			{name: "for seizures", body: func() []byte { return []byte(`{"model_type":"seizure"}`) }},
		})
	},
	"POST /v2/analysis/models/deploy": func(bool) []attack {
		return attacks([]text{{name: "a long version", body: func() []byte {
			return []byte(`{"model_id":"hostile","version":"` + strings.Repeat("1.", 30_000) + `"}`)
		}}})
	},
	"POST /api/v1/admin/actions": func(bool) []attack { // of one who is no operator
		return attacks([]text{one("ids", `{"action":"retry","filter":{"ids":[`, "]}}", always(`"00000000-0000-7000-8000-000000000000"`))})
	},
}

// configAttacks are configurations of a device.
func configAttacks() []attack {
	return attacks([]text{
		one("channels", `{"channels":[`, "]}", func(i int) string { return strconv.Itoa(i + 1) }),
		one("one channel again and again", `{"channels":[`, "]}", always("1")),
		{name: "numbers beyond all", body: func() []byte {
			return []byte(`{"sample_rate":1e308,"filters":{"notch":1e-308,"highpass":-1e308,"lowpass":1e308}}`)
		}},
		one("a band of many", `{"filters":{"bandpass":[`, "]}}", always("1")),
	})
}

// graphqlAttacks are operations that would cost much more than they are long.
func graphqlAttacks() []attack {
	query := func(name string, q func() string) text {
		return text{name: name, body: func() []byte { return marshal(object{"query": q()}) }}
	}
	list := "jobs(first:100){edges{node{id}}}"
	return attacks([]text{
		query("10,000 aliases", func() string {
			return strings.TrimSuffix(repeatedText(10_000, func(i int) string { return fmt.Sprintf("a%d:__typename ", i) }, "{", "}"), " ")
		}),
		query("a thousand lists", func() string {
			return repeatedText(1000, func(i int) string { return fmt.Sprintf("a%d:%s ", i, list) }, "{", "}")
		}),
		query("10,000 levels", func() string { return strings.Repeat("{a", 10_000) + strings.Repeat("}", 10_000) }),
		query("fragments in fragments", func() string {
			var b strings.Builder
			b.WriteString("{...f0}")
			for i := range 25 { // 2^25 fields
				fmt.Fprintf(&b, " fragment f%d on Query{...f%d ...f%d}", i, i+1, i+1)
			}
			b.WriteString(" fragment f25 on Query{__typename}")
			return b.String()
		}),
		query("a fragment in itself", func() string { return "{...f} fragment f on Query{...f}" }),
		query("directives", func() string { return "{__typename " + strings.Repeat("@skip(if:false) ", 3000) + "}" }),
		query("all of the schema in itself", func() string {
			return "{__schema{types{fields{type{fields{type{fields{type{fields{type{fields{type{name}}}}}}}}}}}}}"
		}),
		one("many operations", `[`, "]", always(`{"query":"{__typename}"}`)),
		one("variables", `{"query":"{__typename}","variables":{`, "}}", func(i int) string { return `"` + strconv.Itoa(i) + `":0` }),
	})
}

// repeatedText is n parts between a beginning and an end.
func repeatedText(n int, part func(int) string, head, tail string) string {
	var b strings.Builder
	b.WriteString(head)
	for i := range n {
		b.WriteString(part(i))
	}
	b.WriteString(tail)
	return b.String()
}
