package clients

import (
	"bytes"
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/protobuf/reflect/protoreflect"

	neurascalev1 "github.com/neurod/neurod/api/proto/neurascale/v1"
	"github.com/neurod/neurod/internal/testkit"
)

// grpcPython makes an environment with gRPC's own Python packages, and returns its interpreter and a folder with the stubs that they make of
// api/proto.
func grpcPython(t *testing.T) (interpreter, stubs string) {
	t.Helper()
	interpreter = pythonWith(t, "grpc")
	stubs = t.TempDir()
	protos := absolute(t, filepath.Join(root, "api", "proto"))
	args := []string{"-m", "grpc_tools.protoc", "-I", protos, "--python_out=" + stubs, "--grpc_python_out=" + stubs}
	for _, name := range []string{"neurascale/v1/neural_service.proto", "neurod/v1/sessions.proto", "neurod/v1/decode.proto"} {
		args = append(args, filepath.Join(protos, name))
	}
	run(t, 5*time.Minute, scratch, os.Environ(), interpreter, args...)
	return interpreter, stubs
}

func absolute(t *testing.T, path string) string {
	t.Helper()
	out, err := filepath.Abs(path)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// behindTLS serves a server through a proxy that speaks TLS and HTTP/2 to clients, and HTTP/2 without TLS to the server, as proxies do. It
// returns the address and the file of the certificate that it shows.
func behindTLS(t *testing.T, s *server) (addr, certificate string) {
	t.Helper()
	cert, key := testkit.Certificate(t, t.TempDir())
	pair, err := tls.LoadX509KeyPair(cert, key)
	if err != nil {
		t.Fatal(err)
	}
	target, err := url.Parse(s.url)
	if err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{Protocols: new(http.Protocols)}
	transport.Protocols.SetUnencryptedHTTP2(true)
	proxy := httputil.NewSingleHostReverseProxy(target)
	proxy.Transport, proxy.FlushInterval = transport, -1
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	front := &http.Server{Handler: proxy, TLSConfig: &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}, ReadHeaderTimeout: time.Minute}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = front.ServeTLS(l, "", "") // until it is closed
	}()
	t.Cleanup(func() {
		_ = front.Close()
		transport.CloseIdleConnections()
		<-done
	})
	_, port, _ := net.SplitHostPort(l.Addr().String())
	return "localhost:" + port, cert
}

// TestTheDocumentsGRPCClient runs the Python client of the devices document as it stands there, but for where it calls and what it names: the
// target, the token, the session and the device. Its stubs are made of api/proto by gRPC's own tools, and its certificate authority is
// named in the variable that gRPC has for it.
func TestTheDocumentsGRPCClient(t *testing.T) {
	t.Parallel()
	interpreter, stubs := grpcPython(t)
	client, err := os.ReadFile(filepath.Join("testdata", "neurascale", "grpc_client.py"))
	if err != nil {
		t.Fatal(err)
	}
	onBoth(t, func(t *testing.T, s *server) {
		target, certificate := behindTLS(t, s)
		s.call(t, "/v2/devices", map[string]any{"id": "openbci_001", "driver": "synthetic", "settings": map[string]any{"pattern": "sine"}}, nil)
		var started struct {
			SessionID string `json:"session_id"`
			StreamID  string `json:"stream_id"`
		}
		s.call(t, "/v2/devices/openbci_001/stream/start", map[string]any{"channels": []int{1, 2}}, &started)
		text := string(client)
		for from, to := range map[string]string{"api.neurascale.io:443": target, "YOUR_TOKEN": s.token, "session_123": started.SessionID} {
			if strings.Count(text, from) != 1 {
				t.Fatalf("%q is not in the client once", from)
			}
			text = strings.Replace(text, from, to, 1)
		}
		file := filepath.Join(t.TempDir(), "client.py")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		cmd := exec.CommandContext(ctx, interpreter, "-u", file)
		cmd.Env = append(os.Environ(), "PYTHONPATH="+stubs, "GRPC_DEFAULT_SSL_ROOTS_FILE_PATH="+certificate)
		lines := &counter{want: "Received data from openbci_001", enough: 300, reached: make(chan struct{})}
		cmd.Stdout, cmd.Stderr = lines, lines
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		select {
		case <-lines.reached:
		case <-ctx.Done():
			t.Errorf("the client printed:\n%s", tail(lines.String(), 2000))
		}
		s.call(t, "/v2/devices/openbci_001/stream/stop", map[string]any{}, nil)
		if err := cmd.Wait(); err != nil {
			t.Errorf("%v\n%s", err, tail(lines.String(), 2000))
		}
		out := lines.String()
		if !strings.Contains(out, "  Channel 2: ") || strings.Contains(out, "  Channel 3: ") || strings.Contains(out, "Error") {
			t.Errorf("the client printed:\n%s", tail(out, 2000))
		}
		// The client's own way to tell of errors.
		bad := exec.CommandContext(ctx, interpreter, file)
		bad.Env = cmd.Env
		if err := os.WriteFile(file, []byte(strings.Replace(text, s.token, "YOUR_TOKEN", 1)), 0o600); err != nil {
			t.Fatal(err)
		}
		if b, err := bad.CombinedOutput(); err != nil || !strings.HasPrefix(string(b), "Error: StatusCode.UNAUTHENTICATED - ") {
			t.Errorf("%v\n%s", err, b)
		}
	})
}

