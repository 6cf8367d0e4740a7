package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"

	"github.com/neurod/neurod/decoders"
	"github.com/neurod/neurod/decoders/synthetic"
	"github.com/neurod/neurod/internal/lab/datasets"
	"github.com/neurod/neurod/internal/testkit/neurod"
)

const (
	sessionSeconds = 20
	windowSeconds  = 2
)

// sessionSignal is what the recorded session uploads: the start of the eyes-closed run of EEGMMIDB, or synthetic EEG at rest.
func sessionSignal(root string) (decoders.Signal, string, error) {
	if st, err := os.Stat(root); root != "" && err == nil && st.IsDir() {
		for _, file := range datasets.Glob(root, "motor_imagery/eegmmidb/*.zip") {
			runs, _ := datasets.Open(file, nil)
			for _, r := range runs {
				sig, err := r.Recording.Signal("Fp1", "Fp2", "C3", "C4", "O1", "O2")
				if err == nil && sig.Seconds() >= sessionSeconds {
					return sig, r.Name, nil
				}
			}
		}
		return decoders.Signal{}, "", errNothing
	}
	s, err := synthetic.Rest(synthetic.Config{Seed: 4, Channels: []string{"Fp1", "Fp2", "C3", "C4", "O1", "O2"}}, sessionSeconds, true)
	return s.Signal, "synthetic rest, eyes closed", err
}

// recordSession uploads a recording in batches of a second, ends the session, follows it to COMPLETE and prints its windows.
func recordSession(ctx context.Context, c *neurod.Client, sig decoders.Signal, name string) error {
	create, err := json.Marshal(map[string]any{"external_user_id": "demo", "device_type": "10-20 cap", "sample_rate_hz": sig.Rate,
		"channels": sig.Channels, "ingestion_mode": "RECORDED"})
	if err != nil {
		return err
	}
	var session struct {
		ID string `json:"session_id"`
	}
	if err := c.Do(ctx, http.MethodPost, "/v1/sessions", c.Key, create, nil, &session); err != nil {
		return fmt.Errorf("create a session: %w", err)
	}
	path := "/v1/sessions/" + session.ID
	const start = int64(1730000000000) // any time will do
	batch := int(sig.Rate)
	for k := 0; k < sessionSeconds; k++ {
		data := map[string][]float64{}
		for i, ch := range sig.Channels {
			data[ch] = sig.Data.RawRowView(i)[k*batch : (k+1)*batch]
		}
		body, err := json.Marshal(map[string]any{"batch_id": fmt.Sprintf("batch_%03d", k), "t0_unix_ms": start + int64(k)*1000, "data": data})
		if err != nil {
			return err
		}
		if err := c.Do(ctx, http.MethodPost, path+"/ingest", c.Key, body, nil, nil); err != nil {
			return fmt.Errorf("batch %d: %w", k, err)
		}
	}
	var ended struct {
		JobID string `json:"job_id"`
	}
	if err := c.Do(ctx, http.MethodPost, path+"/end", c.Key, []byte(`{}`), nil, &ended); err != nil {
		return fmt.Errorf("end the session: %w", err)
	}
	if _, err := c.Wait(ctx, ended.JobID, waitLimit, false); err != nil {
		return fmt.Errorf("wait for the session: %w", err)
	}
	var status struct {
		State   string `json:"processing_state"`
		Windows int    `json:"window_count"`
	}
	if err := c.Do(ctx, http.MethodGet, path+"/status", c.Key, nil, nil, &status); err != nil {
		return err
	}
	var windows []struct {
		Features struct {
			BandPower struct {
				Theta, Alpha, Beta float64
			} `json:"bandpower"`
		} `json:"features"`
		Quality struct {
			Overall float64 `json:"overall"`
		} `json:"quality"`
		Gate struct {
			Passed bool `json:"passed"`
		} `json:"gate"`
	}
	if err := c.Do(ctx, http.MethodGet, path+"/features", c.Key, nil, nil, &windows); err != nil {
		return err
	}
	var alpha, quality float64
	passed := 0
	for _, w := range windows {
		alpha += w.Features.BandPower.Alpha / float64(len(windows))
		quality += w.Quality.Overall / float64(len(windows))
		if w.Gate.Passed {
			passed++
		}
	}
	fmt.Printf("recorded session: %s, %d s of %d channels in %d batches: %s with %d windows of %d s, %d past the quality gate; mean alpha %.1f µV², quality %.2f\n\n",
		name, sessionSeconds, len(sig.Channels), sessionSeconds, status.State, status.Windows, windowSeconds, passed, alpha, quality)
	if status.State != "COMPLETE" || status.Windows != sessionSeconds/windowSeconds || len(windows) != status.Windows {
		return errors.New("the recorded session is not complete")
	}
	return nil
}
