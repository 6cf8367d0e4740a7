package app

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/neurod/neurod/eeg"
	"github.com/neurod/neurod/internal/service"
	"github.com/neurod/neurod/internal/service/decoding"
	"github.com/neurod/neurod/internal/service/sessions"
	"github.com/neurod/neurod/internal/testkit"
	"github.com/neurod/neurod/models"
)

// desk is a way in that is not HTTP: calls within the process, answered with lines of text. What it says of errors is its one
// mapping; nothing below it knows of it.
type desk struct {
	*useCases
	who models.Principal
}

// says are its words for the classes of errors.
var says = map[models.Class]string{
	models.ClassInvalid: "BAD", models.ClassUnauthenticated: "WHO", models.ClassForbidden: "NO", models.ClassNotFound: "NOWHERE", models.ClassConflict: "CLASH",
	models.ClassTooLarge: "BIG", models.ClassUnprocessable: "UNFIT", models.ClassExhausted: "LATER", models.ClassUnavailable: "AWAY", models.ClassInternal: "SORRY",
}

// say writes an error, with dots and brackets where it names fields.
func say(err error) string {
	e := models.AsError(err)
	text := says[e.Class()] + " " + e.Text()
	for _, f := range models.Bounded(e.Fields) {
		text += " " + f.Path.String() + " " + f.Message + "."
	}
	return text
}

// line makes an answer that is kept.
func line(format string, args ...any) models.Answer {
	return models.Answer{Protocol: "desk", Bytes: fmt.Appendf(nil, format, args...)}
}

func (d *desk) key(key string, request any) service.Idempotency {
	b, _ := json.Marshal(request)
	sum := sha256.Sum256(b)
	return service.Idempotency{Key: key, Fingerprint: hex.EncodeToString(sum[:]), Protocol: "desk"}
}

// submit accepts a decode and returns the answer and the job's id.
func (d *desk) submit(ctx context.Context, req eeg.Request, key string) (answer, id string, replayed bool) {
	idem := d.key(key, req)
	a, err := d.decode.Submit(ctx, d.who, decoding.Recording{Request: req}, idem, func(job models.Job, _ []models.Job) models.Answer { return line("TAKEN %s", job.ID) })
	if err != nil {
		return say(err), "", false
	}
	return string(a.Answer.Bytes), a.JobID, a.Replayed
}

// wait waits for a job and returns its state and what it found.
func (d *desk) wait(ctx context.Context, id string) (string, eeg.Result) {
	for {
		v, err := d.jobs.Wait(ctx, d.who, id, time.Second)
		if err != nil {
			return say(err), eeg.Result{}
		}
		var out eeg.Result
		if v.Job.State.Final() {
			_ = json.Unmarshal(v.Job.Output, &out) // shows in what is missing
			return string(v.Job.State), out
		}
	}
}

// open makes a session.
func (d *desk) open(ctx context.Context, n sessions.NewSession, key string) (answer, id string, replayed bool) {
	var s models.Session
	a, err := d.once.Do(ctx, d.who.ProjectID, sessions.OperationCreate, d.key(key, n), func() (err error) {
		s, err = d.sessions.Check(ctx, d.who, n)
		return err
	}, func(ctx context.Context) (service.Made, error) {
		return service.Made{Answer: line("OPEN %s", s.ID), Ref: s.ID}, d.sessions.Create(ctx, d.who, s)
	})
	if err != nil {
		return say(err), "", false
	}
	return string(a.Answer.Bytes), a.JobID, a.Replayed
}

// show reads a session.
func (d *desk) show(ctx context.Context, id string) string {
	s, err := d.sessions.Get(ctx, d.who, id)
	if err != nil {
		return say(err)
	}
	return fmt.Sprintf("SESSION of %s at %g Hz: %s", s.ExternalUserID, s.SampleRateHz, strings.Join(s.Channels, " "))
}

