package lsl

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
)

// Format is what the values of a stream are.
type Format string

// The formats.
const (
	Float32  Format = "float32"
	Double64 Format = "double64"
	String   Format = "string"
	Int32    Format = "int32"
	Int16    Format = "int16"
	Int8     Format = "int8"
	Int64    Format = "int64"
)

// Formats lists all.
func Formats() []Format { return []Format{Float32, Double64, String, Int32, Int16, Int8, Int64} }

// size is the bytes of a value; 0 for strings, -1 for what is no format.
func (f Format) size() int {
	switch f {
	case Float32, Int32:
		return 4
	case Double64, Int64:
		return 8
	case Int16:
		return 2
	case Int8:
		return 1
	case String:
		return 0
	}
	return -1
}

// Info describes a stream.
type Info struct {
	Name      string
	Type      string // of content: EEG, Markers, ...
	Channels  int
	Format    Format
	Rate      float64 // nominal, Hz; 0 for an irregular one
	SourceID  string  // of the device, the same when it comes back; "" for none
	UID       string  // of the outlet, another each time
	SessionID string
	Hostname  string
	Version   float64 // of the protocol
	CreatedAt float64 // s of the outlet's clock
	V4Address string
	V4Data    int // TCP
	V4Service int // UDP
	V6Address string
	V6Data    int
	V6Service int
	// Labels, Units and Types are those of the channels where the description has them.
	Labels, Units, Types []string

	desc *node // nil where it was not asked for
}

// most that a description may be.
const (
	mostInfo     = 16 << 20
	mostChannels = 1 << 16
	mostNodes    = 1 << 20
)

// node is an element of the description.
type node struct {
	name     string
	text     string
	children []*node
}

// unfinished is an element that is being read.
type unfinished struct {
	*node
	text strings.Builder
}

// child returns the first element of a name; an empty one for none.
func (n *node) child(name string) *node {
	for _, c := range n.children {
		if c.name == name {
			return c
		}
	}
	return &node{}
}

// value returns the text of the first element of a name.
func (n *node) value(name string) string { return n.child(name).text }

// parseXML reads a document into its root element.
func parseXML(r io.Reader) (*node, error) {
	d := xml.NewDecoder(r)
	d.Strict = false
	d.CharsetReader = func(_ string, in io.Reader) (io.Reader, error) { return in, nil }
	var stack []*unfinished
	var root *node
	count := 0
	for {
		t, err := d.RawToken()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		switch t := t.(type) {
		case xml.StartElement:
			if count++; count > mostNodes || len(stack) > 100 {
				return nil, fmt.Errorf("more than %d elements, or more than 100 within each other", mostNodes)
			}
			n := &unfinished{node: &node{name: t.Name.Local}}
			if len(stack) > 0 {
				top := stack[len(stack)-1]
				top.children = append(top.children, n.node)
			} else if root == nil {
				root = n.node
			}
			stack = append(stack, n)
		case xml.EndElement:
			if len(stack) == 0 || stack[len(stack)-1].name != t.Name.Local {
				return nil, fmt.Errorf("</%s> closes nothing", t.Name.Local)
			}
			top := stack[len(stack)-1]
			top.node.text = top.text.String()
			stack = stack[:len(stack)-1]
		case xml.CharData:
			if len(stack) > 0 {
				stack[len(stack)-1].text.Write(t)
			}
		}
	}
	if root == nil || len(stack) > 0 {
		return nil, fmt.Errorf("the document is not whole")
	}
	return root, nil
}

