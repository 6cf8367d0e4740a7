package lsl

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"strings"
	"testing"
)

// FuzzSample: whatever comes, reading a sample neither panics nor takes more memory than came; what was read and is written again is the same.
func FuzzSample(f *testing.F) {
	for i, format := range Formats() {
		c := newCodec(format, 3, binary.LittleEndian)
		s := c.pattern(4)
		f.Add(c.append(nil, &s), i, 3, false)
		s.Deduced = true
		big := newCodec(format, 3, binary.BigEndian)
		f.Add(big.append(nil, &s), i, 3, true)
	}
	f.Add([]byte{2, 0, 0, 0, 0, 0, 0, 0, 0, 8, 255, 255, 255, 255, 255, 255, 255, 127}, 2, 1, false)
	f.Fuzz(func(t *testing.T, b []byte, format, channels int, big bool) {
		if format < 0 || format >= len(Formats()) || channels < 1 || channels > 64 {
			t.Skip()
		}
		var order binary.ByteOrder = binary.LittleEndian
		if big {
			order = binary.BigEndian
		}
		c := newCodec(Formats()[format], channels, order)
		r := bufio.NewReader(bytes.NewReader(b))
		for {
			var s, again Sample
			if err := c.read(r, &s); err != nil {
				return
			}
			if len(s.Values)+len(s.Strings) != channels {
				t.Fatalf("%d values and %d texts of %d channels", len(s.Values), len(s.Strings), channels)
			}
			written := c.append(nil, &s)
			if err := c.read(bufio.NewReader(bytes.NewReader(written)), &again); err != nil {
				t.Fatal(err)
			}
			if twice := c.append(nil, &again); !bytes.Equal(written, twice) {
				t.Fatalf("%x is %x the second time", written, twice)
			}
		}
	})
}

// FuzzInfo: a description from the network is read or refused; one that was read is the same when it is written and read again.
func FuzzInfo(f *testing.F) {
	i := Info{Name: "a", Type: "EEG", Channels: 2, Format: Float32, Rate: 250, UID: "u", SessionID: "default", Version: 1.1, Labels: []string{"C3", "<&>"}, Units: []string{"microvolts", ""}, Types: []string{"EEG", ""}}
	f.Add(i.document(true))
	f.Add(i.document(false))
	f.Add("<info><name>a</name><channel_count>1e300</channel_count></info>")
	f.Add(strings.Repeat("<a>", 1000))
	f.Fuzz(func(t *testing.T, text string) {
		i, err := parseInfo(text)
		if err != nil {
			return
		}
		again, err := parseInfo(i.document(true))
		if err == nil && (again.Channels != i.Channels || again.Format != i.Format || again.Rate != i.Rate) {
			t.Errorf("%+v became %+v", i, again)
		}
	})
}

// FuzzQuery: a query from the network is read or refused, and answers; so does a datagram.
func FuzzQuery(f *testing.F) {
	for _, q := range []string{"", "name='a'", "session_id='default' and (type='EEG' or not(starts-with(name,'b')))", "count(desc/channels/channel)>=2", "contains(name,", "((((", "a=b=c", "'"} {
		f.Add(q)
	}
	i := Info{Name: "a", Type: "EEG", Channels: 2, Format: Float32, Labels: []string{"C3", "C4"}}
	o := &Outlet{info: i, tree: i.tree(true), short: i.document(false)}
	f.Fuzz(func(t *testing.T, text string) {
		if q, err := parseQuery(text); err == nil {
			q(o.tree)
		}
		o.reply("LSL:shortinfo\r\n"+text+"\r\n1 2\r\n", 0)
		o.reply(text, 0)
	})
}

// TestQueries: what LSL's own programs ask for.
func TestQueries(t *testing.T) {
	t.Parallel()
	i := Info{Name: "BioSemi", Type: "EEG", Channels: 2, Format: Float32, Rate: 250, SessionID: "default", Labels: []string{"C3", "C4"}}
	tree := i.tree(true)
	for q, want := range map[string]bool{
		"":                   true,
		"name='BioSemi'":     true,
		`name="BioSemi"`:     true,
		"name='x'":           false,
		"name!='x'":          true,
		"nominal_srate=250":  true,
		"nominal_srate>=100": true,
		"channel_count='2' and name='BioSemi' and channel_format='float32'": true,
		"type='EEG' and not(name='x') or name='y'":                          true,
		"type='MEG' or (name='BioSemi' and type='EEG')":                     true,
		"starts-with(name,'Bio')":                                           true,
		"contains(name,'Sem') and starts-with(type,'X')":                    false,
		"count(desc/channels/channel)=2":                                    true,
		"count(info/desc/channels/channel)=2":                               true,
		"desc/channels/channel/label='C4'":                                  true,
		"desc/channels/channel/label='O1'":                                  false,
		"session_id='default' and type='EEG'":                               true,
	} {
		matches, err := parseQuery(q)
		if err != nil {
			t.Errorf("%s: %v", q, err)
			continue
		}
		if got := matches(tree); got != want {
			t.Errorf("%s is %v", q, got)
		}
	}
}
