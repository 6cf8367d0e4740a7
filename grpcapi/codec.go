package grpcapi

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/gzip"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"connectrpc.com/connect"

	"github.com/neurod/neurod/internal/strictjson"
	"github.com/neurod/neurod/models"
)

// maxDepth is how deep messages may lie in each other: a free value of a context needs some levels.
const maxDepth = 64

// budgets are what the messages of calls may hold, by the name of the message.
var budgets = func() map[protoreflect.FullName]strictjson.Budget {
	out := map[protoreflect.FullName]strictjson.Budget{}
	for _, s := range services() {
		for i := range s.Methods().Len() {
			m := s.Methods().Get(i)
			out[m.Input().FullName()] = procedureOf("/" + string(s.FullName()) + "/" + string(m.Name())).budget()
		}
	}
	return out
}()

func budgetOf(m proto.Message) strictjson.Budget {
	if b, ok := budgets[m.ProtoReflect().Descriptor().FullName()]; ok {
		return b
	}
	return (*Procedure)(nil).budget()
}

// protoCodec is the codec of protobuf messages. A message takes many times its bytes in memory: an empty one in a list is two bytes, and the
// struct that it becomes has eighty. So fields are counted before anything is made of them.
type protoCodec struct{}

// Name implements [connect.Codec].
func (protoCodec) Name() string { return "proto" }

// Marshal implements [connect.Codec].
func (protoCodec) Marshal(v any) ([]byte, error) { return protoCodec{}.MarshalAppend(nil, v) }

// MarshalAppend is what connect calls where a codec has it.
func (protoCodec) MarshalAppend(dst []byte, v any) ([]byte, error) {
	m, ok := v.(proto.Message)
	if !ok {
		return nil, fmt.Errorf("grpcapi: %T is no message", v)
	}
	return proto.MarshalOptions{}.MarshalAppend(dst, m)
}

// MarshalStable is what connect calls where a codec has it.
func (protoCodec) MarshalStable(v any) ([]byte, error) {
	m, ok := v.(proto.Message)
	if !ok {
		return nil, fmt.Errorf("grpcapi: %T is no message", v)
	}
	return proto.MarshalOptions{Deterministic: true}.Marshal(m)
}

// IsBinary is what connect calls where a codec has it.
func (protoCodec) IsBinary() bool { return true }

// Unmarshal implements [connect.Codec].
func (protoCodec) Unmarshal(b []byte, v any) error {
	m, ok := v.(proto.Message)
	if !ok {
		return fmt.Errorf("grpcapi: %T is no message", v)
	}
	left := budgetOf(m).Values
	if err := count(b, m.ProtoReflect().Descriptor(), 1, &left); err != nil {
		return err
	}
	return proto.UnmarshalOptions{RecursionLimit: maxDepth + 2}.Unmarshal(b, m)
}

// Faults of messages. Their text is all that clients see of them.
var (
	errManyFields = errors.New("the message has more fields than any may have")
	errDeep       = errors.New("the message has messages in each other deeper than any may have")
)

// count walks through the fields of a message, and takes each from what is left.
func count(b []byte, d protoreflect.MessageDescriptor, depth int, left *int) error {
	if depth > maxDepth {
		return errDeep
	}
	for len(b) > 0 {
		if *left--; *left < 0 {
			return errManyFields
		}
		number, kind, n := protowire.ConsumeTag(b)
		if n < 0 {
			return protowire.ParseError(n)
		}
		b = b[n:]
		value := protowire.ConsumeFieldValue(number, kind, b)
		if value < 0 {
			return protowire.ParseError(value)
		}
		switch f := d.Fields().ByNumber(number); {
		case f == nil || kind != protowire.BytesType:
		case f.Message() != nil:
			inner, _ := protowire.ConsumeBytes(b)
			if err := count(inner, f.Message(), depth+1, left); err != nil {
				return err
			}
		case f.IsList() && f.Kind() != protoreflect.StringKind && f.Kind() != protoreflect.BytesKind: // packed: a number takes at least a byte, and at most eight in memory
			inner, _ := protowire.ConsumeBytes(b)
			if *left -= len(inner) / 4; *left < 0 {
				return errManyFields
			}
		}
		b = b[value:]
	}
	return nil
}

// jsonCodec is the codec of messages in JSON, of the Connect protocol.
type jsonCodec struct{ name string }

// Name implements [connect.Codec].
func (c jsonCodec) Name() string { return c.name }

// IsBinary is what connect calls where a codec has it.
func (c jsonCodec) IsBinary() bool { return false }

// Marshal implements [connect.Codec].
func (c jsonCodec) Marshal(v any) ([]byte, error) {
	m, ok := v.(proto.Message)
	if !ok {
		return nil, fmt.Errorf("grpcapi: %T is no message", v)
	}
	return protojson.Marshal(m)
}

// MarshalStable is what connect calls where a codec has it.
func (c jsonCodec) MarshalStable(v any) ([]byte, error) { return c.Marshal(v) }

// Unmarshal implements [connect.Codec].
func (c jsonCodec) Unmarshal(b []byte, v any) error {
	m, ok := v.(proto.Message)
	if !ok {
		return fmt.Errorf("grpcapi: %T is no message", v)
	}
	if len(bytes.TrimSpace(b)) == 0 {
		return errors.New("the message is empty, and no JSON")
	}
	if err := budgetOf(m).Check(b); err != nil {
		return err
	}
	return protojson.UnmarshalOptions{DiscardUnknown: true, RecursionLimit: maxDepth}.Unmarshal(b, m)
}

// What gzip may unpack to, as over HTTP: zeros shrink to a thousandth, and what is worked on is the zeros.
const (
	unpackedFree  = 4 << 20 // bytes that any message may unpack to
	unpackedTimes = 5       // beyond them, so many times the bytes that arrived
)

// decompressor is gzip that is held to what so many bytes may unpack to.
type decompressor struct {
	gz      gzip.Reader
	in, out counted
}

// counted counts what is read.
type counted struct {
	io.Reader
	n int64
}

func (c *counted) Read(p []byte) (int, error) {
	n, err := c.Reader.Read(p)
	c.n += int64(n)
	return n, err
}

func newDecompressor() connect.Decompressor { return &decompressor{} }
func newCompressor() connect.Compressor     { return gzip.NewWriter(io.Discard) }

// Reset implements [connect.Decompressor].
func (d *decompressor) Reset(r io.Reader) error {
	d.in = counted{Reader: r}
	d.out = counted{Reader: &d.gz}
	return d.gz.Reset(&d.in)
}

// Read implements [connect.Decompressor].
func (d *decompressor) Read(p []byte) (int, error) {
	n, err := d.out.Read(p)
	if d.out.n > unpackedFree && d.out.n > unpackedTimes*d.in.n {
		return 0, connect.NewError(connect.CodeResourceExhausted, models.Errorf(models.PayloadTooLarge, "The message unpacks to more than %d times its bytes.", unpackedTimes))
	}
	return n, err
}

// Close implements [connect.Decompressor].
func (d *decompressor) Close() error { return d.gz.Close() }
