package training_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log/slog"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/neurod/neurod/eeg"
	"github.com/neurod/neurod/internal/science"
	"github.com/neurod/neurod/internal/service"
	"github.com/neurod/neurod/internal/service/training"
	"github.com/neurod/neurod/internal/store"
	"github.com/neurod/neurod/internal/testkit"
	"github.com/neurod/neurod/jobs"
	"github.com/neurod/neurod/models"
)

var began = time.Date(2026, 5, 6, 7, 8, 9, 0, time.UTC)

// trainings are the use cases over a database and an engine without a worker: what is accepted stays queued.
type trainings struct {
	*training.Service
	store  *store.Store
	engine *jobs.Engine
	caller models.Principal
}

func newTrainings(t *testing.T, db *store.Store) *trainings {
	t.Helper()
	engine, err := jobs.New(jobs.Config{Store: db, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := engine.Close(); err != nil {
			t.Error(err)
		}
	})
	return &trainings{training.New(training.Config{Store: db, Jobs: engine, Pipelines: science.Pipelines()}), db, engine,
		models.Principal{ProjectID: models.NewID(), KeyID: models.NewID(), Scopes: models.Scopes()}}
}

// session makes a session of a project and returns its id.
func (s *trainings) session(t *testing.T, project string, rate float64) string {
	t.Helper()
	ses := models.Session{ID: models.NewID(), ProjectID: project, ExternalUserID: "u", DeviceType: "cap", SampleRateHz: rate, Channels: []string{"C3", "C4"},
		IngestionMode: models.ModeRecorded, State: models.ModeRecorded.First(), HopMS: 2000, CreatedAt: began, StartedAt: began}
	if err := s.store.CreateSession(t.Context(), ses); err != nil {
		t.Fatal(err)
	}
	return ses.ID
}

// model stores a version of the caller's own models; what is in its file does not matter here.
func (s *trainings) model(t *testing.T, name, pipeline string, paradigm eeg.Paradigm, classes ...string) {
	t.Helper()
	sum := sha256.Sum256([]byte(name))
	_, _, err := s.store.PutModel(t.Context(), store.NewModel{File: []byte(name), MaxBytes: 1 << 20, Model: models.ProjectModel{ID: models.NewID(), ProjectID: s.caller.ProjectID,
		Name: name, Version: "1", Paradigm: paradigm, Pipeline: pipeline, SHA256: hex.EncodeToString(sum[:]), CreatedAt: began,
		Info: models.ModelInfo{Name: name, Version: "1", Classes: classes, Card: []byte(`{}`)}}})
	if err != nil {
		t.Fatal(err)
	}
}

// train asks for a training with a body of JSON, as it comes in.
func (s *trainings) train(ctx context.Context, p models.Principal, body string, idem service.Idempotency) (service.Accepted, error) {
	var req models.TrainRequest
	if err := json.Unmarshal([]byte(body), &req); err != nil {
		return service.Accepted{}, err
	}
	return s.Train(ctx, p, req, idem, respond)
}

func (s *trainings) calibrate(ctx context.Context, p models.Principal, body string) (service.Accepted, error) {
	var req models.CalibrateRequest
	if err := json.Unmarshal([]byte(body), &req); err != nil {
		return service.Accepted{}, err
	}
	return s.Calibrate(ctx, p, req, service.Idempotency{Protocol: "test"}, respond)
}

// respond answers with the id of the job.
func respond(job models.Job, _ []models.Job) models.Answer {
	return models.Answer{Protocol: "test", Bytes: []byte(job.ID)}
}

var once = service.Idempotency{Protocol: "test"}

// fieldsOf are the paths and codes of an error about fields.
func fieldsOf(err error) []string {
	var out []string
	for _, f := range models.AsError(err).Fields {
		out = append(out, f.Path.String()+" "+f.Code)
	}
	return out
}

