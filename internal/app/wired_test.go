package app

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"log/slog"
	"math"
	"math/rand/v2"
	"net/http"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/neurod/neurod/internal/config"
	"github.com/neurod/neurod/internal/testkit"
	"github.com/neurod/neurod/internal/testkit/neurod"
	"github.com/neurod/neurod/internal/testkit/neurodtest"
)

// These are the tests of the wiring: what can only be seen from inside of the process. Those of the product are in folder test.

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m,
		// The servers that testkit started live as long as the test process.
		goleak.IgnoreAnyFunction("os/exec.(*Cmd).Wait"),
		goleak.IgnoreAnyFunction("os/exec.(*Cmd).Start.func2"),
	)
}

// settings returns the settings of a process on the backend, without rate limits; env adds to them.
func settings(t testing.TB, b testkit.Backend, env ...string) config.Config {
	t.Helper()
	s, err := config.Load(neurodtest.Environment(b, append([]string{"NEUROD_ADDR=127.0.0.1:0"}, env...)...))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// start boots a process and stops it with the test.
func start(t testing.TB, s config.Config) *App {
	t.Helper()
	return startLogging(t, s, new(neurod.Log))
}

// startLogging is start with a log that the test reads.
func startLogging(t testing.TB, s config.Config, log *neurod.Log) *App {
	t.Helper()
	a, err := New(t.Context(), Config{Settings: s, Log: slog.New(slog.NewJSONHandler(log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		defer cancel()
		if err := a.Stop(ctx); err != nil {
			t.Errorf("stop: %v", err)
		}
		if t.Failed() {
			t.Logf("log of the server:\n%s", neurodtest.Tail(log.String(), 6000))
		}
	})
	if err := a.Start(); err != nil {
		t.Fatal(err)
	}
	return a
}

type object = neurodtest.Object

// wired is an App with an account, a project and a key.
type wired struct {
	*App
	token, project, key string
}

// boot is start with an account, a project and a key, made over HTTP.
func boot(t testing.TB, b testkit.Backend) *wired {
	t.Helper()
	w := &wired{App: start(t, settings(t, b))}
	w.signUp(t)
	return w
}

// signUp makes the account.
func (w *wired) signUp(t testing.TB) {
	t.Helper()
	a := neurodtest.SignUp(t, w.json, "owner@example.com")
	w.token, w.project, w.key = a.Token, a.Project, a.Key
}

// answer is what came back.
type answer struct {
	*http.Response
	body []byte
}

func (a answer) object(t testing.TB) object {
	t.Helper()
	return neurodtest.ObjectOf(t, a.body)
}

// call sends a JSON body, nil for none, over a connection of its own.
func (w *wired) call(t testing.TB, method, path, credential string, body any, headers ...string) answer {
	t.Helper()
	b := neurodtest.Body(t, body)
	res, got, err := neurodtest.Raw(w.Addr(), method, path, neurodtest.Headers(credential, b, headers...), b)
	if err != nil {
		t.Fatalf("%s %s: %v", method, path, err)
	}
	return answer{res, got}
}

// json is call for an answer with a known status and an object.
func (w *wired) json(t testing.TB, status int, method, path, credential string, body any, headers ...string) object {
	t.Helper()
	a := w.call(t, method, path, credential, body, headers...)
	if a.StatusCode != status {
		t.Fatalf("%s %s: %d %s, want %d", method, path, a.StatusCode, a.body, status)
	}
	return a.object(t)
}

// await reads a job until it is in a final state.
func (w *wired) await(t testing.TB, id string) object {
	t.Helper()
	return neurodtest.Await(t, w.json, w.key, id)
}

// session makes a session of a user, in the mode RECORDED or STREAMING.
func (w *wired) session(t testing.TB, user, mode string) string {
	t.Helper()
	return w.json(t, 201, "POST", "/v1/sessions", w.key, object{"external_user_id": user, "device_type": "cap", "sample_rate_hz": 160, "channels": imageryChannels,
		"ingestion_mode": mode, "started_at_unix_ms": sessionStart})["session_id"].(string)
}

const sessionStart = 1730000000000

var imageryChannels = []string{"FC3", "FC4", "C3", "Cz", "C4", "CP3", "CP4", "Pz"}

// samples is a batch of noise for a session, seconds long.
func samples(seconds int) object {
	rng := rand.New(rand.NewPCG(1, 2))
	data := object{}
	for _, ch := range imageryChannels {
		x := make([]float64, 160*seconds)
		for i := range x {
			x[i] = 10 * rng.NormFloat64()
		}
		data[ch] = x
	}
	return object{"batch_id": "b", "t0_unix_ms": sessionStart, "data": data}
}

// decode is a request to decode 4 s of noise.
func decode() object {
	rng := rand.New(rand.NewPCG(3, 4))
	b := make([]byte, 0, 4*8*1000)
	for range 8 * 1000 {
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(float32(10*rng.NormFloat64())))
	}
	return object{"input": object{"type": "eeg", "paradigm": "motor_imagery", "device": "OpenBCI Cyton", "channels": 8, "sample_rate": 250,
		"data": base64.StdEncoding.EncodeToString(b)}}
}
