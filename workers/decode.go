package workers

import (
	"bytes"
	"context"
	"encoding/json"
	"time"

	"github.com/neurod/neurod/decoders/decode"
	"github.com/neurod/neurod/eeg"
	"github.com/neurod/neurod/internal/telemetry"
	"github.com/neurod/neurod/models"
)

// Decode returns the handler of decode jobs. What is wrong with a recording fails the job for good with the decoder's
// code and numbers; its diagnostics are kept beside the error. Any other fault is passing.
//
// A segment of a session is decoded with what the session's clips up to it tell of the person.
func Decode(found *Models, db TrialStore) Handler {
	return func(ctx context.Context, task *Task) (Result, error) {
		if task.Payload == nil {
			return Result{}, models.NewError(models.PayloadExpired)
		}
		steps := newStopwatch(ctx)
		req, err := decode.ParseRequest(task.Job.Request)
		if err != nil {
			return Result{}, err
		}
		cat, err := found.For(ctx, task.Job.ProjectID, req.Input.Model)
		if err != nil {
			return Result{}, err
		}
		steps.end("parse")
		options := decode.Options{Trace: steps.end, MostWork: eeg.MaxTrialsWork(int64(len(task.Payload)))}
		if place, err := placeOf(task.Job.Request); err != nil {
			return Result{}, err
		} else if place != nil {
			options.Clips = sessionClips{db, task.Job.ProjectID, req.Input.SessionID, *place}
		}
		var out *eeg.Result
		var diagnostics *eeg.Diagnostics
		err = task.compute(ctx, decodeTakes(req.Work(len(task.Payload))), func() (err error) {
			telemetry.Past(ctx, "wait for a processor", telemetry.Internal, steps.last, time.Now())
			steps.last = time.Now() // that wait is not a step of it
			out, diagnostics, err = decode.Run(ctx, req, task.Payload, cat, options)
			return err
		})
		if diagnostics == nil { // it did not begin
			return Result{}, err
		}
		diagnostics.Steps = steps.list
		result := Result{Diagnostics: encodeDiagnostics(diagnostics)}
		if err != nil {
			return result, err
		}
		result.Output, err = json.Marshal(out)
		return result, err
	}
}

// decodeTakes is about how long a decode takes that is estimated to cost so much work (eeg.Work): on one processor of tools/bench 20
// to 150 ns a unit, most in the seizure check.
func decodeTakes(work int64) time.Duration { return time.Duration(work) * 100 * time.Nanosecond }

// windowTakes is about how long the features of a window of so many samples of all channels take: 20 to 40 ns each.
func windowTakes(values int64) time.Duration { return time.Duration(values) * 40 * time.Nanosecond }

// placeOf returns where the samples of an accepted request lie in a session, nil where they came with it.
func placeOf(request json.RawMessage) (*models.SessionPlace, error) {
	if !bytes.Contains(request, []byte(`"place"`)) { // as most: not worth reading all of it a second time
		return nil, nil //nolint:nilnil // they came with it
	}
	var a struct {
		Place *models.SessionPlace `json:"place"`
	}
	err := json.Unmarshal(request, &a)
	return a.Place, err
}

// encodeDiagnostics writes the diagnostics. Evidence that cannot be JSON, such as an infinite score, must not cost the
// answer: it is left out, and named.
func encodeDiagnostics(d *eeg.Diagnostics) json.RawMessage {
	b, err := json.Marshal(d)
	if err == nil {
		return b
	}
	d.Evidence, d.Routing.Evidence, d.Seizure = map[string]any{"unencodable": err.Error()}, nil, nil
	b, _ = json.Marshal(d)
	return b
}

// stopwatch measures the steps of one job. A step that ends twice is added up.
type stopwatch struct {
	past func(name string, from, to time.Time) // shows a step in the trace, too
	last time.Time
	list []eeg.Step
}

func newStopwatch(ctx context.Context) *stopwatch {
	past := func(name string, from, to time.Time) { telemetry.Past(ctx, name, telemetry.Internal, from, to) }
	return &stopwatch{past: past, last: time.Now(), list: make([]eeg.Step, 0, 12)}
}

// end ends the step that runs and begins the next.
func (s *stopwatch) end(name string) {
	now := time.Now()
	ms := float64(now.Sub(s.last).Microseconds()) / 1000
	s.past(name, s.last, now)
	s.last = now
	for i := range s.list {
		if s.list[i].Name == name {
			s.list[i].MS += ms
			return
		}
	}
	s.list = append(s.list, eeg.Step{Name: name, MS: ms})
}
