package app

import (
	"compress/gzip"
	"context"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"math"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	dto "github.com/prometheus/client_model/go"
	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	otlp "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	neurodv1 "github.com/neurod/neurod/api/proto/neurod/v1"
	"github.com/neurod/neurod/internal/testkit"
	"github.com/neurod/neurod/internal/testkit/neurod"
	"github.com/neurod/neurod/internal/testkit/neurodtest"
	"github.com/neurod/neurod/models"
	"github.com/neurod/neurod/workers"
)

// span is one as a collector got it, with what sent it.
type span struct {
	*otlp.Span
	sender map[string]string // attributes of the resource
}

func (s span) trace() string  { return fmt.Sprintf("%x", s.TraceId) }
func (s span) id() string     { return fmt.Sprintf("%x", s.SpanId) }
func (s span) parent() string { return fmt.Sprintf("%x", s.ParentSpanId) }
func (s span) failed() bool   { return s.Status.GetCode() == otlp.Status_STATUS_CODE_ERROR }

func (s span) attribute(name string) string {
	for _, a := range s.Attributes {
		if a.Key == name {
			return strings.Trim(strings.TrimSpace(strings.SplitN(a.Value.String(), ":", 2)[1]), `"`)
		}
	}
	return ""
}

// receiver is a collector, by OTLP over HTTP and over gRPC.
type receiver struct {
	collector.UnimplementedTraceServiceServer
	url string // of the protocol that it was made for

	mu    sync.Mutex
	spans []span
}

// Export implements the service of collectors.
func (r *receiver) Export(_ context.Context, req *collector.ExportTraceServiceRequest) (*collector.ExportTraceServiceResponse, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, of := range req.ResourceSpans {
		sender := map[string]string{}
		for _, a := range of.Resource.Attributes {
			sender[a.Key] = a.Value.GetStringValue()
		}
		for _, scope := range of.ScopeSpans {
			for _, s := range scope.Spans {
				r.spans = append(r.spans, span{s, sender})
			}
		}
	}
	return &collector.ExportTraceServiceResponse{}, nil
}

// ServeHTTP implements OTLP over HTTP.
func (r *receiver) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	var body io.Reader = q.Body
	if q.Header.Get("Content-Encoding") == "gzip" {
		unzipped, err := gzip.NewReader(q.Body)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		body = unzipped
	}
	b, err := io.ReadAll(body)
	var req collector.ExportTraceServiceRequest
	if err = errors.Join(err, proto.Unmarshal(b, &req)); err != nil || q.URL.Path != "/v1/traces" {
		http.Error(w, fmt.Sprint(q.URL.Path, err), http.StatusBadRequest)
		return
	}
	answer, _ := r.Export(q.Context(), &req)
	b, _ = proto.Marshal(answer)
	w.Header().Set("Content-Type", "application/x-protobuf")
	_, _ = w.Write(b)
}