// TestTrainingIsAccepted: the job holds the request with what was left out filled in, and the sessions in the form and order in
// which they are locked.
func TestTrainingIsAccepted(t *testing.T) {
	t.Parallel()
	testkit.Stores(t, func(t *testing.T, db *store.Store) {
		s := newTrainings(t, db)
		one, two := s.session(t, s.caller.ProjectID, 250), s.session(t, s.caller.ProjectID, 250)
		body := fmt.Sprintf(`{"name":"mine","paradigm":"motor_imagery","sessions":[{"session_id":%q},{"session_id":%q,"start_ms":5,"end_ms":6}],
			"classes":{"1":"left_hand","T2":"right_hand"},"options":null}`, strings.ToUpper(two), one)
		idem := service.Idempotency{Key: "k", Fingerprint: "f", Protocol: "test"}
		first, err := s.train(t.Context(), s.caller, body, idem)
		if err != nil {
			t.Fatal(err)
		}
		again, err := s.train(t.Context(), s.caller, body, idem)
		if err != nil || !again.Replayed || string(again.Answer.Bytes) != string(first.Answer.Bytes) {
			t.Errorf("again: %+v, %v, want %s", again, err, first.Answer.Bytes)
		}
		idem.Fingerprint = "g"
		if _, err := s.train(t.Context(), s.caller, body, idem); models.CodeOf(err) != models.IdempotencyKeyReused {
			t.Errorf("another body: %v", err)
		}
		job, err := s.engine.Get(t.Context(), s.caller.ProjectID, string(first.Answer.Bytes))
		if err != nil || job.Kind != models.KindModelTrain || job.State != models.JobQueued {
			t.Fatalf("%+v, %v", job, err)
		}
		var kept models.TrainRequest
		if err := json.Unmarshal(job.Request, &kept); err != nil {
			t.Fatal(err)
		}
		usual := slices.IndexFunc(science.Pipelines(), func(i training.PipelineInfo) bool { return i.Paradigm == eeg.MotorImagery && i.Usual })
		from, to := int64(5), int64(6)
		want := models.TrainRequest{Name: "mine", Paradigm: eeg.MotorImagery, Pipeline: science.Pipelines()[usual].Name, LabelledTrials: models.LabelledTrials{
			Sessions: []models.TrainingSession{{SessionID: two}, {SessionID: one, StartMS: &from, EndMS: &to}}, Classes: map[string]string{"1": "left_hand", "T2": "right_hand"}}}
		if d := cmp.Diff(want, kept); d != "" {
			t.Errorf("the request of the job (-want +got):\n%s", d)
		}
	})
}

