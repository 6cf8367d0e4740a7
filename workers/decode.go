package workers

import (
	"context"
	"encoding/json"
	"time"

	"github.com/neurod/neurod/decoders/decode"
	"github.com/neurod/neurod/eeg"
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
		steps := newStopwatch()
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
		err = task.compute(ctx, func() (err error) {
			steps.last = time.Now() // waiting for a processor is not a step of it
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

// placeOf returns where the samples of an accepted request lie in a session, nil where they came with it.
func placeOf(request json.RawMessage) (*models.SessionPlace, error) {
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
	last time.Time
	list []eeg.Step
}

func newStopwatch() *stopwatch { return &stopwatch{last: time.Now(), list: make([]eeg.Step, 0, 12)} }

// end ends the step that runs and begins the next.
func (s *stopwatch) end(name string) {
	now := time.Now()
	ms := float64(now.Sub(s.last).Microseconds()) / 1000
	s.last = now
	for i := range s.list {
		if s.list[i].Name == name {
			s.list[i].MS += ms
			return
		}
	}
	s.list = append(s.list, eeg.Step{Name: name, MS: ms})
}