// collect starts a collector for a protocol.
func collect(t testing.TB, protocol string) *receiver {
	t.Helper()
	r := &receiver{}
	if protocol != "grpc" {
		s := httptest.NewServer(r)
		t.Cleanup(s.Close)
		r.url = s.URL
		return r
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := grpc.NewServer()
	collector.RegisterTraceServiceServer(s, r)
	served := make(chan error, 1)
	go func() { served <- s.Serve(l) }()
	t.Cleanup(func() {
		s.Stop()
		<-served
	})
	r.url = "http://" + l.Addr().String()
	return r
}

// of returns the spans of a trace, by name.
func (r *receiver) of(trace string) map[string][]span {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := map[string][]span{}
	for _, s := range r.spans {
		if s.trace() == trace {
			out[s.Name] = append(out[s.Name], s)
		}
	}
	for _, list := range out {
		slices.SortFunc(list, func(a, b span) int { return int(a.StartTimeUnixNano) - int(b.StartTimeUnixNano) })
	}
	return out
}

// observed are the processes of a service that is traced.
type observed struct {
	*wired
	worker *App // the same where one process does both
	log    *neurod.Log
	ends   []func()
}

// observe boots the processes on a backend; their traces go to a collector.
func observe(t testing.TB, b testkit.Backend, env ...string) *observed {
	t.Helper()
	o := &observed{log: new(neurod.Log)}
	process := func(role Role) *App {
		a, err := New(t.Context(), Config{Settings: settings(t, b, env...), Role: role, Log: slog.New(slog.NewJSONHandler(o.log, nil))})
		if err != nil {
			t.Fatal(err)
		}
		end := sync.OnceFunc(func() {
			ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
			defer cancel()
			if err := a.Stop(ctx); err != nil {
				t.Errorf("stop: %v", err)
			}
		})
		o.ends = append(o.ends, end)
		t.Cleanup(end)
		return a
	}
	if b.Embedded() {
		o.worker = process(All)
		o.wired = &wired{App: o.worker}
	} else {
		o.worker = process(Worker)
		o.wired = &wired{App: process(API)}
	}
	decode := workers.Decode(workers.NewModels(o.worker.catalog, o.worker.store, 1<<20, o.worker.slots), o.worker.store)
	o.worker.worker.Register(models.KindDecode, func(ctx context.Context, task *workers.Task) (workers.Result, error) {
		if task.Job.Attempts == 1 && strings.Contains(string(task.Job.Request), "fail once") {
			return workers.Result{}, errors.New("the archive of Ada Lovelace is away")
		}
		return decode(ctx, task)
	})
	for _, a := range slices.Compact([]*App{o.worker, o.App}) {
		if err := a.Start(); err != nil {
			t.Fatal(err)
		}
	}
	o.signUp(t)
	return o
}

// stop ends the processes, which send what is left.
func (o *observed) stop() {
	for _, end := range o.ends {
		end()
	}
}

// noise is 4 s of it, as float32.
func noise() []byte {
	rng := rand.New(rand.NewPCG(1, 2))
	var b []byte
	for range 1000 * len(imageryChannels) {
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(float32(10*rng.NormFloat64())))
	}
	return b
}

// noisy is a request to decode 4 s of noise, with things in it that no trace may show.
func noisy(note string) object {
	return object{"input": object{"type": "eeg", "data": base64.StdEncoding.EncodeToString(noise()), "paradigm": "motor_imagery",
		"device": "cap", "channels": imageryChannels, "sample_rate": 250}, "context": object{"locale": "en", "note": note, "patient": "Ada Lovelace"}}
}

// lines are those of the log with a message.
func lines(t testing.TB, log *neurod.Log, message string) (out []object) {
	t.Helper()
	for line := range strings.Lines(log.String()) {
		var o object
		if err := json.Unmarshal([]byte(line), &o); err != nil {
			t.Fatal(err)
		}
		if o["msg"] == message {
			out = append(out, o)
		}
	}
	return out
}

// exemplars are the traces that the buckets of a histogram name.
func exemplars(t testing.TB, a *App, name string) (traces []string) {
	t.Helper()
	families, err := a.metrics.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() != name {
			continue
		}
		for _, m := range f.Metric {
			for _, bucket := range m.GetHistogram().GetBucket() {
				traces = slices.AppendSeq(traces, maps.Values(labelsOf(bucket.GetExemplar())))
			}
		}
	}
	return traces
}

func labelsOf(e *dto.Exemplar) map[string]string {
	out := map[string]string{}
	for _, l := range e.GetLabel() {
		out[l.GetName()] = l.GetValue()
	}
	return out
}

const (
	traceOne   = "4bf92f3577b34da6a3ce929d0e0e4736"
	traceTwo   = "5bf92f3577b34da6a3ce929d0e0e4737"
	traceThree = "6bf92f3577b34da6a3ce929d0e0e4738"
	traceFour  = "7bf92f3577b34da6a3ce929d0e0e4739"
	callerSpan = "00f067aa0ba902b7"
)

