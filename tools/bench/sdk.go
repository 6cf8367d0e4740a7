//go:build unix

package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// What the measurement of the Python client sends in one call: 256 MiB of float32.
const (
	sdkChannels = 64
	sdkRate     = 1000
	sdkSamples  = 1 << 20
	sdkBatch    = 4 << 20 // bytes, as the client cuts them
)

// benchSDK measures the Python client, installed from its wheel, beside what the server takes over one connection and beside bare calls of the HTTP
// library that it stands on, in turns.
func benchSDK(ctx context.Context, opt options, st *stage) error {
	fmt.Println("\n## Clients: one connection on loopback, PostgreSQL")
	dir, err := os.MkdirTemp("", "neurod-bench-sdk-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	interpreter, err := sdkEnvironment(ctx, dir)
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, interpreter, "tools/bench/sdk.py", st.client.Base, st.client.Key)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	lines := bufio.NewReader(out)
	ask := func(answer any, format string, args ...any) error {
		if _, err := fmt.Fprintf(in, format+"\n", args...); err != nil {
			return err
		}
		line, err := lines.ReadBytes('\n')
		if err != nil {
			return fmt.Errorf("sdk.py: %w", err)
		}
		return json.Unmarshal(line, answer)
	}
	if err := errors.Join(sdkRounds(ctx, opt, st, ask), in.Close(), cmd.Wait()); err != nil {
		return err
	}
	return benchTypeScript(ctx, opt, st)
}

func sdkRounds(ctx context.Context, opt options, st *stage, ask func(any, string, ...any) error) error {
	var through, limit []float64
	for range opt.rounds {
		var told struct {
			Seconds float64
			Bytes   int64
			Batches int
		}
		if err := ask(&told, "ingest %d %d %d", sdkChannels, sdkRate, sdkSamples); err != nil {
			return err
		}
		through = append(through, float64(told.Bytes)/1e6/told.Seconds)
		took, n, err := rawIngest(ctx, st)
		if err != nil {
			return err
		}
		limit = append(limit, float64(n)/1e6/took.Seconds())
	}
	slices.Sort(through)
	slices.Sort(limit)
	client, server := through[len(through)/2], limit[len(limit)/2]
	fmt.Printf("ingest of an array, float32   client %6.1f MB/s (%.1f-%.1f), server's limit for one connection %6.1f MB/s (%.1f-%.1f): %.2f of it\n",
		client, through[0], through[len(through)-1], server, limit[0], limit[len(limit)-1], client/server)
	var decode struct{ Client, Bare float64 }
	if err := ask(&decode, "decode %d", opt.requests); err != nil {
		return err
	}
	fmt.Printf("one decode, p50 of %d          client %6.2f ms, bare calls %6.2f ms: %.2f ms more\n", opt.requests, decode.Client, decode.Bare, decode.Client-decode.Bare)
	return nil
}

// rawIngest sends as many bytes in batches of the same size over one connection, made beforehand, and returns how long the server took.
func rawIngest(ctx context.Context, st *stage) (time.Duration, int64, error) {
	names := make([]string, sdkChannels)
	for i := range names {
		names[i] = fmt.Sprint("E", i)
	}
	body, err := json.Marshal(map[string]any{"external_user_id": "bench", "device_type": "bench", "sample_rate_hz": sdkRate, "channels": names,
		"ingestion_mode": "RECORDED", "hop_s": 60})
	if err != nil {
		return 0, 0, err
	}
	var made struct {
		SessionID string `json:"session_id"`
	}
	if err := st.client.Do(ctx, http.MethodPost, "/v1/sessions", st.client.Key, body, nil, &made); err != nil {
		return 0, 0, err
	}
	rng := rand.New(rand.NewPCG(1, 1))
	batch := make([]byte, sdkBatch)
	for i := 0; i < len(batch); i += 4 {
		binary.LittleEndian.PutUint32(batch[i:], math.Float32bits(float32(10*rng.NormFloat64())))
	}
	connection := &http.Client{Transport: &http.Transport{MaxConnsPerHost: 1, WriteBufferSize: 256 << 10}}
	defer connection.CloseIdleConnections()
	const perBatch = sdkBatch / 4 / sdkChannels
	var sent int64
	start := time.Now()
	for k := range sdkSamples / perBatch {
		target := fmt.Sprintf("%s/v1/sessions/%s/ingest?batch_id=%d&t0_unix_ms=%d", st.client.Base, made.SessionID, k, 1730000000000+int64(k)*perBatch*1000/sdkRate)
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, target, bytes.NewReader(batch))
		if err != nil {
			return 0, 0, err
		}
		req.Header.Set("Authorization", "Bearer "+st.client.Key)
		req.Header.Set("Content-Type", "application/octet-stream")
		res, err := connection.Do(req)
		if err != nil {
			return 0, 0, err
		}
		_, err = io.Copy(io.Discard, res.Body)
		res.Body.Close()
		if err != nil || res.StatusCode != http.StatusAccepted {
			return 0, 0, fmt.Errorf("batch %d: HTTP %d, %w", k, res.StatusCode, err)
		}
		sent += sdkBatch
	}
	return time.Since(start), sent, nil
}

// sdkEnvironment builds the wheel and installs it with numpy into an environment of its own.
func sdkEnvironment(ctx context.Context, dir string) (string, error) {
	told, err := exec.CommandContext(ctx, "sdk/python/scripts/uv.sh").Output()
	if err != nil {
		return "", fmt.Errorf("uv: %w", err)
	}
	uv := strings.TrimSpace(string(told))
	steps := [][]string{{"sdk/python/build.sh", dir}, {uv, "venv", "--quiet", "--python", "python3", filepath.Join(dir, "venv")}}
	for _, step := range steps {
		if out, err := exec.CommandContext(ctx, step[0], step[1:]...).CombinedOutput(); err != nil {
			return "", fmt.Errorf("%s: %w\n%s", step[0], err, out)
		}
	}
	wheels, err := filepath.Glob(filepath.Join(dir, "*.whl"))
	if err != nil || len(wheels) != 1 {
		return "", fmt.Errorf("wheels %v: %w", wheels, err)
	}
	interpreter := filepath.Join(dir, "venv", "bin", "python")
	out, err := exec.CommandContext(ctx, uv, "pip", "install", "--quiet", "--python", interpreter, "--constraint", "sdk/python/requirements.lock", wheels[0]+"[numpy]").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("uv pip install: %w\n%s", err, out)
	}
	return interpreter, nil
}
