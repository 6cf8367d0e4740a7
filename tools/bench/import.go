//go:build unix

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"net/http"
	"time"

	"github.com/neurod/neurod/internal/testkit/neurod"
	"github.com/neurod/neurod/internal/testkit/procfs"
)

// The recording of the import measurement: an hour of a bipolar montage, as epilepsy monitoring records it.
const (
	importChannels = 23
	importRate     = 256
	importSeconds  = 3600
)

// hourEDF makes the recording: EDF+C with one record a second and an annotation a minute.
func hourEDF(seed uint64) []byte {
	const annotation = 60 // bytes a record
	n := importChannels + 1
	var b bytes.Buffer
	field := func(width int, text string) { fmt.Fprintf(&b, "%-*s", width, text) }
	field(8, "0")
	field(80, "X X X X")
	field(80, "Startdate 02-MAR-2024 X X X")
	field(8, "02.03.24")
	field(8, "10.20.30")
	field(8, fmt.Sprint(256*(n+1)))
	field(44, "EDF+C")
	field(8, fmt.Sprint(importSeconds))
	field(8, "1")
	field(4, fmt.Sprint(n))
	each := func(width int, signal, list string, numbered bool) {
		for i := range importChannels {
			if numbered {
				field(width, fmt.Sprintf("%s%d", signal, i+1))
				continue
			}
			field(width, signal)
		}
		field(width, list)
	}
	each(16, "EEG ", "EDF Annotations", true)
	each(80, "", "", false)
	each(8, "uV", "", false)
	each(8, "-800", "-1", false)
	each(8, "800", "1", false)
	each(8, "-32768", "-32768", false)
	each(8, "32767", "32767", false)
	each(80, "", "", false)
	each(8, fmt.Sprint(importRate), fmt.Sprint(annotation/2), false)
	each(32, "", "", false)

	rng := rand.New(rand.NewPCG(seed, 0))
	state := make([]float64, importChannels)
	record := make([]byte, 0, 2*importChannels*importRate+annotation)
	for s := range importSeconds {
		record = record[:0]
		for ch := range importChannels {
			x := state[ch]
			for i := range importRate {
				// First-order autoregressive background plus a 10 Hz rhythm, in µV, at 41 digits a µV.
				x = 0.95*x + 6*rng.NormFloat64()
				v := int16(41 * (x + 10*math.Sin(2*math.Pi*10*float64(s*importRate+i)/importRate+float64(ch))))
				record = append(record, byte(v), byte(uint16(v)>>8))
			}
			state[ch] = x
		}
		list := fmt.Sprintf("+%d\x14\x14\x00", s)
		if s%60 == 0 {
			list += fmt.Sprintf("+%d\x14minute %d\x14\x00", s, s/60)
		}
		record = append(record, list...)
		record = append(record, make([]byte, annotation-len(list))...)
		b.Write(record)
	}
	return b.Bytes()
}

// benchImport uploads an hour of EEG in one request and waits until every window is there.
func benchImport(ctx context.Context, opt options, st *stage) error {
	d, c := st.deployment, st.client
	file := hourEDF(1)
	fmt.Printf("\n## Import: %d s of %d channels at %d Hz, %.1f MB of EDF, in one request\n", importSeconds, importChannels, importRate, float64(len(file))/1e6)
	var factors []float64
	for round := range opt.rounds {
		cpu0 := make([]float64, 0, 4)
		for _, group := range [][]int{d.own[:1], d.own[1:2], st.pg.PIDs()} {
			cpu0 = append(cpu0, cpuOf(group))
		}
		accepted, took, err := importOnce(ctx, c, file)
		if err != nil {
			return err
		}
		factor := importSeconds / took.Seconds()
		factors = append(factors, factor)
		fmt.Printf("round %d: accepted after %.2f s, complete after %.2f s: %.0f times real time; CPU: API %.2f s, worker %.2f s, PostgreSQL %.2f s\n",
			round+1, accepted.Seconds(), took.Seconds(), factor, cpuOf(d.own[:1])-cpu0[0], cpuOf(d.own[1:2])-cpu0[1], cpuOf(st.pg.PIDs())-cpu0[2])
	}
	m := median(factors)
	fmt.Printf("median: %.0f times real time (limit 1000: %s)\n", m, verdict(m >= 1000))
	for i, name := range []string{"API", "worker"} {
		_, peak, err := procfs.Resident(d.own[i])
		if err != nil {
			return err
		}
		fmt.Printf("%s: peak resident memory %.0f MiB (limit 256: %s)\n", name, mib(peak), verdict(mib(peak) <= 256))
	}
	return nil
}

// importOnce uploads a file and returns how long it took until it was accepted and until its session was complete.
func importOnce(ctx context.Context, c *neurod.Client, file []byte) (accepted, complete time.Duration, err error) {
	start := time.Now()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.Base+"/v1/sessions/import?external_user_id=bench", bytes.NewReader(file))
	if err != nil {
		return 0, 0, err
	}
	req.Header.Set("Authorization", "Bearer "+c.Key)
	req.Header.Set("Content-Type", "application/octet-stream")
	res, err := c.HTTP.Do(req)
	if err != nil {
		return 0, 0, err
	}
	body, err := io.ReadAll(res.Body)
	res.Body.Close()
	if err != nil || res.StatusCode != http.StatusAccepted {
		return 0, 0, fmt.Errorf("import: HTTP %d %s %w", res.StatusCode, body, err)
	}
	accepted = time.Since(start)
	var ses struct {
		ID string `json:"session_id"`
	}
	if err := json.Unmarshal(body, &ses); err != nil {
		return 0, 0, err
	}
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		var status struct {
			State   string `json:"processing_state"`
			Windows int    `json:"window_count"`
		}
		if err := c.Do(ctx, http.MethodGet, "/v1/sessions/"+ses.ID+"/status", c.Key, nil, nil, &status); err != nil {
			return 0, 0, err
		}
		switch status.State {
		case "COMPLETE":
			complete = time.Since(start)
			if want := importSeconds / 2; status.Windows != want {
				return 0, 0, fmt.Errorf("%d windows, not %d", status.Windows, want)
			}
			return accepted, complete, nil
		case "FAILED":
			return 0, 0, fmt.Errorf("the import failed")
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return 0, 0, ctx.Err()
		}
	}
}
