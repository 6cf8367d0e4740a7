//go:build unix

package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"net/http"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/neurod/neurod/internal/testkit/neurod"
	"github.com/neurod/neurod/internal/testkit/procfs"
)

// The session of the export measurement: a night of a headset, in batches as an upload has them.
const (
	exportHours    = 12
	exportChannels = 8
	exportRate     = 250
	exportBatch    = 5 // s
)

// benchExport exports a session of 12 h in every format from PostgreSQL.
func benchExport(ctx context.Context, opt options, st *stage) error {
	d, c := st.deployment, st.client
	fmt.Printf("\n## Export: one session of %d h, %d channels × %d Hz, batches of %d s, PostgreSQL\n", exportHours, exportChannels, exportRate, exportBatch)
	id, err := longSession(ctx, c)
	if err != nil {
		return err
	}
	api := d.own[0]
	for _, query := range []string{"format=csv", "format=edf", "format=bdf", "format=json&include_raw=true"} {
		if err := procfs.Forget(api); err != nil {
			return err
		}
		before, _, err := procfs.Resident(api)
		if err != nil {
			return err
		}
		cpu, start := cpuOf([]int{api}), time.Now()
		first, n, err := download(ctx, c, "/v1/sessions/"+id+"/export?"+query)
		if err != nil {
			return fmt.Errorf("%s: %w", query, err)
		}
		took := time.Since(start)
		_, peak, err := procfs.Resident(api)
		if err != nil {
			return err
		}
		size := mib(n)
		fmt.Printf("%-29s %6.1f MiB in %5.1f s (%5.1f MiB/s), first byte after %5.2f s, %4.1f s of API processor, resident %.0f MiB before, peak %.0f MiB\n",
			query, size, took.Seconds(), size/took.Seconds(), first.Seconds(), cpuOf([]int{api})-cpu, mib(before), mib(peak))
	}
	return nil
}

// longSession uploads noise with 16 bits of resolution, 0.1 µV a step, and waits until its windows are written.
func longSession(ctx context.Context, c *neurod.Client) (string, error) {
	names := make([]string, exportChannels)
	for i := range names {
		names[i] = fmt.Sprint("EEG", i+1)
	}
	body, err := json.Marshal(map[string]any{"external_user_id": "bench", "device_type": "OpenBCI Cyton", "sample_rate_hz": exportRate,
		"channels": names, "ingestion_mode": "RECORDED", "started_at_unix_ms": 1730000000000})
	if err != nil {
		return "", err
	}
	var made struct {
		SessionID string `json:"session_id"`
	}
	if err := c.Do(ctx, http.MethodPost, "/v1/sessions", c.Key, body, nil, &made); err != nil {
		return "", err
	}
	start := time.Now()
	g, uploading := errgroup.WithContext(ctx)
	g.SetLimit(4)
	for k := range exportHours * 3600 / exportBatch {
		g.Go(func() error {
			rng := rand.New(rand.NewPCG(uint64(k), 7))
			var raw []byte
			for range exportBatch * exportRate * exportChannels {
				raw = binary.LittleEndian.AppendUint32(raw, math.Float32bits(float32(math.Round(200*rng.NormFloat64())*0.1)))
			}
			target := fmt.Sprintf("%s/v1/sessions/%s/ingest?batch_id=%d&t0_unix_ms=%d", c.Base, made.SessionID, k, 1730000000000+int64(k)*exportBatch*1000)
			req, err := http.NewRequestWithContext(uploading, http.MethodPost, target, bytes.NewReader(raw))
			if err != nil {
				return err
			}
			req.Header.Set("Authorization", "Bearer "+c.Key)
			req.Header.Set("Content-Type", "application/octet-stream")
			res, err := c.HTTP.Do(req)
			if err != nil {
				return err
			}
			defer res.Body.Close()
			if _, err := io.Copy(io.Discard, res.Body); err != nil || res.StatusCode != http.StatusAccepted {
				return fmt.Errorf("batch %d: HTTP %d, %w", k, res.StatusCode, err)
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return "", err
	}
	if err := c.Do(ctx, http.MethodPost, "/v1/sessions/"+made.SessionID+"/end", c.Key, nil, nil, nil); err != nil {
		return "", err
	}
	for {
		var status struct {
			State   string `json:"processing_state"`
			Windows int    `json:"window_count"`
		}
		if err := c.Do(ctx, http.MethodGet, "/v1/sessions/"+made.SessionID+"/status", c.Key, nil, nil, &status); err != nil {
			return "", err
		}
		switch status.State {
		case "COMPLETE":
			fmt.Printf("uploaded and processed in %.0f s, %d windows\n", time.Since(start).Seconds(), status.Windows)
			return made.SessionID, nil
		case "FAILED":
			return "", fmt.Errorf("session %s failed", made.SessionID)
		}
		select {
		case <-ctx.Done():
			return "", ctx.Err()
		case <-time.After(time.Second):
		}
	}
}

// download reads a body to its end and returns when its first byte came.
func download(ctx context.Context, c *neurod.Client, path string) (first time.Duration, n int64, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.Base+path, nil)
	if err != nil {
		return 0, 0, err
	}
	req.Header.Set("Authorization", "Bearer "+c.Key)
	start := time.Now()
	res, err := c.HTTP.Do(req)
	if err != nil {
		return 0, 0, err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return 0, 0, fmt.Errorf("HTTP %d", res.StatusCode)
	}
	first = time.Since(start)
	n, err = io.Copy(io.Discard, res.Body)
	return first, n, err
}