// parseInfo reads a description, short or full.
func parseInfo(text string) (Info, error) {
	if len(text) > mostInfo {
		return Info{}, fmt.Errorf("a description of %d bytes; at most %d are read", len(text), mostInfo)
	}
	root, err := parseXML(strings.NewReader(text))
	if err != nil {
		return Info{}, fmt.Errorf("the description is no XML: %w", err)
	}
	i := Info{Name: root.value("name"), Type: root.value("type"), Format: Format(root.value("channel_format")), SourceID: root.value("source_id"),
		UID: root.value("uid"), SessionID: root.value("session_id"), Hostname: root.value("hostname"),
		V4Address: root.value("v4address"), V6Address: root.value("v6address"), desc: root}
	var wrong error
	number := func(name string, low, high float64) float64 {
		text := strings.TrimSpace(root.value(name))
		v, err := strconv.ParseFloat(text, 64)
		if (err != nil || !(v >= low && v <= high)) && wrong == nil {
			wrong = fmt.Errorf("%s is %q", name, text)
		}
		return v
	}
	i.Channels = int(number("channel_count", 0, mostChannels))
	i.Rate = number("nominal_srate", 0, 1e9)
	i.Version = number("version", 0, 1e6)
	i.CreatedAt = number("created_at", -math.MaxFloat64, math.MaxFloat64)
	i.V4Data, i.V4Service = int(number("v4data_port", 0, 65535)), int(number("v4service_port", 0, 65535))
	i.V6Data, i.V6Service = int(number("v6data_port", 0, 65535)), int(number("v6service_port", 0, 65535))
	switch {
	case wrong != nil:
		return Info{}, wrong
	case i.Name == "" || i.UID == "":
		return Info{}, fmt.Errorf("a description without name or uid")
	case i.Format.size() < 0:
		return Info{}, fmt.Errorf("the channel format %q is not known", i.Format)
	}
	for _, c := range root.child("desc").child("channels").children {
		if c.name == "channel" && len(i.Labels) < i.Channels {
			i.Labels = append(i.Labels, strings.TrimSpace(c.value("label")))
			i.Units = append(i.Units, strings.TrimSpace(c.value("unit")))
			i.Types = append(i.Types, strings.TrimSpace(c.value("type")))
		}
	}
	return i, nil
}

// tree is the description as elements, for queries and for writing.
func (i *Info) tree(full bool) *node {
	leaf := func(name, text string) *node { return &node{name: name, text: text} }
	number := func(v float64) string { return strconv.FormatFloat(v, 'g', -1, 64) }
	root := &node{name: "info", children: []*node{
		leaf("name", i.Name), leaf("type", i.Type), leaf("channel_count", strconv.Itoa(i.Channels)), leaf("channel_format", string(i.Format)),
		leaf("source_id", i.SourceID), leaf("nominal_srate", strconv.FormatFloat(i.Rate, 'f', -1, 64)), leaf("version", number(i.Version)),
		leaf("created_at", strconv.FormatFloat(i.CreatedAt, 'f', -1, 64)), leaf("uid", i.UID), leaf("session_id", i.SessionID), leaf("hostname", i.Hostname),
		leaf("v4address", i.V4Address), leaf("v4data_port", strconv.Itoa(i.V4Data)), leaf("v4service_port", strconv.Itoa(i.V4Service)),
		leaf("v6address", i.V6Address), leaf("v6data_port", strconv.Itoa(i.V6Data)), leaf("v6service_port", strconv.Itoa(i.V6Service)),
	}}
	desc := &node{name: "desc"}
	if full && len(i.Labels) > 0 {
		channels := &node{name: "channels"}
		for k, label := range i.Labels {
			c := &node{name: "channel", children: []*node{leaf("label", label)}}
			if k < len(i.Units) && i.Units[k] != "" {
				c.children = append(c.children, leaf("unit", i.Units[k]))
			}
			if k < len(i.Types) && i.Types[k] != "" {
				c.children = append(c.children, leaf("type", i.Types[k]))
			}
			channels.children = append(channels.children, c)
		}
		desc.children = append(desc.children, channels)
	}
	root.children = append(root.children, desc)
	return root
}

// document writes the description.
func (i *Info) document(full bool) string {
	var b strings.Builder
	b.WriteString("<?xml version=\"1.0\"?>\n")
	i.tree(full).write(&b, "")
	return b.String()
}

func (n *node) write(b *strings.Builder, indent string) {
	b.WriteString(indent + "<" + n.name)
	if len(n.children) == 0 && n.text == "" {
		b.WriteString(" />\n")
		return
	}
	b.WriteString(">")
	if len(n.children) > 0 {
		b.WriteString("\n")
		for _, c := range n.children {
			c.write(b, indent+"\t")
		}
		b.WriteString(indent)
	} else {
		_ = xml.EscapeText(b, []byte(n.text)) // a Builder takes everything
	}
	b.WriteString("</" + n.name + ">\n")
}
