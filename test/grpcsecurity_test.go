package test

import (
	"context"
	"io"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/fullstorydev/grpcurl"
	"github.com/jhump/protoreflect/grpcreflect" // what grpcurl takes
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/emptypb"

	neurascalev1 "github.com/neurod/neurod/api/proto/neurascale/v1"
	neurodv1 "github.com/neurod/neurod/api/proto/neurod/v1"
	"github.com/neurod/neurod/internal/auth"
	"github.com/neurod/neurod/internal/testkit"
	"github.com/neurod/neurod/models"
)

// rpcRight is what a procedure must answer to each kind of credential, stated here independently of the table of procedures.
type rpcRight struct {
	open  bool           // takes no credential
	first bool           // goes on after its first answer
	scope models.Scope   // that a key needs
	also  []models.Scope // and these
	role  models.Role    // the least that a member of the project needs
	// make returns the first message of a call about what is the tenant's own.
	make  func(own rpcThings) proto.Message
	good  codes.Code // with the right credential
	other codes.Code // of another tenant with the right kind of credential
}

// rpcThings are what a tenant has.
type rpcThings struct{ session, ended, recorded, job string }

// rpcMatrix has a row for every procedure. A procedure without one fails the test.
var rpcMatrix = map[string]rpcRight{
	"neurascale.v1.NeuralService.StreamNeuralData": {scope: models.ScopeSessions, role: models.RoleViewer, other: codes.NotFound, make: func(own rpcThings) proto.Message {
		return &neurascalev1.StreamRequest{SessionId: own.ended}
	}},
	"neurascale.v1.NeuralService.DeviceControl": {scope: models.ScopeDevicesUse, role: models.RoleMember, make: func(rpcThings) proto.Message {
		return &neurascalev1.DeviceCommand{DeviceId: "nowhere", Action: "get_status"}
	}},
	"neurascale.v1.NeuralService.AnalyzeData": {scope: models.ScopeDecode, also: []models.Scope{models.ScopeSessions, models.ScopeJobsRead}, role: models.RoleMember, other: codes.NotFound, make: func(own rpcThings) proto.Message {
		return &neurascalev1.AnalysisRequest{SessionId: own.recorded, ModelType: "motor_imagery"}
	}},
	"neurod.v1.SessionService.CreateSession": {scope: models.ScopeSessions, role: models.RoleMember, make: func(rpcThings) proto.Message {
		return &neurodv1.CreateSessionRequest{ExternalUserId: "u", DeviceType: "d", SampleRateHz: 100, Channels: []string{"C3"}}
	}},
	"neurod.v1.SessionService.GetSession": {scope: models.ScopeSessions, role: models.RoleViewer, other: codes.NotFound, make: func(own rpcThings) proto.Message {
		return &neurodv1.GetSessionRequest{SessionId: own.session}
	}},
	"neurod.v1.SessionService.Ingest": {scope: models.ScopeSessions, role: models.RoleMember, other: codes.NotFound, make: func(own rpcThings) proto.Message {
		return &neurodv1.IngestRequest{Message: &neurodv1.IngestRequest_Open{Open: &neurodv1.IngestOpen{SessionId: own.session}}}
	}},
	"neurod.v1.SessionService.Follow": {scope: models.ScopeSessions, role: models.RoleViewer, other: codes.NotFound, make: func(own rpcThings) proto.Message {
		return &neurodv1.FollowRequest{SessionId: own.ended}
	}},
	"neurod.v1.SessionService.AddEvents": {scope: models.ScopeSessions, role: models.RoleMember, other: codes.NotFound, make: func(own rpcThings) proto.Message {
		at := 1000.0
		return &neurodv1.AddEventsRequest{SessionId: own.session, Events: []*neurodv1.SessionEvent{{TUnixMs: &at, Code: 1}}}
	}},
	"neurod.v1.SessionService.EndSession": {scope: models.ScopeSessions, role: models.RoleMember, other: codes.NotFound, make: func(own rpcThings) proto.Message {
		return &neurodv1.EndSessionRequest{SessionId: own.ended}
	}},
	"neurod.v1.DecodeService.SubmitDecode": {scope: models.ScopeDecode, role: models.RoleMember, make: func(rpcThings) proto.Message {
		return &neurodv1.SubmitDecodeRequest{Recording: rpcRecording()}
	}},
	"neurod.v1.DecodeService.Decode": {scope: models.ScopeDecode, also: []models.Scope{models.ScopeJobsRead}, role: models.RoleMember, make: func(rpcThings) proto.Message {
		return &neurodv1.DecodeRequest{Recording: rpcRecording()}
	}},
	"neurod.v1.DecodeService.GetJob": {scope: models.ScopeJobsRead, role: models.RoleViewer, other: codes.NotFound, make: func(own rpcThings) proto.Message {
		return &neurodv1.GetJobRequest{JobId: own.job}
	}},
	"neurod.v1.DecodeService.WaitJob": {scope: models.ScopeJobsRead, role: models.RoleViewer, other: codes.NotFound, make: func(own rpcThings) proto.Message {
		return &neurodv1.WaitJobRequest{JobId: own.job}
	}},
	"neurod.v1.DecodeService.CancelJob": {scope: models.ScopeJobsWrite, role: models.RoleMember, other: codes.NotFound, make: func(own rpcThings) proto.Message {
		return &neurodv1.CancelJobRequest{JobId: own.job}
	}},
	"grpc.health.v1.Health.Check":                                   {open: true},
	"grpc.health.v1.Health.Watch":                                   {open: true, first: true},
	"grpc.reflection.v1.ServerReflection.ServerReflectionInfo":      {open: true, good: codes.InvalidArgument}, // of an empty message
	"grpc.reflection.v1alpha.ServerReflection.ServerReflectionInfo": {open: true, good: codes.InvalidArgument},
}

