package grpcapi

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	neurascalev1 "github.com/neurod/neurod/api/proto/neurascale/v1"
	neurodv1 "github.com/neurod/neurod/api/proto/neurod/v1"
	"github.com/neurod/neurod/models"
)

// inputs are the messages that calls take.
func inputs(t testing.TB) []protoreflect.MessageType {
	t.Helper()
	var out []protoreflect.MessageType
	for _, s := range services() {
		for i := range s.Methods().Len() {
			m, err := protoregistry.GlobalTypes.FindMessageByName(s.Methods().Get(i).Input().FullName())
			if err != nil {
				t.Fatal(err)
			}
			out = append(out, m)
		}
	}
	return out
}

// fieldsOf counts the fields of a message that was read, with those of the messages in it.
func fieldsOf(m protoreflect.Message) (n int) {
	m.Range(func(f protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		switch {
		case f.IsMap():
			v.Map().Range(func(_ protoreflect.MapKey, e protoreflect.Value) bool {
				n++
				if f.MapValue().Message() != nil {
					n += fieldsOf(e.Message())
				}
				return true
			})
		case f.IsList():
			for i := range v.List().Len() {
				if f.Message() != nil {
					n += 1 + fieldsOf(v.List().Get(i).Message())
				} else if f.Kind() == protoreflect.StringKind || f.Kind() == protoreflect.BytesKind {
					n++
				}
			}
		case f.Message() != nil:
			n += 1 + fieldsOf(v.Message())
		default:
			n++
		}
		return true
	})
	return n
}

// FuzzMessages: whatever bytes come as a message are refused or read, within what such a message may hold, and what is read goes through what
// makes requests of it.
func FuzzMessages(f *testing.F) {
	at := int64(1)
	for _, m := range []proto.Message{
		&neurodv1.IngestRequest{Message: &neurodv1.IngestRequest_Batch{Batch: &neurodv1.IngestBatch{BatchId: "b", T0UnixMs: &at, Data: []byte{0, 0, 128, 63}}}},
		&neurodv1.SubmitDecodeRequest{Recording: &neurodv1.Recording{Paradigm: "ssvep", Channels: []string{"O1"}, Events: []*neurodv1.RecordingEvent{{OnsetS: 1, Code: 2}},
			Stimulus: &neurodv1.Stimulus{Targets: []*neurodv1.Target{{Frequency: 13}}, Matrix: []*neurodv1.Symbols{{Symbols: []string{"a"}}}, Flashes: map[string]*neurodv1.Symbols{"1": nil}}},
			Options: &neurodv1.DecodeOptions{Context: structOf(map[string]any{"locale": "en", "deep": []any{1, map[string]any{"x": nil}}})}},
		&neurascalev1.StreamRequest{SessionId: "s", DeviceIds: []string{"d"}, Channels: []int32{1, 2}, Filters: &neurascalev1.Filters{Bandpass: []float64{1, 40}}},
		&neurascalev1.DeviceCommand{DeviceId: "d", Action: "start_stream", Config: &neurascalev1.StreamConfig{Channels: []int32{1}, Filters: &neurascalev1.Filters{Bandpass: []float64{1}}}},
		&neurascalev1.AnalysisRequest{SessionId: "s", Parameters: map[string]string{"start_ms": "1", "events": `"all"`, "stimulus": `{"targets":[{"frequency":1}]}`}},
	} {
		b, err := proto.Marshal(m)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Add(bytes.Repeat([]byte{0x12, 0}, 50_000))
	f.Add(bytes.Repeat([]byte{0x0a}, 300))
	all := inputs(f)
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, kind := range all {
			for _, codec := range []interface{ Unmarshal([]byte, any) error }{protoCodec{}, jsonCodec{"json"}} {
				m := kind.New().Interface()
				if codec.Unmarshal(b, m) != nil {
					continue
				}
				if n, most := fieldsOf(m.ProtoReflect()), budgetOf(m).Values; n > most {
					t.Fatalf("%s has %d fields; at most %d are allowed", kind.Descriptor().FullName(), n, most)
				}
				switch m := m.(type) {
				case *neurodv1.SubmitDecodeRequest:
					if m.Recording != nil {
						_, _ = requestOf(m.Recording, m.Options)
					}
				case *neurascalev1.AnalysisRequest:
					_, _ = parametersOf(m.Parameters)
				case *neurascalev1.DeviceCommand:
					_, _ = configOf(m.Config)
				}
			}
		}
	})
}

// TestEveryCallHasARow: each procedure of api/proto has a row in the table, and each row is of a procedure that is served.
func TestEveryCallHasARow(t *testing.T) {
	t.Parallel()
	found := 0
	for _, s := range services() {
		for i := range s.Methods().Len() {
			path := "/" + string(s.FullName()) + "/" + string(s.Methods().Get(i).Name())
			p := procedureOf(path)
			if p == nil {
				t.Errorf("%s has no row", path)
				continue
			}
			found++
			if p.Open || p.Right == "" {
				t.Errorf("%s needs no right", path)
			}
			if streams := s.Methods().Get(i).IsStreamingServer() || s.Methods().Get(i).IsStreamingClient(); streams != p.Stream {
				t.Errorf("%s: streams %v, its row says %v", path, streams, p.Stream)
			}
		}
	}
	for _, p := range Procedures() {
		if p.Open {
			found++
		}
	}
	if found != len(Procedures()) {
		t.Errorf("%d of %d rows are of procedures that there are", found, len(Procedures()))
	}
}

// TestWhatUnpacksToMuch: a message of zeros that was packed is refused before it is unpacked.
func TestWhatUnpacksToMuch(t *testing.T) {
	t.Parallel()
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	if _, err := z.Write(make([]byte, 64<<20)); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	d := newDecompressor()
	if err := d.Reset(bytes.NewReader(packed.Bytes())); err != nil {
		t.Fatal(err)
	}
	n, err := io.Copy(io.Discard, d)
	if n > 5<<20 || err == nil {
		t.Errorf("%d bytes, %v", n, err)
	}
	var known *models.Error
	if !errors.As(err, &known) || known.Code != models.PayloadTooLarge {
		t.Errorf("%v", err)
	}
}

// TestEveryClassHasACode: no class of errors is left to chance.
func TestEveryClassHasACode(t *testing.T) {
	t.Parallel()
	for code, row := range models.ErrorTable {
		if row.Class != "" && classCodes[row.Class] == 0 {
			t.Errorf("%s: the class %s has no code", code, row.Class)
		}
	}
}