// TestADeliveryIsInTheTraceOfItsJob: each attempt to tell a webhook of a job is a span of the job's trace, and names itself to the receiver; what tells of
// no job, or of one that nobody wants traced, says so or nothing.
func TestADeliveryIsInTheTraceOfItsJob(t *testing.T) {
	t.Parallel()
	testkit.Backends(t, func(t *testing.T, b testkit.Backend) {
		rx := collect(t, "http/protobuf")
		o := observe(t, b, "OTEL_EXPORTER_OTLP_ENDPOINT="+rx.url, "NEUROD_WEBHOOK_HTTP=true", "NEUROD_WEBHOOK_ALLOW=127.0.0.0/8")
		type told struct{ kind, trace string }
		arrived := make(chan told, 8)
		var failed atomic.Bool
		hook := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if kind := r.Header.Get("X-Pi-Event"); kind == string(models.EventJobCompleted) && failed.CompareAndSwap(false, true) {
				w.WriteHeader(http.StatusServiceUnavailable)
			}
			arrived <- told{r.Header.Get("X-Pi-Event"), r.Header.Get("Traceparent")}
		}))
		t.Cleanup(hook.Close)
		made := o.call(t, "POST", "/api/v1/webhooks", o.key, object{"url": hook.URL, "events": []string{"job.completed"}})
		if made.StatusCode != 201 {
			t.Fatalf("%d %s", made.StatusCode, made.body)
		}
		next := func() told {
			t.Helper()
			select {
			case a := <-arrived:
				return a
			case <-time.After(2 * time.Minute):
				t.Fatal("nothing arrived")
				return told{}
			}
		}
		a := o.call(t, "POST", "/api/v1/neuro/decode", o.key, noisy(""), "traceparent: 00-"+traceOne+"-"+callerSpan+"-01")
		if a.StatusCode != 202 {
			t.Fatalf("%d %s", a.StatusCode, a.body)
		}
		first, second := next(), next()
		for _, at := range []told{first, second} {
			if at.kind != "job.completed" || !strings.HasPrefix(at.trace, "00-"+traceOne+"-") || !strings.HasSuffix(at.trace, "-01") {
				t.Errorf("told of %s as %q", at.kind, at.trace)
			}
		}
		if first.trace == second.trace {
			t.Errorf("two attempts are one span: %s", first.trace)
		}
		if a := o.call(t, "POST", "/api/v1/neuro/decode", o.key, noisy(""), "traceparent: 00-"+traceTwo+"-"+callerSpan+"-00"); a.StatusCode != 202 {
			t.Fatalf("%d %s", a.StatusCode, a.body)
		}
		if at := next(); !strings.HasPrefix(at.trace, "00-"+traceTwo+"-") || !strings.HasSuffix(at.trace, "-00") {
			t.Errorf("one that nobody wants traced: %+v", at)
		}
		if a := o.call(t, "POST", "/api/v1/webhooks/"+made.object(t)["id"].(string)+"/test", o.key, nil); a.StatusCode != 202 {
			t.Fatalf("%d %s", a.StatusCode, a.body)
		}
		if at := next(); at.kind != "ping" || at.trace != "" {
			t.Errorf("a test: %+v", at)
		}
		o.stop() // sends what is left
		sent := rx.of(traceOne)["webhook job.completed"]
		if len(sent) != 2 {
			t.Fatalf("%d spans of attempts", len(sent))
		}
		for i, at := range []told{first, second} {
			if s := sent[i]; s.id() != at.trace[36:52] || s.Kind != otlp.Span_SPAN_KIND_CLIENT || s.failed() != (i == 0) || s.attribute("http.response.status_code") != []string{"503", "200"}[i] {
				t.Errorf("attempt %d, told as %s: %v", i+1, at.trace, s)
			}
		}
		if n := len(rx.of(traceTwo)); n != 0 {
			t.Errorf("%d kinds of spans of what nobody wants traced", n)
		}
	})
}