// TestASecondWayIn shows that a transport takes one mapping of errors and changes nothing below it: it accepts a decode, waits for
// it and reads it, makes and reads a session, says what is wrong in its own notation and answers repetitions with its own bytes.
func TestASecondWayIn(t *testing.T) {
	t.Parallel()
	s := boot(t, testkit.Backend{DataDir: t.TempDir()})
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	who, err := s.calls.accounts.AuthenticateKey(ctx, s.key)
	if err != nil {
		t.Fatal(err)
	}
	d := &desk{s.calls, who}
	request := func() (r eeg.Request) {
		b, err := json.Marshal(decode())
		if err == nil {
			err = json.Unmarshal(b, &r)
		}
		if err != nil {
			t.Fatal(err)
		}
		return r
	}

	t.Run("a decode", func(t *testing.T) {
		answer, id, _ := d.submit(ctx, request(), "once")
		if answer != "TAKEN "+id {
			t.Fatal(answer)
		}
		if state, out := d.wait(ctx, id); state != "completed" || out.DecodedIntent == "" || out.Disclaimer == "" {
			t.Errorf("%s %+v", state, out)
		}
		if again, same, replayed := d.submit(ctx, request(), "once"); again != answer || same != id || !replayed {
			t.Errorf("again: %s of %s, replayed %v", again, same, replayed)
		}
		other := request()
		other.Input.SampleRate = 500
		if again, _, _ := d.submit(ctx, other, "once"); !strings.HasPrefix(again, "CLASH This idempotency key was used with another request") {
			t.Error(again)
		}
	})
	t.Run("a key of another protocol", func(t *testing.T) {
		over := func(key string) answer {
			return s.call(t, "POST", "/api/v1/neuro/decode", s.key, decode(), "Idempotency-Key: "+key)
		}
		if got, _, _ := d.submit(ctx, request(), "here first"); !strings.HasPrefix(got, "TAKEN ") {
			t.Error(got)
		}
		if a := over("here first"); a.StatusCode != 422 || !bytes.Contains(a.body, []byte("This Idempotency-Key was used with another request, through another protocol (desk).")) {
			t.Errorf("%d %s", a.StatusCode, a.body)
		}
		if a := over("there first"); a.StatusCode != 202 {
			t.Errorf("%d %s", a.StatusCode, a.body)
		}
		if got, _, _ := d.submit(ctx, request(), "there first"); !strings.HasPrefix(got, "CLASH This idempotency key was used with another request, through another protocol (http).") {
			t.Error(got)
		}
	})
	t.Run("wrong fields", func(t *testing.T) {
		bad := request()
		bad.Input.Channels.Count = 0
		bad.Input.Events = eeg.Events{{Onset: 1}, {Onset: -1}}
		bad.Input.EventClasses = map[string]string{"T1.a": ""}
		answer, _, _ := d.submit(ctx, bad, "")
		for _, want := range []string{"BAD The request is not valid. ", " input.channels is 0; ", " input.events[1].onset_s is -1; ", ` input.event_classes["T1.a"] is empty`} {
			if !strings.Contains(answer, want) {
				t.Errorf("%s, want %q", answer, want)
			}
		}
	})
	t.Run("what is not there", func(t *testing.T) {
		if got, _ := d.wait(ctx, models.NewID()); got != "NOWHERE There is no such job." {
			t.Error(got)
		}
		if got := d.show(ctx, models.NewID()); got != "NOWHERE There is no such session." {
			t.Error(got)
		}
		stranger := &desk{s.calls, models.Principal{ProjectID: models.NewID(), KeyID: "k"}}
		if got, _ := stranger.wait(ctx, models.NewID()); !strings.HasPrefix(got, "NO ") {
			t.Error(got)
		}
	})
	t.Run("a session", func(t *testing.T) {
		n := sessions.NewSession{ExternalUserID: "u", DeviceType: "cap", SampleRateHz: 250, Channels: []string{"C3", "C4"}, IngestionMode: "STREAMING"}
		answer, id, _ := d.open(ctx, n, "once")
		if got := d.show(ctx, id); answer != "OPEN "+id || got != "SESSION of u at 250 Hz: C3 C4" {
			t.Errorf("%s; %s", answer, got)
		}
		if again, same, replayed := d.open(ctx, n, "once"); again != answer || same != id || !replayed {
			t.Errorf("again: %s of %s, replayed %v", again, same, replayed)
		}
		if a := s.call(t, "GET", "/v1/sessions/"+id, s.key, nil); a.StatusCode != 200 || a.object(t)["session_id"] != id {
			t.Errorf("over HTTP: %d %s", a.StatusCode, a.body)
		}
		n.Channels = []string{"C3", "C3"}
		if got, _, _ := d.open(ctx, n, "twice"); !strings.Contains(got, " channels[1] is the same as channel 0.") {
			t.Error(got)
		}
	})
	t.Run("every error", func(t *testing.T) {
		for code, row := range models.ErrorTable {
			if row.Class != "" && !strings.HasPrefix(say(models.NewError(code)), says[row.Class]+" ") || says[models.NewError(code).Class()] == "" {
				t.Errorf("%s: %s", code, say(models.NewError(code)))
			}
		}
		if got := say(errors.New("disk of admin")); got != "SORRY Something went wrong on our side." {
			t.Error(got)
		}
	})
}