// TestTrainingsAreRefused with every field that is wrong, and nothing is submitted.
func TestTrainingsAreRefused(t *testing.T) {
	t.Parallel()
	testkit.Stores(t, func(t *testing.T, db *store.Store) {
		s := newTrainings(t, db)
		mine, slow, foreign := s.session(t, s.caller.ProjectID, 250), s.session(t, s.caller.ProjectID, 128), s.session(t, models.NewID(), 250)
		const good = `"name":"mine","paradigm":"motor_imagery","sessions":[{"session_id":"MINE"}],"classes":{"1":"a","2":"b"}`
		with := func(more string) string { // in place of the fields of the same names
			var fields map[string]json.RawMessage
			for _, text := range []string{good, more} {
				if err := json.Unmarshal([]byte("{"+text+"}"), &fields); err != nil {
					t.Fatalf("%s: %v", text, err)
				}
			}
			b, err := json.Marshal(fields)
			if err != nil {
				t.Fatal(err)
			}
			return string(b)
		}
		many := make([]string, 101)
		events, names, classes := make([]string, 257), make([]string, 513), make([]string, 65)
		for i := range many {
			many[i] = fmt.Sprintf(`{"session_id":%q}`, models.NewID())
		}
		for i := range events {
			events[i] = fmt.Sprintf(`"%d":"c%d"`, i, i%2)
		}
		for i := range names {
			names[i] = fmt.Sprintf("%q", fmt.Sprint("ch", i))
		}
		for i := range classes {
			classes[i] = fmt.Sprintf(`"%d":"c%d"`, i, i)
		}
		for name, tc := range map[string]struct {
			body   string
			code   models.Code
			fields []string
		}{
			"nothing":                  {`{}`, "", []string{"name invalid", "paradigm required", "sessions required", "classes required"}},
			"a name in capitals":       {with(`"name":"Mine"`), "", []string{"name invalid"}},
			"a name like a path":       {with(`"name":"../mine"`), "", []string{"name invalid"}},
			"a long name":              {with(`"name":"` + strings.Repeat("x", 129) + `"`), "", []string{"name invalid"}},
			"no such paradigm":         {with(`"paradigm":"telepathy"`), "", []string{"paradigm not_allowed"}},
			"no such pipeline":         {with(`"pipeline":"magic"`), "", []string{"pipeline unknown"}},
			"another's pipeline":       {with(`"pipeline":"xdawn_lda"`), "", []string{"pipeline not_allowed"}},
			"many sessions":            {with(`"sessions":[` + strings.Join(many, ",") + `]`), "", []string{"sessions too_many"}},
			"a session without id":     {with(`"sessions":[{}]`), "", []string{"sessions[0].session_id required"}},
			"a session twice":          {with(`"sessions":[{"session_id":"MINE"},{"session_id":"` + strings.ToUpper(mine) + `"}]`), "", []string{"sessions[1].session_id duplicate"}},
			"a range that is empty":    {with(`"sessions":[{"session_id":"MINE","start_ms":5,"end_ms":5}]`), "", []string{"sessions[0].start_ms out_of_range"}},
			"a range before all time":  {with(`"sessions":[{"session_id":"MINE","start_ms":-1}]`), "", []string{"sessions[0].start_ms out_of_range"}},
			"one class":                {with(`"classes":{"1":"a","2":"a"}`), "", []string{"classes too_few"}},
			"many events":              {with(`"classes":{` + strings.Join(events, ",") + `}`), "", []string{"classes too_many"}},
			"many classes":             {with(`"classes":{` + strings.Join(classes, ",") + `}`), "", []string{"classes too_many"}},
			"an event without name":    {with(`"classes":{"":"a","2":"b"}`), "", []string{"classes invalid"}},
			"classes of P300":          {with(`"paradigm":"p300"`), "", []string{"classes not_allowed"}},
			"a channel twice":          {with(`"channels":["C3","C3",""]`), "", []string{"channels[1] duplicate", "channels[2] required"}},
			"many channels":            {with(`"channels":[` + strings.Join(names, ",") + `]`), "", []string{"channels too_many"}},
			"options that are none":    {with(`"options":[1]`), "", []string{"options type"}},
			"long options":             {with(`"options":{"x":"` + strings.Repeat("y", 16<<10) + `"}`), "", []string{"options too_long"}},
			"a window after the event": {with(`"window":{"from_s":1,"to_s":2}`), "", []string{"window.from_s out_of_range"}},
			"a window without end":     {with(`"window":{"from_s":-11,"to_s":0}`), "", []string{"window.from_s out_of_range", "window.to_s out_of_range"}},
			"a long summary":           {with(`"summary":"` + strings.Repeat("x", 1001) + `"`), "", []string{"summary too_long"}},
			"rates that differ":        {with(`"sessions":[{"session_id":"MINE"},{"session_id":"` + slow + `"}]`), "", []string{"sessions[1].session_id sample_rate"}},
			"another's session":        {with(`"sessions":[{"session_id":"` + foreign + `"}]`), models.SessionNotFound, nil},
			"a session that is none":   {with(`"sessions":[{"session_id":"x' OR 1=1"}]`), models.SessionNotFound, nil},
		} {
			if tc.code == "" {
				tc.code = models.InvalidRequestBody
			}
			_, err := s.train(t.Context(), s.caller, strings.ReplaceAll(tc.body, "MINE", mine), once)
			if models.CodeOf(err) != tc.code {
				t.Errorf("%s: %v, want %s", name, err, tc.code)
				continue
			}
			got := fieldsOf(err)
			slices.Sort(got)
			slices.Sort(tc.fields)
			if d := cmp.Diff(tc.fields, got); d != "" {
				t.Errorf("%s: fields (-want +got):\n%s%v", name, d, err)
			}
		}
		var endless models.TrainRequest
		if err := json.Unmarshal([]byte(strings.ReplaceAll("{"+good+"}", "MINE", mine)), &endless); err != nil {
			t.Fatal(err)
		}
		for _, v := range []float64{math.NaN(), math.Inf(1), math.Inf(-1)} { // no JSON has them; another way in may
			endless.Window = &models.TrialWindow{FromS: v, ToS: v}
			if _, err := s.Train(t.Context(), s.caller, endless, once, respond); models.CodeOf(err) != models.InvalidRequestBody || len(models.AsError(err).Fields) != 2 {
				t.Errorf("a window from and to %v: %v", v, err)
			}
		}
		if page, err := s.engine.List(t.Context(), jobs.Query{ProjectID: s.caller.ProjectID, Limit: 10}); err != nil || len(page.Jobs) != 0 {
			t.Errorf("%d jobs of refused trainings, %v", len(page.Jobs), err)
		}
	})
}