// TestAJobIsOneTrace: of a decode, from the caller's own span through the API, the queue and both of its attempts to the store, by HTTP and by
// gRPC; log lines and metrics lead to it, and nothing of what the caller sent is in it.
func TestAJobIsOneTrace(t *testing.T) {
	t.Parallel()
	testkit.Backends(t, func(t *testing.T, b testkit.Backend) {
		protocol, role := "grpc", "worker"
		if b.Embedded() {
			protocol, role = "http/protobuf", "all"
		}
		rx := collect(t, protocol)
		o := observe(t, b, "OTEL_EXPORTER_OTLP_ENDPOINT="+rx.url, "OTEL_EXPORTER_OTLP_PROTOCOL="+protocol)
		a := o.call(t, "POST", "/api/v1/neuro/decode", o.key, noisy("fail once"), "traceparent: 00-"+traceOne+"-"+callerSpan+"-01")
		if a.StatusCode != 202 {
			t.Fatalf("%d %s", a.StatusCode, a.body)
		}
		given := a.Header.Get("Traceparent")
		if !strings.HasPrefix(given, "00-"+traceOne+"-") || !strings.HasSuffix(given, "-01") || strings.Contains(given, callerSpan) || a.Header.Get("Traceresponse") != given {
			t.Errorf("given back: %q, %q", given, a.Header.Get("Traceresponse"))
		}
		id := a.object(t)["data"].(object)["job_id"].(string)
		if job := o.await(t, id); job["status"] != "completed" {
			t.Fatalf("%v", job)
		}

		// What a caller does not want traced is not, and what it calls a trace and is none begins one.
		unwanted := o.call(t, "POST", "/api/v1/neuro/decode", o.key, noisy(""), "traceparent: 00-"+traceTwo+"-"+callerSpan+"-00")
		if !strings.HasPrefix(unwanted.Header.Get("Traceparent"), "00-"+traceTwo+"-") || !strings.HasSuffix(unwanted.Header.Get("Traceparent"), "-00") {
			t.Errorf("not sampled: %q", unwanted.Header.Get("Traceparent"))
		}
		o.await(t, unwanted.object(t)["data"].(object)["job_id"].(string))
		for _, bad := range []string{"00-" + strings.Repeat("0", 32) + "-" + callerSpan + "-01", "traceparent", "00-" + traceOne + "-" + callerSpan, strings.Repeat("0", 4000)} {
			if got := o.call(t, "GET", "/api/v1/jobs/"+id, o.key, nil, "traceparent: "+bad).Header.Get("Traceparent"); len(got) != 55 || strings.Contains(got, traceOne) {
				t.Errorf("%.60q: %q", bad, got)
			}
		}
		submitByGRPC(t, o, traceThree)
		graph := o.call(t, "POST", "/graphql", o.key, object{"query": "query Lovelace { devices { id } }"}, "traceparent: 00-"+traceFour+"-"+callerSpan+"-01")
		if graph.StatusCode != 200 {
			t.Fatalf("%d %s", graph.StatusCode, graph.body)
		}
		for _, quiet := range []string{"/healthz", "/metrics", "/nowhere", "/"} {
			if got := o.call(t, "GET", quiet, "", nil).Header.Get("Traceparent"); got != "" {
				t.Errorf("%s is traced: %s", quiet, got)
			}
		}

		if plain := o.call(t, "GET", "/metrics", "", nil); strings.Contains(string(plain.body), "trace_id") || !strings.HasPrefix(plain.Header.Get("Content-Type"), "text/plain; version=0.0.4") {
			t.Errorf("/metrics without asking: %s", plain.Header.Get("Content-Type"))
		}
		open := o.call(t, "GET", "/metrics", "", nil, "Accept: application/openmetrics-text; version=1.0.0")
		if !strings.HasPrefix(open.Header.Get("Content-Type"), "application/openmetrics-text") || !strings.Contains(string(open.body), `# {trace_id="`) || !strings.HasSuffix(string(open.body), "# EOF\n") {
			t.Errorf("OpenMetrics: %s without exemplars, or not whole", open.Header.Get("Content-Type"))
		}
		for _, want := range []struct {
			of   *App
			name string
		}{{o.App, "neurod_http_request_seconds"}, {o.App, "neurod_grpc_call_seconds"}, {o.App, "neurod_jobs_wait_seconds"}, {o.worker, "neurod_worker_run_seconds"}, {o.worker, "neurod_jobs_queued_seconds"}} {
			found := exemplars(t, want.of, want.name)
			if len(found) == 0 || slices.Contains(found, traceTwo) {
				t.Errorf("%s: exemplars %v", want.name, found)
			}
		}
		o.stop()

		if n := len(rx.of(traceTwo)); n > 0 {
			t.Errorf("%d names of spans of a trace that nobody wants", n)
		}
		tree := rx.of(traceOne)
		names := slices.Sorted(maps.Keys(tree))
		single := func(name, parent string, kind otlp.Span_SpanKind) span {
			t.Helper()
			if len(tree[name]) != 1 {
				t.Fatalf("%d spans %q in %v", len(tree[name]), name, names)
			}
			s := tree[name][0]
			if s.parent() != parent || s.Kind != kind || s.failed() {
				t.Errorf("%s: below %s, %v, %v", name, s.parent(), s.Kind, s.Status)
			}
			return s
		}
		call := single("POST /api/v1/neuro/decode", callerSpan, otlp.Span_SPAN_KIND_SERVER)
		if !strings.Contains(given, call.id()) || call.attribute("http.route") != "/api/v1/neuro/decode" || call.attribute("http.response.status_code") != "202" {
			t.Errorf("%v, given back %s", call, given)
		}
		accepted := single("accept job", call.id(), otlp.Span_SPAN_KIND_PRODUCER)
		single("store accept", accepted.id(), otlp.Span_SPAN_KIND_CLIENT)
		if !strings.Contains(o.log.String(), "redis does not answer") { // a machine that is busy may have no answer in time; the reconciler enqueues then
			single("enqueue job", accepted.id(), otlp.Span_SPAN_KIND_PRODUCER)
		}
		runs := tree["run job"]
		if len(runs) != 2 || accepted.attribute("neurod.job.id") != id {
			t.Fatalf("%d attempts of %s in %v", len(runs), accepted.attribute("neurod.job.id"), names)
		}
		for i, run := range runs {
			if run.parent() != accepted.id() || run.Kind != otlp.Span_SPAN_KIND_CONSUMER || run.failed() != (i == 0) || run.attribute("neurod.job.attempt") != fmt.Sprint(i+1) ||
				run.attribute("neurod.job.id") != id || run.sender["neurod.role"] != role || run.sender["service.name"] != "neurod" || tree["claim job"][i].parent() != run.id() {
				t.Errorf("attempt %d: %v from %v", i+1, run, run.sender)
			}
		}
		single("store release", runs[0].id(), otlp.Span_SPAN_KIND_CLIENT)
		single("store finish", runs[1].id(), otlp.Span_SPAN_KIND_CLIENT)
		for _, step := range []string{"parse", "wait for a processor"} {
			single(step, runs[1].id(), otlp.Span_SPAN_KIND_INTERNAL)
		}
		if len(names) < 12 {
			t.Errorf("the steps of decoding are missing among %v", names)
		}

		tree = rx.of(traceThree)
		for _, name := range []string{"neurod.v1.DecodeService/SubmitDecode", "accept job", "store accept", "run job", "store finish"} {
			if len(tree[name]) != 1 {
				t.Errorf("gRPC: %d spans %q in %v", len(tree[name]), name, slices.Sorted(maps.Keys(tree)))
			}
		}
		if tree = rx.of(traceFour); len(tree["POST /graphql"]) != 1 || len(tree["graphql query"]) != 1 || tree["graphql query"][0].parent() != tree["POST /graphql"][0].id() ||
			len(tree["SELECT devices"]) == 0 {
			t.Errorf("GraphQL: %v", slices.Sorted(maps.Keys(tree)))
		}
		for trace := range map[string]bool{traceOne: true, traceThree: true, traceFour: true} {
			connected(t, rx.of(trace))
		}
		if requests := lines(t, o.log, "request"); !slices.ContainsFunc(requests, func(l object) bool {
			return l["path"] == "/api/v1/neuro/decode" && l["trace_id"] == traceOne && l["span_id"] == call.id()
		}) {
			t.Error("no line of the access log has the trace")
		}
		if retries := lines(t, o.log, "a temporary fault; the job will run again"); len(retries) != 1 || retries[0]["trace_id"] != traceOne {
			t.Errorf("%v", retries)
		}
		showsNothing(t, rx, o.key, o.token)
	})
}

