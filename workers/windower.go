package workers

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"sync"

	"gonum.org/v1/gonum/mat"

	"github.com/neurod/neurod/decoders"
	"github.com/neurod/neurod/decoders/catalog"
	"github.com/neurod/neurod/decoders/decode"
	"github.com/neurod/neurod/decoders/features"
	"github.com/neurod/neurod/eeg"
	"github.com/neurod/neurod/internal/segment"
	"github.com/neurod/neurod/models"
)

// windower computes windows of one montage and rate. One attempt at a time uses it.
type windower struct {
	key       string
	found     *Models
	extractor *features.Extractor
	window    features.Window
	x         *mat.Dense // channels × samples of a window
	segment   *segment.Segment
	payload   []byte
}

// maxIdleWindowers are kept for the next attempt: making one costs as much as a few windows.
const maxIdleWindowers = 64

// windowers keeps windowers between attempts. It is safe for concurrent use.
type windowers struct {
	found *Models
	mu    sync.Mutex
	idle  map[string][]*windower
	kept  int
}

func newWindowers(found *Models) *windowers {
	return &windowers{found: found, idle: map[string][]*windower{}}
}

// get returns a windower for a session; give it back with put.
func (p *windowers) get(ses models.Session) (*windower, error) {
	key := strconv.FormatFloat(ses.SampleRateHz, 'g', -1, 64) + "\x00" + strings.Join(ses.Channels, "\x00") + featureKey(ses.Features)
	p.mu.Lock()
	if list := p.idle[key]; len(list) > 0 {
		w := list[len(list)-1]
		p.idle[key] = list[:len(list)-1]
		p.kept--
		p.mu.Unlock()
		return w, nil
	}
	p.mu.Unlock()
	e, err := features.New(features.Config{Rate: ses.SampleRateHz, Channels: ses.Channels, Seconds: models.WindowMS / 1000., Features: ses.Features})
	if err != nil {
		return nil, models.Errorf(models.InvalidRequestBody, "no windows can be computed for this session: %v", err)
	}
	return &windower{key: key, found: p.found, extractor: e, x: mat.NewDense(len(ses.Channels), e.Samples(), nil),
		segment: segment.New(len(ses.Channels))}, nil
}

// featureKey tells montages of the same channels apart whose windows carry different features.
func featureKey(asked []eeg.Feature) string {
	if len(asked) == 0 {
		return ""
	}
	return fmt.Sprint("\x00\x00", asked)
}

func (p *windowers) put(w *windower) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.kept >= maxIdleWindowers { // other montages may have come meanwhile: begin anew
		clear(p.idle)
		p.kept = 0
	}
	p.idle[w.key] = append(p.idle[w.key], w)
	p.kept++
}

// features returns the feature window that begins at a sample, as JSON, and whether it passed the gate.
func (w *windower) features(t *segment.Segment, at int64) (data string, passed bool, err error) {
	for ch, row := range t.Rows {
		copy(w.x.RawRowView(ch), row[at-t.Start:])
	}
	if err := w.extractor.Compute(&w.window, w.x); err != nil {
		return "", false, err
	}
	b, err := json.Marshal(&w.window)
	return string(b), w.window.Gate.Passed, err
}

// decode returns what the samples [from, to) decode to, as JSON. What cannot be decoded is an answer too: readers learn
// why from its error. cat has the session's model, clips are its so far, events are counted from the first sample.
func (w *windower) decode(ctx context.Context, ses models.Session, cat catalog.Resolver, t *segment.Segment, from, to int64, clips decode.Clips, events []eeg.Event) (string, error) {
	w.payload = w.payload[:0]
	for i := from - t.Start; i < to-t.Start; i++ {
		for _, row := range t.Rows {
			w.payload = binary.LittleEndian.AppendUint32(w.payload, math.Float32bits(float32(row[i])))
		}
	}
	req := liveRequest(ses)
	req.Input.Events = events
	out, _, err := decode.Run(ctx, req, w.payload, cat, decode.Options{Clips: clips, Latest: true})
	var bad *decoders.Error
	switch {
	case errors.As(err, &bad):
		b, err := json.Marshal(map[string]any{"error": map[string]any{"code": bad.Code, "message": bad.Message, "details": bad.Details}})
		return string(b), err
	case err != nil:
		return "", err
	}
	b, err := json.Marshal(out)
	return string(b), err
}

// liveWork is what decoding a window of so many samples of a session is estimated to cost.
func liveWork(ses models.Session, samples int64) int64 {
	return liveRequest(ses).Input.Work(int(4 * samples * int64(len(ses.Channels))))
}

// liveRequest is the decode request of a session's windows.
func liveRequest(ses models.Session) *eeg.Request {
	d := ses.Decode
	req := &eeg.Request{Input: eeg.Input{Type: "eeg", Paradigm: d.Paradigm, Model: d.Model, Alignment: d.Alignment, Seizure: d.Seizure, Device: ses.DeviceType,
		Channels: &eeg.Channels{Count: len(ses.Channels), Names: ses.Channels}, SampleRate: ses.SampleRateHz, Stimulus: d.Stimulus}}
	if len(d.Intents) > 0 {
		req.Context = &eeg.Context{Intents: d.Intents}
	}
	return req
}
