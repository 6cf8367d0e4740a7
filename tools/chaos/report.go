//go:build unix

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/neurod/neurod/models"
)

// report prints what came of it and reports whether the promise was kept.
func report(ctx context.Context, s *scenario, took time.Duration) (bool, error) {
	c, err := s.audit.counts(ctx)
	if err != nil {
		return false, err
	}
	rows, markers, err := s.audit.rows(ctx)
	if err != nil {
		return false, err
	}
	l := s.load
	var lost, wrong []string
	for _, t := range l.accepted {
		id, _ := models.ParseJobID(t.id)
		r, ok := rows[id]
		switch {
		case !ok:
			lost = append(lost, t.id+" is gone")
		case r.state == "queued" || r.state == "running":
			lost = append(lost, t.id+" is "+r.state)
		case r.state == "failed":
			wrong = append(wrong, fmt.Sprintf("%s failed with %s", t.id, *r.code))
		case r.state == "completed":
			var out struct {
				Intent string `json:"decoded_intent"`
			}
			if err := json.Unmarshal([]byte(*r.output), &out); err != nil || !strings.Contains(out.Intent, t.intent) {
				wrong = append(wrong, fmt.Sprintf("%s is %q, recorded was %q", t.id, out.Intent, t.intent))
			}
		}
		if t.final != nil && ok {
			var a, b any
			_ = json.Unmarshal(t.final.Output, &a) // compared as what was sent: nil when there is none
			if r.output != nil {
				_ = json.Unmarshal([]byte(*r.output), &b)
			}
			if t.final.Status != r.state || !equal(a, b) {
				l.changed = append(l.changed, fmt.Sprintf("%s: a client saw %s, the row is %s", t.id, t.final.Status, r.state))
			}
		}
	}
	stored := 0
	for _, m := range l.refused {
		if markers[m] {
			stored++
		}
	}
	var worst time.Duration
	var slowest string
	for _, k := range s.kills {
		d, err := s.audit.recovery(ctx, k.at)
		if err != nil {
			return false, err
		}
		if d > worst {
			worst, slowest = d, k.what
		}
	}
	fmt.Printf("\n%d requests accepted in %.0fs, %d without an answer; answers by status:", len(l.accepted), took.Seconds(), l.failed)
	for _, code := range slices.Sorted(maps.Keys(l.statuses)) {
		fmt.Printf(" %d×%d", code, l.statuses[code])
	}
	fmt.Printf("\nin the database: %d jobs, %d claims, %d jobs run more than once; %d completed, %d canceled, %d failed; %d keys repeated\n\n",
		c.jobs, c.claims, c.rerun, c.completed, c.canceled, c.failed, l.replays)
	fmt.Printf("accepted                  %6d\n", len(l.accepted))
	fmt.Printf("finished                  %6d\n", len(l.accepted)-len(lost))
	ok := true
	must := func(name string, n int, examples []string) {
		verdict := "ok"
		if n > 0 {
			ok, verdict = false, "MUST BE 0"
		}
		fmt.Printf("%-25s %6d  %s\n", name, n, verdict)
		for i, e := range examples {
			if i == 5 {
				break
			}
			fmt.Println("    " + e)
		}
	}
	must("lost", len(lost), lost)
	must("doubled effects", c.doubled+c.twins+l.twins, nil)
	must("changed finished states", c.changed+len(l.changed), l.changed)
	must("wrong results", len(wrong), wrong)
	must("refused but stored", stored, nil)
	must("unfinished in database", c.jobs-c.finished, nil)
	verdict := "ok"
	if worst > limit {
		ok, verdict = false, "TOO LONG"
	}
	fmt.Printf("recovery, at most         %5.1fs  %s (limit %.0fs; %s)\n", worst.Seconds(), verdict, limit.Seconds(), slowest)
	if len(l.accepted) == 0 || c.completed == 0 {
		fmt.Println("nothing was tested")
		ok = false
	}
	return ok, nil
}

// equal compares JSON values.
func equal(a, b any) bool {
	x, errX := json.Marshal(a)
	y, errY := json.Marshal(b)
	return errX == nil && errY == nil && string(x) == string(y)
}