func submitByGRPC(t *testing.T, o *observed, trace string) {
	t.Helper()
	conn, err := grpc.NewClient("passthrough:///"+o.Addr(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	ctx, cancel := context.WithTimeout(metadata.AppendToOutgoingContext(t.Context(), "authorization", "Bearer "+o.key, "traceparent", "00-"+trace+"-"+callerSpan+"-01"), time.Minute)
	defer cancel()
	var answer neurodv1.SubmitDecodeResponse
	var head metadata.MD
	err = conn.Invoke(ctx, "/neurod.v1.DecodeService/SubmitDecode", &neurodv1.SubmitDecodeRequest{Recording: &neurodv1.Recording{Data: noise(),
		Paradigm: "motor_imagery", SampleRate: 250, Channels: imageryChannels}}, &answer, grpc.Header(&head))
	if err != nil {
		t.Fatal(err)
	}
	if got := head.Get("traceparent"); len(got) != 1 || !strings.HasPrefix(got[0], "00-"+trace+"-") {
		t.Errorf("gRPC gives back %v", got)
	}
	o.await(t, answer.JobId)
}

// connected holds each span to having its parent in the trace, or at the caller.
func connected(t *testing.T, tree map[string][]span) {
	t.Helper()
	ids := map[string]bool{callerSpan: true}
	for _, list := range tree {
		for _, s := range list {
			ids[s.id()] = true
		}
	}
	for name, list := range tree {
		for _, s := range list {
			if !ids[s.parent()] {
				t.Errorf("%s hangs below %s, which is not in the trace", name, s.parent())
			}
			if s.EndTimeUnixNano < s.StartTimeUnixNano {
				t.Errorf("%s ends before it begins", name)
			}
		}
	}
}

// showsNothing holds all spans to showing nothing of what callers sent, of them, or of the fault's text.
func showsNothing(t *testing.T, rx *receiver, secrets ...string) {
	t.Helper()
	rx.mu.Lock()
	defer rx.mu.Unlock()
	for _, s := range rx.spans {
		text := protojson.Format(s.Span)
		for _, secret := range append([]string{"Lovelace", "archive", base64.StdEncoding.EncodeToString(noise())[:8], "example.com", "127.0.0.1", imageryChannels[0], "password", "select "}, secrets...) {
			if strings.Contains(text, secret) {
				t.Errorf("a span shows %q: %s", secret, text)
			}
		}
	}
}

// TestNoCollector: while it is away the service works as ever, the log says so once, and the process stops in time.
func TestNoCollector(t *testing.T) {
	t.Parallel()
	rx := httptest.NewServer(nil)
	rx.Close() // a port on which nobody listens
	o := observe(t, testkit.Backend{DataDir: t.TempDir()}, "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT="+rx.URL+"/v1/traces")
	for range 3 {
		id := o.json(t, 202, "POST", "/api/v1/neuro/decode", o.key, noisy(""))["data"].(object)["job_id"].(string)
		if job := o.await(t, id); job["status"] != "completed" {
			t.Fatalf("%v", job)
		}
	}
	o.stop()
	if away := lines(t, o.log, "traces cannot be sent"); len(away) != 1 {
		t.Errorf("%d lines about the collector:\n%s", len(away), neurodtest.Tail(o.log.String(), 3000))
	}
}

// TestNoTraces: nothing of traces is made, given back or logged where nobody asked for them.
func TestNoTraces(t *testing.T) {
	t.Parallel()
	for _, env := range [][]string{nil, {"OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:1", "OTEL_SDK_DISABLED=true"}, {"OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:1", "OTEL_TRACES_EXPORTER=none"}} {
		o := observe(t, testkit.Backend{DataDir: t.TempDir()}, env...)
		a := o.call(t, "POST", "/api/v1/neuro/decode", o.key, noisy(""), "traceparent: 00-"+traceOne+"-"+callerSpan+"-01")
		if a.StatusCode != 202 || a.Header.Get("Traceparent") != "" || o.traces != nil {
			t.Errorf("%v: %d %q", env, a.StatusCode, a.Header.Get("Traceparent"))
		}
		o.await(t, a.object(t)["data"].(object)["job_id"].(string))
		o.stop()
		if strings.Contains(o.log.String(), "trace_id") {
			t.Errorf("%v: the log has traces", env)
		}
	}
}