// TestTheGRPCPageRuns runs the program of the page about gRPC.
func TestTheGRPCPageRuns(t *testing.T) {
	t.Parallel()
	interpreter, stubs := grpcPython(t)
	page, err := os.ReadFile(filepath.Join(root, "docs", "21-grpc.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, text, found := strings.Cut(string(page), "```python\n")
	program, _, closed := strings.Cut(text, "```\n")
	if !found || !closed {
		t.Fatal("the page has no program")
	}
	dir := t.TempDir()
	file := filepath.Join(dir, "page.py")
	if err := os.WriteFile(file, []byte(program), 0o600); err != nil {
		t.Fatal(err)
	}
	s := onEmbedded(t)
	out := run(t, patience, dir, []string{"PATH=" + os.Getenv("PATH"), "PYTHONPATH=" + stubs, "API_KEY=" + s.key, "NEUROD_GRPC=" + strings.TrimPrefix(s.url, "http://")}, interpreter, file)
	for _, want := range []string{"opened", "ack b3", "1000 samples of channel 2", "StatusCode.NOT_FOUND There is no such session."} {
		if !strings.Contains(out, want) {
			t.Errorf("the page does not print %q:\n%s", want, out)
		}
	}
}

// counter keeps what a program prints, and tells when it has printed a line often enough.
type counter struct {
	want    string
	enough  int
	reached chan struct{}

	mu   sync.Mutex
	text bytes.Buffer
	told bool
}

// Write implements [io.Writer].
func (c *counter) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	n, err := c.text.Write(p)
	if !c.told && bytes.Count(c.text.Bytes(), []byte(c.want)) >= c.enough {
		c.told = true
		close(c.reached)
	}
	return n, err
}

func (c *counter) String() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.text.String()
}

// TestTheProtoIsTheDocuments holds api/proto to the service, the messages and the field numbers of the devices document, and the copies in
// testdata to the document where it is at hand.
func TestTheProtoIsTheDocuments(t *testing.T) {
	t.Parallel()
	space := regexp.MustCompile(`\s+`)
	text := space.ReplaceAllString(document(t, "neurascale.txt"), "")
	for _, name := range []string{"neural_service.proto", "grpc_client.py"} {
		b, err := os.ReadFile(filepath.Join("testdata", "neurascale", name))
		if err != nil {
			t.Fatal(err)
		}
		if text != "" && !strings.Contains(text, space.ReplaceAllString(string(b), "")) {
			t.Errorf("%s is not as in the document", name)
		}
	}
	b, err := os.ReadFile(filepath.Join("testdata", "neurascale", "neural_service.proto"))
	if err != nil {
		t.Fatal(err)
	}
	file := neurascalev1.File_neurascale_v1_neural_service_proto
	found := 0
	for _, m := range regexp.MustCompile(`(?s)message (\w+) \{(.*?)\}`).FindAllStringSubmatch(string(b), -1) {
		d := file.Messages().ByName(protoreflect.Name(m[1]))
		if d == nil {
			t.Fatalf("there is no message %s", m[1])
		}
		for _, f := range regexp.MustCompile(`(?m)^\s*(repeated )?(map<string, string>|\w+) (\w+) = (\d+);`).FindAllStringSubmatch(m[2], -1) {
			found++
			number, _ := strconv.Atoi(f[4])
			got := d.Fields().ByName(protoreflect.Name(f[3]))
			kind := f[2]
			switch {
			case got == nil || int(got.Number()) != number:
				t.Errorf("%s.%s: %v, want number %d", m[1], f[3], got, number)
			case kind == "map<string, string>":
				if !got.IsMap() || got.MapKey().Kind() != protoreflect.StringKind || got.MapValue().Kind() != protoreflect.StringKind {
					t.Errorf("%s.%s is no map of strings", m[1], f[3])
				}
			case got.IsList() != (f[1] != "") || got.Kind().String() != kind && (got.Message() == nil || string(got.Message().Name()) != kind):
				t.Errorf("%s.%s is %v, want %s%s", m[1], f[3], got.Kind(), f[1], kind)
			}
		}
	}
	service := file.Services().ByName("NeuralService")
	for _, m := range regexp.MustCompile(`rpc (\w+)\((stream )?(\w+)\) returns \((stream )?(\w+)\)`).FindAllStringSubmatch(string(b), -1) {
		found++
		d := service.Methods().ByName(protoreflect.Name(m[1]))
		if d == nil || d.IsStreamingClient() != (m[2] != "") || string(d.Input().Name()) != m[3] || d.IsStreamingServer() != (m[4] != "") || string(d.Output().Name()) != m[5] {
			t.Errorf("%s: %v", m[1], d)
		}
	}
	if found != 13 {
		t.Errorf("the document has %d fields and calls, want 13", found)
	}
}
