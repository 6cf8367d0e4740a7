package app

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"

	neurodv1 "github.com/neurod/neurod/api/proto/neurod/v1"
	"github.com/neurod/neurod/decoders/recording/formats"
	"github.com/neurod/neurod/internal/service/sessions"
	"github.com/neurod/neurod/internal/testkit"
	"github.com/neurod/neurod/internal/testkit/eegdata"
	"github.com/neurod/neurod/models"
)

// follow reads the live decodes of a session over gRPC to its end, by the start of their windows.
func (w *wired) follow(t testing.TB, id string) map[int64]*neurodv1.DecodeResult {
	t.Helper()
	conn, err := grpc.NewClient("passthrough:///"+w.Addr(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	ctx, cancel := context.WithTimeout(metadata.AppendToOutgoingContext(t.Context(), "authorization", "Bearer "+w.key), time.Minute)
	defer cancel()
	s, err := conn.NewStream(ctx, &grpc.StreamDesc{ServerStreams: true}, "/neurod.v1.SessionService/Follow")
	if err != nil {
		t.Fatal(err)
	}
	all := int64(0)
	if err := errors.Join(s.SendMsg(&neurodv1.FollowRequest{SessionId: id, AfterSeq: &all, Kinds: []neurodv1.FollowKind{neurodv1.FollowKind_FOLLOW_KIND_DECODES}}), s.CloseSend()); err != nil {
		t.Fatal(err)
	}
	out := map[int64]*neurodv1.DecodeResult{}
	for {
		var m neurodv1.FollowResponse
		if err := s.RecvMsg(&m); err != nil {
			t.Fatalf("after %d decodes: %v", len(out), err)
		}
		if m.GetEnded() != nil {
			return out
		}
		out[m.GetDecode().GetStartUnixMs()] = m.GetDecode().GetResult()
	}
}

// TestFlickerLiveIsAsOffline: a device plays a recording of somebody who looks at the flickers of an exoskeleton, over the API of devices; what the session is decoded to as it runs, as it
// is stored and as it comes over gRPC, is what a decode of the same seconds of the file gives, verdict by verdict.
func TestFlickerLiveIsAsOffline(t *testing.T) {
	t.Parallel()
	file := eegdata.Glob(t, "ssvep/exoskeleton/subject01.gdf")[0]
	rec, err := formats.OpenFS(os.DirFS(filepath.Dir(file)), filepath.Base(file))
	if err != nil {
		t.Fatal(err)
	}
	sig, err := rec.Signal()
	if err != nil {
		t.Fatal(err)
	}
	w := &wired{App: start(t, settings(t, testkit.Backend{DataDir: t.TempDir()}, "NEUROD_DEVICE_FOLDER="+filepath.Dir(file)))}
	w.signUp(t)
	stimulus := object{"targets": []object{{"frequency": 13., "label": "leg"}, {"frequency": 17., "label": "arm"}, {"frequency": 21., "label": "hand"}}}
	w.json(t, http.StatusCreated, "POST", "/v2/devices", w.key, object{"id": "exo", "driver": "playback", "settings": object{"file": filepath.Base(file), "speed": -1}})
	const windowS, hopS = 4, 8 // s
	started := w.json(t, http.StatusOK, "POST", "/v2/devices/exo/stream/start", w.key, object{"decode": object{"paradigm": "ssvep", "window_s": windowS, "hop_s": hopS, "stimulus": stimulus}})
	id, _ := started["session_id"].(string)
	who, err := w.calls.accounts.AuthenticateKey(t.Context(), w.key)
	if err != nil {
		t.Fatal(err)
	}
	want := 1 + (sig.Samples()-int(windowS*sig.Rate))/int(hopS*sig.Rate)
	var live []models.SessionDecode
	for end := time.Now().Add(2 * time.Minute); len(live) < want && time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
		if live, err = w.calls.sessions.Decodes(t.Context(), who, id, sessions.DecodeFilter{Limit: 1000}); err != nil {
			t.Fatal(err)
		}
	}
	if len(live) != want {
		t.Fatalf("%d decodes of %d", len(live), want)
	}
	ses, err := w.calls.sessions.Get(t.Context(), who, id)
	if err != nil {
		t.Fatal(err)
	}
	intents := w.follow(t, id)
	verdicts := map[string]int{}
	for _, d := range live {
		first := ses.SampleAt(d.StartMS)
		var raw []byte
		for i := first; i < first+int64(windowS*sig.Rate); i++ {
			for c := range sig.Channels {
				raw = binary.LittleEndian.AppendUint32(raw, math.Float32bits(float32(sig.Data.At(c, int(i)))))
			}
		}
		job := w.json(t, http.StatusAccepted, "POST", "/api/v1/neuro/decode", w.key, object{"input": object{"type": "eeg", "data": base64.StdEncoding.EncodeToString(raw), "paradigm": "ssvep",
			"channels": sig.Channels, "sample_rate": sig.Rate, "stimulus": stimulus}})
		offline, _ := w.await(t, job["id"].(string))["output"].(object)
		var got object
		if err := json.Unmarshal([]byte(d.Data), &got); err != nil {
			t.Fatal(err)
		}
		for _, field := range []string{"decoded_intent", "confidence", "alternatives"} {
			if fmt.Sprint(got[field]) != fmt.Sprint(offline[field]) || got[field] == nil {
				t.Errorf("the window at sample %d: %s is %v live and %v offline", first, field, got[field], offline[field])
			}
		}
		if over := intents[d.StartMS]; over == nil || over.GetDecodedIntent() != offline["decoded_intent"] || over.GetConfidence() != offline["confidence"] {
			t.Errorf("the window at sample %d is %v over gRPC and %v offline", first, over, offline["decoded_intent"])
		}
		verdicts[fmt.Sprint(got["decoded_intent"])]++
	}
	t.Logf("%d windows of %g s: %v", len(live), float64(windowS), verdicts)
	if len(verdicts) < 3 {
		t.Errorf("verdicts %v", verdicts)
	}
}