func rpcRecording() *neurodv1.Recording {
	return &neurodv1.Recording{Data: sines(0, 500, 2, 250), Paradigm: "motor_imagery", SampleRate: 250, Channels: []string{"C3", "C4"}}
}

// try makes a call with one message and returns how it ends.
func try(ctx context.Context, conn *grpc.ClientConn, method string, in proto.Message) error {
	if in == nil {
		in = &emptypb.Empty{}
	}
	dot := strings.LastIndexByte(method, '.')
	s, err := conn.NewStream(ctx, &grpc.StreamDesc{ServerStreams: true, ClientStreams: true}, "/"+method[:dot]+"/"+method[dot+1:])
	if err != nil {
		return err
	}
	_ = s.SendMsg(in)
	_ = s.CloseSend()
	for {
		if err := s.RecvMsg(&emptypb.Empty{}); err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
	}
}

// TestGRPCSecurityMatrix calls every procedure with every kind of credential. Which there are the server itself tells, to grpcurl.
func TestGRPCSecurityMatrix(t *testing.T) {
	t.Parallel()
	testkit.Backends(t, func(t *testing.T, b testkit.Backend) {
		s := boot(t, b, "NEUROD_SIGNUPS_PER_HOUR=1000")
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		conn := s.grpcConn(t)
		reflected := grpcreflect.NewClientAuto(ctx, conn)
		defer reflected.Reset()
		source := grpcurl.DescriptorSourceFromServer(ctx, reflected)
		services, err := grpcurl.ListServices(source)
		if err != nil {
			t.Fatal(err)
		}
		var methods []string
		for _, service := range append(services, "grpc.reflection.v1.ServerReflection", "grpc.reflection.v1alpha.ServerReflection") {
			found, err := grpcurl.ListMethods(source, service)
			if err != nil {
				t.Fatalf("%s: %v", service, err)
			}
			methods = append(methods, found...)
		}
		slices.Sort(methods)
		methods = slices.Compact(methods)
		if want := slices.Sorted(maps.Keys(rpcMatrix)); !slices.Equal(methods, want) {
			t.Errorf("the server has %v, the matrix %v", methods, want)
		}

		mine, other := s.tenant(t, "mine@example.com"), s.tenant(t, "other@example.com")
		s.people(t, &mine)
		own := rpcThings{job: mine.job}
		for _, id := range []*string{&own.session, &own.ended, &own.recorded} {
			*id = s.json(t, 201, "POST", "/v1/sessions", mine.keys["good"], sessionBody)["session_id"].(string)
		}
		s.json(t, 200, "POST", "/v1/sessions/"+own.ended+"/end", mine.keys["good"], nil)
		s.json(t, 202, "POST", "/v1/sessions/"+own.recorded+"/ingest", mine.keys["good"], ingestBody)
		_, several := s.user(t, "several@example.com")
		for range 2 {
			s.json(t, 201, "POST", "/v1/projects", several, object{"name": "one of two"})
		}
		badTokens := s.tokens(t, mine.userID)
		for _, name := range methods {
			r := rpcMatrix[name]
			t.Run(name, func(t *testing.T) {
				expect := func(what string, code codes.Code, reason string, md ...string) {
					t.Helper()
					ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
					defer cancel()
					var in proto.Message
					if r.make != nil {
						in = r.make(own)
					}
					err := try(as(ctx, md[0], md[1:]...), conn, name, in)
					if got, _ := reasonOf(err); status.Code(err) != code || reason != "" && got != reason {
						t.Errorf("%s: %v %s, want %v %s", what, err, got, code, reason)
					}
				}
				if r.open {
					if r.first {
						watch := openStream(t, conn, ctx, "/grpc.health.v1.Health/Watch")
						watch.send(&emptypb.Empty{})
						_ = watch.CloseSend()
						if err := watch.RecvMsg(&emptypb.Empty{}); err != nil { // it ends with the server
							t.Errorf("without a credential: %v", err)
						}
						return
					}
					if err := try(ctx, conn, name, nil); status.Code(err) != r.good {
						t.Errorf("without a credential: %v", err)
					}
					return
				}
				if err := try(ctx, conn, name, nil); status.Code(err) != codes.Unauthenticated {
					t.Errorf("without a credential: %v", err)
				}
				expect("no key", codes.Unauthenticated, "INVALID_API_KEY", "nothing")
				expect("two credentials", codes.Unauthenticated, "MISSING_CREDENTIALS", mine.keys["good"], "authorization", "Bearer "+mine.keys["good"])
				expect("an unknown key", codes.Unauthenticated, "INVALID_API_KEY", auth.NewKey())
				expect("a revoked key", codes.Unauthenticated, "INVALID_API_KEY", mine.keys["revoked"])
				expect("an expired key", codes.Unauthenticated, "EXPIRED_API_KEY", mine.keys["expired"])
				for what, token := range badTokens {
					code := "INVALID_TOKEN"
					if what == "expired token" {
						code = "EXPIRED_TOKEN"
					}
					expect(what, codes.Unauthenticated, code, token, "x-project-id", mine.project)
				}
				expect("a key of another project", codes.PermissionDenied, "PROJECT_MISMATCH", mine.keys["good"], "x-project-id", other.project)
				expect("another's project", codes.NotFound, "PROJECT_NOT_FOUND", other.token, "x-project-id", mine.project)
				expect("somebody who was a member", codes.NotFound, "PROJECT_NOT_FOUND", mine.removed, "x-project-id", mine.project)
				expect("a key without the scope", codes.PermissionDenied, "INSUFFICIENT_SCOPE", mine.scoped[r.scope])
				for _, scope := range r.also {
					expect("a key without the scope "+string(scope), codes.PermissionDenied, "INSUFFICIENT_SCOPE", mine.scoped[scope])
				}
				if len(r.also) == 0 {
					expect("a key with the scope alone", r.good, "", mine.only[r.scope])
				}
				expect("a key", r.good, "", mine.keys["good"])
				expect("a key of another", r.other, "", other.keys["good"])
				expect("a user in two projects, naming none", codes.InvalidArgument, "PROJECT_REQUIRED", several)
				if r.other == 0 {
					expect("a user in one project, naming none", r.good, "", other.token)
				}
				for role, token := range mine.roles {
					if role.May(models.RightSessionsWrite) || r.role == models.RoleViewer {
						expect("role "+string(role), r.good, "", token, "x-project-id", mine.project)
					} else {
						expect("role "+string(role), codes.PermissionDenied, "INSUFFICIENT_ROLE", token, "x-project-id", mine.project)
					}
				}
			})
		}
	})
}

