//go:build unix

package main

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"net/http"
	"sync"
	"time"
)

// The batches of benchBatches: small decodes, such as the trials of a session that somebody sends together.
const (
	batchItems    = 100
	batchClients  = 4
	batchChannels = 3
	batchSamples  = 250 // a second
)

// batchBody is a batch of small decodes with their common part in defaults.
func batchBody(seed uint64) []byte {
	rng := rand.New(rand.NewPCG(seed, 1))
	items := make([]any, batchItems)
	for i := range items {
		var raw []byte
		for range batchSamples * batchChannels {
			raw = binary.LittleEndian.AppendUint32(raw, math.Float32bits(float32(20*rng.NormFloat64())))
		}
		items[i] = map[string]any{"input": map[string]any{"data": base64.StdEncoding.EncodeToString(raw)}}
	}
	b, err := json.Marshal(map[string]any{"items": items, "defaults": map[string]any{"input": map[string]any{"type": "eeg", "paradigm": "motor_imagery",
		"channels": []string{"C3", "Cz", "C4"}, "sample_rate": batchSamples}}})
	if err != nil {
		panic(err) // a map of plain values always encodes
	}
	return b
}

// benchBatches measures how many small decodes a second are accepted in batches, with workers at work on the same cores, and how many are done.
func benchBatches(ctx context.Context, opt options, s *stage) error {
	fmt.Printf("\n## Batches: %d clients send batches of %d decodes of %d channels × 1 s, %s\n", batchClients, batchItems, batchChannels, s.name)
	before, err := s.spent(ctx)
	if err != nil {
		return err
	}
	var mu sync.Mutex
	var ids []string
	var first error
	var all sync.WaitGroup
	start := time.Now()
	for k := range batchClients {
		all.Go(func() {
			body := batchBody(uint64(k + 1))
			for time.Since(start) < min(opt.load, 6*time.Second) {
				var job struct {
					Data struct {
						JobID string `json:"job_id"`
					} `json:"data"`
				}
				err := s.client.Do(ctx, http.MethodPost, "/api/v1/neuro/decode/batch", s.client.Key, body, nil, &job)
				mu.Lock()
				if err == nil {
					ids = append(ids, job.Data.JobID)
				} else {
					first = err
				}
				mu.Unlock()
				if err != nil {
					return
				}
			}
		})
	}
	all.Wait()
	accepted := time.Since(start)
	if first != nil {
		return first
	}
	for _, id := range ids {
		for {
			j, err := s.client.Wait(ctx, id, time.Minute, false)
			if err != nil {
				return err
			}
			if j.Status == "completed" {
				break
			}
		}
	}
	done := time.Since(start)
	n := len(ids) * batchItems
	rate := float64(n) / accepted.Seconds()
	fmt.Printf("%.0f decodes/s accepted (limit 5000: %s), %.0f/s done with the last one; ", rate, verdict(rate >= 5000), float64(n)/done.Seconds())
	after, err := s.spent(ctx)
	if err != nil {
		return err
	}
	tellWhere(before, after, n)
	return nil
}
