package app

import (
	"bytes"
	"context"
	"encoding/base64"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/neurod/neurod/decoders/catalog"
	"github.com/neurod/neurod/handlers"
	"github.com/neurod/neurod/internal/compute"
	"github.com/neurod/neurod/internal/testkit"
	"github.com/neurod/neurod/jobs"
	"github.com/neurod/neurod/models"
)

// TestNothingComputesWithoutASlot takes every slot, submits a job of every kind and a large body to every route, and finds each
// waiting for one; with the slots given back, all go on. A new kind of job, or route, must find its place here.
func TestNothingComputesWithoutASlot(t *testing.T) {
	t.Parallel()
	w := boot(t, testkit.Backend{DataDir: t.TempDir()})
	recorded := w.session(t, "a", "RECORDED")
	ingest := func() string {
		return w.json(t, 202, "POST", "/v1/sessions/"+w.session(t, "b", "STREAMING")+"/ingest", w.key, samples(2))["job_id"].(string)
	}
	w.await(t, ingest())
	made := w.json(t, 201, "POST", "/api/v1/models", w.key, object{"file": base64.StdEncoding.EncodeToString(adaptiveModel(t, w.catalog))})["name"].(string)

	release := holdAll(t, w.slots)
	defer release()
	var ids []string
	answered := make(chan int, 100)
	waiting := 0
	later := func(path, media string, body []byte) { // a call that is answered only once a slot is free
		req, err := http.NewRequestWithContext(t.Context(), "POST", "http://"+w.Addr()+path, bytes.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", media)
		req.Header.Set("Authorization", "Bearer "+w.key)
		req.Close = true
		waiting++
		go func() {
			res, err := http.DefaultClient.Do(req)
			if err != nil {
				answered <- 0
				return
			}
			_, _ = io.Copy(io.Discard, res.Body)
			res.Body.Close()
			answered <- res.StatusCode
		}()
	}
	calls := 0
	labelled := object{"sessions": []object{{"session_id": recorded}}, "classes": object{"1": "left_hand", "2": "right_hand"}}
	for _, k := range jobs.Kinds() {
		if k.Batch {
			continue // its items compute
		}
		switch k.Name {
		case models.KindDecode:
			ids = append(ids, w.json(t, 202, "POST", "/api/v1/neuro/decode", w.key, decode())["id"].(string))
		case models.KindSessionWindows:
			ids = append(ids, ingest())
		case models.KindModelTrain:
			labelled["name"], labelled["paradigm"] = "new", "motor_imagery"
			ids = append(ids, w.json(t, 202, "POST", "/api/v1/models/train", w.key, labelled)["id"].(string))
			delete(labelled, "name")
			delete(labelled, "paradigm")
		case models.KindModelCalibrate:
			ids = append(ids, w.json(t, 202, "POST", "/api/v1/models/"+made+"/calibrate", w.key, labelled)["id"].(string))
		case models.KindSessionImport: // it is looked into before it is accepted
			later("/v1/sessions/import?external_user_id=u&name=a.txt&sample_rate_hz=250", "application/octet-stream", []byte("C3 C4\n1 2\n3 4\n"))
			calls++
			continue
		case models.KindUserErase, models.KindProjectDelete:
			continue // the database works
		default:
			t.Errorf("does a job of kind %s compute? Submit one here", k.Name)
			continue
		}
		waiting++
	}
	large := append(append([]byte(`{"a":"`), bytes.Repeat([]byte("a"), 128<<10)...), `"}`...)
	for _, r := range handlers.New(handlers.Config{}).Routes() {
		if r.Cost.Body > handlers.SmallBodyLimit && r.Path != "/v1/sessions/import" {
			later(inSession(r.Path, recorded), "application/json", large)
			calls++
		}
	}

	for deadline := time.Now().Add(time.Minute); w.slots.Waiting() < waiting && time.Now().Before(deadline); {
		time.Sleep(5 * time.Millisecond)
	}
	if got := w.slots.Waiting(); got != waiting {
		t.Errorf("%d of %d computations wait for a slot", got, waiting)
	}
	for _, id := range ids {
		if job := w.json(t, 200, "GET", "/api/v1/jobs/"+id, w.key, nil); job["status"] != "running" {
			t.Errorf("without a slot: %v", job)
		}
	}
	if len(answered) > 0 {
		t.Errorf("%d calls were answered without a slot", len(answered))
	}
	release()
	for _, id := range ids {
		w.await(t, id)
	}
	for range calls {
		if status := <-answered; status < 200 || status >= 500 {
			t.Errorf("a call with a slot: %d", status)
		}
	}
}

// inSession puts a session into a path.
func inSession(path, session string) string {
	return string(bytes.Replace([]byte(path), []byte(":id"), []byte(session), 1))
}

// holdAll takes every slot of a process that serves, until release, which may be called twice.
func holdAll(t *testing.T, slots *compute.Slots) (release func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	n := max(1, compute.Processors()-1)
	held := make(chan struct{}, 2*n+1)
	ended := make(chan error, 2*n+1)
	hold := func() error {
		held <- struct{}{}
		<-ctx.Done()
		return nil
	}
	for range n { // as many of either as may run, so that nothing of either has its first
		go func() { ended <- slots.Do(context.Background(), compute.Work{Takes: time.Hour}, hold) }()
	}
	go func() { ended <- slots.Do(context.Background(), compute.Work{}, hold) }()
	for range max(1, n/2) {
		go func() { ended <- slots.Long(context.Background(), "", hold) }()
	}
	all := n + 1 + max(1, n/2)
	for range all {
		<-held
	}
	t.Cleanup(func() {
		cancel()
		for range all {
			if err := <-ended; err != nil {
				t.Error(err)
			}
		}
	})
	return cancel
}

// adaptiveModel is a model of the catalog that goes on learning.
func adaptiveModel(t *testing.T, cat *catalog.Catalog) []byte {
	t.Helper()
	for _, e := range cat.List() {
		if catalog.Adaptive(e.Pipeline) && e.Card.License() == string(models.LicenseFree) {
			file, err := cat.File(e.Name, e.Version)
			if err != nil {
				t.Fatal(err)
			}
			return file
		}
	}
	t.Fatal("no model of the catalog goes on learning")
	return nil
}