// TestCalibrationsAreOfOwnAdaptiveModels, by the classes that the model has.
func TestCalibrationsAreOfOwnAdaptiveModels(t *testing.T) {
	t.Parallel()
	testkit.Stores(t, func(t *testing.T, db *store.Store) {
		s := newTrainings(t, db)
		mine := s.session(t, s.caller.ProjectID, 250)
		s.model(t, "adapts", "csp_rxlda", eeg.MotorImagery, "left_hand", "right_hand")
		s.model(t, "stays", "csp_lda", eeg.MotorImagery, "left_hand", "right_hand")
		s.model(t, "spells", "xdawn_rxlda", eeg.P300)
		ask := func(model, class string) string {
			return fmt.Sprintf(`{"name":%q,"sessions":[{"session_id":%q}],"classes":{"1":%q}}`, model, mine, class)
		}
		for name, tc := range map[string]struct {
			body   string
			code   models.Code
			fields []string
		}{
			"its class":         {ask("adapts", "left_hand"), "", nil},
			"flashes":           {ask("spells", "target"), "", nil},
			"another class":     {ask("adapts", "tongue"), models.InvalidRequestBody, []string{"classes not_allowed"}},
			"no class of P300":  {ask("spells", "left_hand"), models.InvalidRequestBody, []string{"classes not_allowed"}},
			"a model that ends": {ask("stays", "left_hand"), models.ModelNotAdaptive, nil},
			"no such model":     {ask("nobody", "left_hand"), models.ModelNotFound, nil},
			"no such version":   {strings.Replace(ask("adapts", "left_hand"), `{`, `{"version":"7",`, 1), models.ModelNotFound, nil},
			"no session":        {`{"name":"adapts","classes":{"1":"left_hand"}}`, models.InvalidRequestBody, []string{"sessions required"}},
			"another's session": {fmt.Sprintf(`{"name":"adapts","sessions":[{"session_id":%q}],"classes":{"1":"left_hand"}}`, s.session(t, models.NewID(), 250)), models.SessionNotFound, nil},
		} {
			accepted, err := s.calibrate(t.Context(), s.caller, tc.body)
			if models.CodeOf(err) != tc.code {
				t.Errorf("%s: %v, want %q", name, err, tc.code)
			}
			if err == nil {
				if job, err := s.engine.Get(t.Context(), s.caller.ProjectID, string(accepted.Answer.Bytes)); err != nil || job.Kind != models.KindModelCalibrate {
					t.Errorf("%s: %+v, %v", name, job, err)
				}
				continue
			}
			if d := cmp.Diff(tc.fields, fieldsOf(err)); d != "" {
				t.Errorf("%s: fields (-want +got):\n%s", name, d)
			}
		}
		stranger := s.caller
		stranger.ProjectID = models.NewID()
		if _, err := s.calibrate(t.Context(), stranger, ask("adapts", "left_hand")); models.CodeOf(err) != models.ModelNotFound {
			t.Errorf("another's model: %v", err)
		}
	})
}

// TestTrainingsNeedBothRights: to write models, and to read the sessions that they are made of.
func TestTrainingsNeedBothRights(t *testing.T) {
	t.Parallel()
	s := newTrainings(t, testkit.Backend{Store: store.Config{DatabaseURL: testkit.SQLite(t)}}.Open(t))
	for who, tc := range map[string]struct {
		p    models.Principal
		code models.Code
	}{
		"nobody":               {models.Principal{}, models.InsufficientScope},
		"no scope for models":  {models.Principal{ProjectID: "p", KeyID: "k", Scopes: []models.Scope{models.ScopeSessions}}, models.InsufficientScope},
		"no scope of sessions": {models.Principal{ProjectID: "p", KeyID: "k", Scopes: []models.Scope{models.ScopeCatalogWrite}}, models.InsufficientScope},
		"a viewer":             {models.Principal{ProjectID: "p", UserID: "u", Role: models.RoleViewer}, models.InsufficientRole},
	} {
		if _, err := s.train(t.Context(), tc.p, `{}`, once); models.CodeOf(err) != tc.code {
			t.Errorf("%s trains: %v", who, err)
		}
		if _, err := s.calibrate(t.Context(), tc.p, `{}`); models.CodeOf(err) != tc.code {
			t.Errorf("%s calibrates: %v", who, err)
		}
	}
	if _, err := s.train(t.Context(), s.caller, `{}`, service.Idempotency{Key: strings.Repeat("k", 256), Protocol: "test"}); models.CodeOf(err) != models.InvalidIdempotencyKey {
		t.Errorf("a long key: %v", err)
	}
	member := models.Principal{ProjectID: s.caller.ProjectID, UserID: "u", Role: models.RoleMember}
	body := fmt.Sprintf(`{"name":"mine","paradigm":"motor_imagery","sessions":[{"session_id":%q}],"classes":{"1":"a","2":"b"}}`, s.session(t, s.caller.ProjectID, 250))
	if _, err := s.train(t.Context(), member, body, once); err != nil {
		t.Errorf("a member: %v", err)
	}
	if err := s.store.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := s.train(t.Context(), s.caller, body, once); models.CodeOf(err) != models.Unavailable {
		t.Errorf("without a database: %v", err)
	}
}
