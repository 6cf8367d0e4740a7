package grpcapi

import (
	"google.golang.org/protobuf/reflect/protoreflect"

	neurascalev1 "github.com/neurod/neurod/api/proto/neurascale/v1"
	"github.com/neurod/neurod/api/proto/neurascale/v1/neurascalev1connect"
	neurodv1 "github.com/neurod/neurod/api/proto/neurod/v1"
	"github.com/neurod/neurod/api/proto/neurod/v1/neurodv1connect"
	"github.com/neurod/neurod/eeg"
	"github.com/neurod/neurod/internal/service"
	"github.com/neurod/neurod/internal/strictjson"
	"github.com/neurod/neurod/models"
)

// Procedure is a row of the table of calls: all that is known of one before its messages are read.
type Procedure struct {
	Path string // as in a request: "/neurod.v1.SessionService/Ingest"

	Open  bool         // takes no credential
	Right models.Right // what its caller must be allowed; "" where Open
	// Limit is what calls count against. Defaults to nothing.
	Limit service.LimitRule
	// Message is the most bytes of a message that is received. Defaults to 64 KiB.
	Message int
	// Values is how many fields a message may have, with those of the messages in it. Defaults to 20,000.
	Values int
	// Stream calls last as long as their client likes: the server's limits of time for calls do not hold.
	Stream bool
}

// The most bytes of messages.
const (
	smallMessage = 64 << 10
	// MaxBatchBytes is for a batch of samples: 4 MiB, which is gRPC's own default; 1 min of 64 channels at 250 Hz.
	MaxBatchBytes = 4 << 20
	// eventsMessage is for the events of one call with labels of the greatest length.
	eventsMessage = 1 << 20
	// decodeMessage fits the largest recording, and its events and context beside it.
	decodeMessage = eeg.MaxPayloadBytes + 5<<20
)

// The most fields of messages.
const (
	smallValues = 20_000
	// An event has three fields and is one; a P300 matrix has 400, and each of its 1000 codes may light them all.
	decodeValues = 4*eeg.MaxEvents + 50_000
)

// Procedures is the table of calls.
func Procedures() []Procedure {
	const neural = "/" + neurascalev1connect.NeuralServiceName + "/"
	const sessions, decode = "/" + neurodv1connect.SessionServiceName + "/", "/" + neurodv1connect.DecodeServiceName + "/"
	return []Procedure{
		{Path: sessions + "CreateSession", Right: models.RightSessionsWrite, Limit: service.LimitSessions},
		{Path: sessions + "GetSession", Right: models.RightSessionsRead, Limit: service.LimitSessions},
		{Path: sessions + "Ingest", Right: models.RightSessionsWrite, Limit: service.LimitSessions, Message: MaxBatchBytes + 1<<10, Stream: true},
		{Path: sessions + "Follow", Right: models.RightSessionsRead, Limit: service.LimitSessions, Stream: true},
		{Path: sessions + "AddEvents", Right: models.RightSessionsWrite, Limit: service.LimitSessions, Message: eventsMessage},
		{Path: sessions + "EndSession", Right: models.RightSessionsWrite, Limit: service.LimitSessions},

		{Path: decode + "SubmitDecode", Right: models.RightDecode, Limit: service.LimitDecode, Message: decodeMessage, Values: decodeValues},
		{Path: decode + "Decode", Right: models.RightDecode, Limit: service.LimitDecode, Message: decodeMessage, Values: decodeValues},
		{Path: decode + "GetJob", Right: models.RightJobsRead, Limit: service.LimitDecode},
		{Path: decode + "WaitJob", Right: models.RightJobsRead, Limit: service.LimitDecode},
		{Path: decode + "CancelJob", Right: models.RightJobsWrite, Limit: service.LimitDecode},

		// The devices document has no limit of rate for gRPC; what its calls make counts against quotas, and its streams are counted.
		{Path: neural + "StreamNeuralData", Right: models.RightSessionsRead, Stream: true},
		{Path: neural + "DeviceControl", Right: models.RightDevicesUse, Stream: true},
		{Path: neural + "AnalyzeData", Right: models.RightDecode},

		{Path: "/grpc.health.v1.Health/Check", Open: true, Limit: service.LimitAddress},
		{Path: "/grpc.health.v1.Health/Watch", Open: true, Limit: service.LimitAddress, Stream: true},
		{Path: "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo", Open: true, Limit: service.LimitAddress, Stream: true},
		{Path: "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo", Open: true, Limit: service.LimitAddress, Stream: true},
	}
}

// services are the services of api/proto.
func services() []protoreflect.ServiceDescriptor {
	var out []protoreflect.ServiceDescriptor
	for _, f := range []protoreflect.FileDescriptor{neurascalev1.File_neurascale_v1_neural_service_proto, neurodv1.File_neurod_v1_sessions_proto, neurodv1.File_neurod_v1_decode_proto} {
		for i := range f.Services().Len() {
			out = append(out, f.Services().Get(i))
		}
	}
	return out
}

var byPath = func() map[string]*Procedure {
	out := map[string]*Procedure{}
	for _, p := range Procedures() {
		out[p.Path] = &p
	}
	return out
}()

// procedureOf returns the row of a path, nil for none.
func procedureOf(path string) *Procedure { return byPath[path] }

func (p *Procedure) messageBytes() int {
	if p == nil || p.Message == 0 {
		return smallMessage
	}
	return p.Message
}

func (p *Procedure) budget() strictjson.Budget {
	b := strictjson.Budget{Values: smallValues, Members: 1000}
	if p != nil && p.Values > 0 {
		b = strictjson.Budget{Values: p.Values, Members: 4000}
	}
	return b
}
