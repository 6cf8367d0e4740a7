//go:build unix

package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/neurod/neurod/decoders/synthetic"
	"github.com/neurod/neurod/eeg"
	"github.com/neurod/neurod/internal/testkit/neurod"
)

// loadBody is a request body around a marker, and the intent that it holds.
type loadBody struct {
	head, tail []byte
	intent     string
}

// recordings makes a look at each of three flickers.
func recordings() ([]loadBody, error) {
	targets := []eeg.Target{{Label: "door", Frequency: 13}, {Label: "light", Frequency: 17}, {Label: "blinds", Frequency: 21}}
	s, err := synthetic.SSVEP(synthetic.Config{Channels: []string{"PO3", "POz", "PO4", "O1", "Oz", "O2"}, Seed: 7},
		synthetic.FlickerConfig{Targets: targets, TrialsPerTarget: 1, AmplitudeUV: 8})
	if err != nil {
		return nil, err
	}
	var out []loadBody
	rows, _ := s.Data.Dims()
	for i, e := range s.Events {
		from, n := int(e.Onset*s.Rate), int(3*s.Rate)
		var raw []byte
		for k := range n {
			for ch := range rows {
				raw = binary.LittleEndian.AppendUint32(raw, math.Float32bits(float32(s.Data.At(ch, from+k))))
			}
		}
		body, err := json.Marshal(map[string]any{
			"input": map[string]any{"type": "eeg", "data": base64.StdEncoding.EncodeToString(raw), "paradigm": "ssvep",
				"channels": s.Channels, "sample_rate": s.Rate,
				"stimulus": map[string]any{"targets": []map[string]any{
					{"label": "door", "frequency": 13}, {"label": "light", "frequency": 17}, {"label": "blinds", "frequency": 21}}}},
			"context": map[string]any{"ui_mode": "smart_home", "marker": "MARKER"},
		})
		if err != nil {
			return nil, err
		}
		head, tail, ok := bytes.Cut(body, []byte("MARKER"))
		if !ok {
			return nil, errors.New("the request lost its marker")
		}
		out = append(out, loadBody{head: head, tail: tail, intent: s.Labels[i]})
	}
	return out, nil
}

// told is what a client was told about one accepted job.
type told struct {
	id     string
	intent string // what the recording holds
	marker string
	at     time.Time
	final  *neurod.Job // the first final document seen
}

// load is the clients.
type load struct {
	cluster *cluster
	client  *neurod.Client
	bodies  []loadBody
	rate    int

	cancel context.CancelFunc
	group  sync.WaitGroup

	mu       sync.Mutex
	accepted []*told
	refused  []string // markers of requests that got 502
	statuses map[int]int
	failed   int // requests without any answer
	replays  int // repeated requests with a key
	twins    int // repeated requests that got another job
	changed  []string
}

func newLoad(ctx context.Context, c *cluster, opt options) (*load, error) {
	bodies, err := recordings()
	if err != nil {
		return nil, err
	}
	client, err := neurod.SignUp(ctx, c.url(), "chaos@example.com", "correct horse battery staple")
	if err != nil {
		return nil, err
	}
	client.HTTP = &http.Client{Timeout: 20 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: 64}}
	return &load{cluster: c, client: client, bodies: bodies, rate: opt.rate, statuses: map[int]int{}}, nil
}

// start sends decodes at a steady rate, whatever becomes of them.
func (l *load) start(ctx context.Context) {
	ctx, l.cancel = context.WithCancel(ctx)
	l.group.Go(func() {
		tick := time.NewTicker(time.Second / time.Duration(l.rate))
		defer tick.Stop()
		for n := 0; ; n++ {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
				// A client that has begun also ends, so that it is known what it was told.
				l.group.Go(func() { l.one(context.WithoutCancel(ctx), n) })
			}
		}
	})
}

// stop ends the load and waits for the answers.
func (l *load) stop() {
	l.cancel()
	l.group.Wait()
}

// at returns the client for an API chosen at random.
func (l *load) at() *neurod.Client {
	c := *l.client
	c.Base = l.cluster.url()
	return &c
}

// one is a client with one recording. Half of them use a key and repeat until they are told; some of those repeat even
// then. Some cancel, some wait for the result.
func (l *load) one(ctx context.Context, n int) {
	r := l.bodies[n%len(l.bodies)]
	marker := fmt.Sprintf("m%d", n)
	body := slices.Concat(r.head, []byte(marker), r.tail)
	key := ""
	if n%2 == 0 {
		key = "chaos-" + marker
	}
	job, ok := l.post(ctx, body, key, marker)
	if !ok {
		return
	}
	t := &told{id: job.ID, intent: r.intent, marker: marker, at: time.Now()}
	l.mu.Lock()
	l.accepted = append(l.accepted, t)
	l.mu.Unlock()
	if key != "" && n%6 == 0 {
		if again, ok := l.post(ctx, body, key, marker); ok {
			l.mu.Lock()
			l.replays++
			if again.ID != job.ID {
				l.twins++
			}
			l.mu.Unlock()
		}
	}
	switch n % 10 {
	case 3: // cancel, at once or while it may be running
		time.Sleep(time.Duration(rand.IntN(20)) * time.Millisecond)
		var j neurod.Job
		if err := l.at().Do(ctx, http.MethodPost, "/api/v1/jobs/"+job.ID+"/cancel", l.client.Key, nil, nil, &j); err == nil {
			l.see(t, j)
		}
	case 5, 6:
		if j, err := l.at().Wait(ctx, job.ID, 10*time.Second, false); err == nil {
			l.see(t, j)
		}
	}
}

// keyPatience is how long a client with a key repeats its request.
const keyPatience = 100 * time.Second

// post submits; with a key, until it is told that the job is accepted.
func (l *load) post(ctx context.Context, body []byte, key, marker string) (neurod.Job, bool) {
	for end := time.Now().Add(keyPatience); ; {
		j, err := l.at().Decode(ctx, body, key)
		var status *neurod.StatusError
		l.mu.Lock()
		switch {
		case err == nil:
			l.statuses[http.StatusAccepted]++
		case errors.As(err, &status):
			l.statuses[status.Status]++
			if status.Status == http.StatusBadGateway && key == "" {
				l.refused = append(l.refused, marker)
			}
		default:
			l.failed++
		}
		l.mu.Unlock()
		if err == nil {
			return j, true
		}
		if key == "" || time.Now().After(end) || (status != nil && status.Status < 500 && status.Status != http.StatusConflict) {
			return neurod.Job{}, false
		}
		time.Sleep(500 * time.Millisecond)
	}
}

// see compares a document with the first final one of the job.
func (l *load) see(t *told, j neurod.Job) {
	if j.Status != "completed" && j.Status != "failed" && j.Status != "canceled" {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if t.final == nil {
		t.final = &j
	} else if t.final.Status != j.Status || !bytes.Equal(t.final.Output, j.Output) {
		l.changed = append(l.changed, fmt.Sprintf("%s: %s, then %s", t.id, t.final.Status, j.Status))
	}
}