// TestGRPCRevoked: a stream whose key is revoked ends, whether it says anything or not.
func TestGRPCRevoked(t *testing.T) {
	t.Parallel()
	s := embedded(t)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	conn := s.grpcConn(t)
	k := s.json(t, 201, "POST", "/v1/projects/"+s.project+"/keys", s.token, object{"name": "short-lived"})
	session := s.json(t, 201, "POST", "/v1/sessions", s.key, sessionBody)["session_id"].(string)
	ctx = as(ctx, k["raw_key"].(string))
	in := openStream(t, conn, ctx, sessionCalls+"Ingest")
	in.send(&neurodv1.IngestRequest{Message: &neurodv1.IngestRequest_Open{Open: &neurodv1.IngestOpen{SessionId: session}}})
	if _, err := receive[neurodv1.IngestResponse](in); err != nil {
		t.Fatal(err)
	}
	following := openStream(t, conn, ctx, sessionCalls+"Follow")
	following.send(&neurodv1.FollowRequest{SessionId: session})
	_ = following.CloseSend()
	if _, err := following.Header(); err != nil {
		t.Fatal(err)
	}
	s.call(t, "DELETE", "/v1/projects/"+s.project+"/keys/"+k["id"].(string), s.token, nil)
	for name, stream := range map[string]*rpcStream{"ingest": in, "follow": following} {
		err := stream.RecvMsg(&emptypb.Empty{})
		if reason, _ := reasonOf(err); status.Code(err) != codes.Unauthenticated || reason != "INVALID_API_KEY" {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestGRPCLimits: rates count gRPC and HTTP together, and messages have a size.
func TestGRPCLimits(t *testing.T) {
	t.Parallel()
	s := boot(t, testkit.Backend{DataDir: t.TempDir()}, "NEUROD_RATE_LIMIT_DECODE=60", "NEUROD_RATE_BURST_DECODE=3", "NEUROD_STREAMS_PER_KEY=1")
	ctx, cancel := context.WithTimeout(as(t.Context(), s.key), patience)
	defer cancel()
	conn := s.grpcConn(t)
	get := &neurodv1.GetJobRequest{JobId: models.NewID()}
	s.call(t, "GET", "/api/v1/jobs", s.key, nil)
	for i := range 2 {
		if err := conn.Invoke(ctx, decodeCalls+"GetJob", get, &emptypb.Empty{}); status.Code(err) != codes.NotFound {
			t.Errorf("call %d: %v", i, err)
		}
	}
	err := conn.Invoke(ctx, decodeCalls+"GetJob", get, &emptypb.Empty{})
	if reason, _ := reasonOf(err); status.Code(err) != codes.ResourceExhausted || reason != "RATE_LIMITED" {
		t.Errorf("one more: %v", err)
	}
	if err := conn.Invoke(ctx, sessionCalls+"GetSession", &neurodv1.GetSessionRequest{SessionId: strings.Repeat("x", 100_000)}, &emptypb.Empty{}); status.Code(err) != codes.ResourceExhausted {
		t.Errorf("a large message: %v", err)
	}
	if err := conn.Invoke(ctx, "/neurod.v1.SessionService/Nothing", get, &emptypb.Empty{}); status.Code(err) != codes.Unimplemented {
		t.Errorf("no procedure: %v", err)
	}
	// What is small in a message and large in memory.
	many := &neurodv1.AddEventsRequest{SessionId: models.NewID()}
	for range 30_000 {
		many.Events = append(many.Events, &neurodv1.SessionEvent{})
	}
	if err := conn.Invoke(ctx, sessionCalls+"AddEvents", many, &emptypb.Empty{}); status.Code(err) != codes.InvalidArgument || !strings.Contains(err.Error(), "more fields") {
		t.Errorf("many fields: %v", err)
	}
	session := s.json(t, 201, "POST", "/v1/sessions", s.key, sessionBody)["session_id"].(string)
	following := openStream(t, conn, ctx, sessionCalls+"Follow")
	following.send(&neurodv1.FollowRequest{SessionId: session})
	_ = following.CloseSend()
	if _, err := following.Header(); err != nil {
		t.Fatal(err)
	}
	err = try(ctx, conn, "neurod.v1.SessionService.Follow", &neurodv1.FollowRequest{SessionId: session})
	if reason, _ := reasonOf(err); status.Code(err) != codes.ResourceExhausted || reason != "TOO_MANY_STREAMS" {
		t.Errorf("a second stream: %v", err)
	}
}

// TestGRPCStops: streams end when the process stops, and say that it does.
func TestGRPCStops(t *testing.T) {
	t.Parallel()
	s := boot(t, testkit.Backend{DataDir: t.TempDir()})
	ctx, cancel := context.WithTimeout(as(t.Context(), s.key), patience)
	defer cancel()
	conn := s.grpcConn(t)
	session := s.json(t, 201, "POST", "/v1/sessions", s.key, sessionBody)["session_id"].(string)
	in := openStream(t, conn, ctx, sessionCalls+"Ingest")
	in.send(&neurodv1.IngestRequest{Message: &neurodv1.IngestRequest_Open{Open: &neurodv1.IngestOpen{SessionId: session}}})
	if _, err := receive[neurodv1.IngestResponse](in); err != nil {
		t.Fatal(err)
	}
	following := openStream(t, conn, ctx, sessionCalls+"Follow")
	following.send(&neurodv1.FollowRequest{SessionId: session})
	_ = following.CloseSend()
	if _, err := following.Header(); err != nil {
		t.Fatal(err)
	}
	s.stop(t)
	for name, stream := range map[string]*rpcStream{"ingest": in, "follow": following} {
		if err := stream.RecvMsg(&emptypb.Empty{}); status.Code(err) != codes.Unavailable {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestGRPCFromPages: pages of the origins that the operator names, and no others, call gRPC-Web and Connect from a browser, and read answers and errors.
func TestGRPCFromPages(t *testing.T) {
	t.Parallel()
	const page = "https://app.example.org"
	s := boot(t, testkit.Backend{DataDir: t.TempDir()}, "NEUROD_CORS_ORIGINS="+page)
	ask := func(origin, method, path, body string, headers ...string) answer {
		t.Helper()
		a, err := s.tryRaw(method, path, append(headers, "Origin: "+origin), []byte(body))
		if err != nil {
			t.Fatal(err)
		}
		want := ""
		if origin == page {
			want = page
		}
		if got := a.Header.Get("Access-Control-Allow-Origin"); got != want {
			t.Errorf("%s %s from %s: %q may, want %q", method, path, origin, got, want)
		}
		return a
	}
	const create, check, empty = sessionCalls + "CreateSession", "/grpc.health.v1.Health/Check", "\x00\x00\x00\x00\x00"
	for _, origin := range []string{page, "https://evil.example"} {
		for _, asked := range []string{"authorization,connect-protocol-version,connect-timeout-ms,content-type,x-project-id", "authorization,content-type,grpc-timeout,x-grpc-web,x-user-agent"} {
			a := ask(origin, "OPTIONS", create, "", "Access-Control-Request-Method: POST", "Access-Control-Request-Headers: "+asked)
			if allowed := a.Header.Get("Access-Control-Allow-Headers"); a.StatusCode != 204 || origin == page && allowed != asked {
				t.Errorf("preflight: %d %v", a.StatusCode, a.Header)
			}
		}
		made := ask(origin, "POST", create, `{"externalUserId":"u","deviceType":"d","sampleRateHz":100,"channels":["C3"]}`, "Content-Type: application/json", "Connect-Protocol-Version: 1", "Authorization: Bearer "+s.key)
		if made.StatusCode != 200 || !strings.Contains(string(made.body), "sessionId") {
			t.Errorf("%d %s", made.StatusCode, made.body)
		}
		if a := ask(origin, "POST", create, "{}", "Content-Type: application/json", "Connect-Protocol-Version: 1"); a.StatusCode != 401 {
			t.Errorf("without a credential: %d %s", a.StatusCode, a.body)
		}
		if a := ask(origin, "POST", check, empty, "Content-Type: application/grpc-web+proto", "X-Grpc-Web: 1"); a.StatusCode != 200 || !strings.Contains(strings.ToLower(string(a.body)), "grpc-status: 0") {
			t.Errorf("gRPC-Web: %d %q", a.StatusCode, a.body)
		}
		none := ask(origin, "POST", "/neurod.v1.SessionService/Nothing", empty, "Content-Type: application/grpc-web+proto", "X-Grpc-Web: 1")
		exposed := strings.ToLower(none.Header.Get("Access-Control-Expose-Headers"))
		for _, name := range []string{"grpc-status", "grpc-message", "grpc-status-details-bin", "x-request-id", "retry-after"} {
			if origin == page && !strings.Contains(exposed, name) {
				t.Errorf("%s is not exposed: %s", name, exposed)
			}
		}
		if none.StatusCode != 200 {
			t.Errorf("no such procedure: %d %q", none.StatusCode, none.body)
		}
	}
}
