package operations

import (
	"context"
	"encoding/json"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/neurod/neurod/internal/service"
	"github.com/neurod/neurod/internal/store"
	"github.com/neurod/neurod/jobs"
	"github.com/neurod/neurod/models"
)

func unavailable(err error) error { return service.Unavailable(err) }

// Histograms of times have buckets whose bounds grow by a fifth, from 1 ms on: a percentile read from one is at most a tenth off. Only buckets
// with something in them are kept.

// growth is by how much each bound is greater than the one before.
const growth = 1.2

// bucketOf returns the bucket of a time.
func bucketOf(d time.Duration) int {
	ms := float64(d) / float64(time.Millisecond)
	if ms <= 1 {
		return 0
	}
	return int(math.Ceil(math.Log(ms)/math.Log(growth) - 1e-9))
}

// middle returns the time that stands for a bucket: the geometric middle of its bounds.
func middle(bucket int) time.Duration {
	if bucket == 0 {
		return time.Millisecond
	}
	return time.Duration(math.Pow(growth, float64(bucket)-.5) * float64(time.Millisecond))
}

// histogram counts times by bucket.
type histogram map[int]int

func (h histogram) merge(o histogram) {
	for b, n := range o {
		h[b] += n
	}
}

func (h histogram) String() string {
	b, err := json.Marshal(map[int]int(h))
	if err != nil {
		return "{}" // cannot be: whole numbers
	}
	return string(b)
}

func readHistogram(s string) (histogram, error) {
	h := histogram{}
	return h, json.Unmarshal([]byte(s), &h)
}

// Quantile returns a part of the times, 0 for none.
func (h histogram) quantile(q float64) time.Duration {
	total, buckets := 0, make([]int, 0, len(h))
	for b, n := range h {
		total, buckets = total+n, append(buckets, b)
	}
	if total == 0 {
		return 0
	}
	slices.Sort(buckets)
	rank, seen := int(math.Ceil(q*float64(total))), 0
	for _, b := range buckets {
		if seen += h[b]; seen >= max(rank, 1) {
			return middle(b)
		}
	}
	return middle(buckets[len(buckets)-1])
}

// settled is how long after its end a minute is counted: what ended in it is committed by then.
const settled = 45 * time.Second

// Steps that are kept, and how long.
const (
	minute      = 60
	hour        = 3600
	MinutesKept = 26 * time.Hour
	HoursKept   = 32 * 24 * time.Hour
	catchUp     = 24 * time.Hour // how far back a server that was away counts
	mostAtOnce  = 120            // minutes
)

// rollUp counts the minutes and hours that are over. Whoever comes first counts a minute; another that counts it as well finds the same.
func (s *Service) rollUp(ctx context.Context) error {
	now := s.cfg.Now().UTC()
	end := now.Add(-settled).Truncate(time.Minute)
	next := end.Add(-catchUp)
	if last, any, err := s.cfg.Store.LastStat(ctx, minute); err != nil {
		return err
	} else if any && last.Add(time.Minute).After(next) {
		next = last.Add(time.Minute)
	} else if !any {
		oldest, err := s.cfg.Store.OldestJob(ctx)
		if err != nil {
			return err
		}
		if oldest == nil {
			oldest = &end
		}
		if t := oldest.Truncate(time.Minute); t.After(next) {
			next = t
		}
	}
	for range mostAtOnce {
		if !next.Before(end) {
			break
		}
		jobs, err := s.cfg.Store.FinishedJobs(ctx, next, next.Add(time.Minute))
		if err != nil {
			return err
		}
		// The last row of all says that the minute was counted, also where nothing ended in it.
		if err := s.cfg.Store.PutStats(ctx, append(s.count(minute, next, jobs), models.JobStat{Step: minute, At: next, Waited: "{}", Ran: "{}"})); err != nil {
			return err
		}
		next = next.Add(time.Minute)
	}
	return s.rollHours(ctx, next)
}

// rollHours sums up the minutes of the hours that are over.
func (s *Service) rollHours(ctx context.Context, counted time.Time) error {
	end := counted.Truncate(time.Hour)
	next := end.Add(-MinutesKept).Truncate(time.Hour).Add(time.Hour)
	if last, any, err := s.cfg.Store.LastStat(ctx, hour); err != nil {
		return err
	} else if any && last.Add(time.Hour).After(next) {
		next = last.Add(time.Hour)
	}
	for ; next.Before(end); next = next.Add(time.Hour) {
		rows, err := s.cfg.Store.Stats(ctx, minute, next, next.Add(time.Hour))
		if err != nil {
			return err
		}
		sums, err := sum(rows, hour, func(time.Time) time.Time { return next })
		if err != nil {
			return err
		}
		if err := s.cfg.Store.PutStats(ctx, append(sums, models.JobStat{Step: hour, At: next, Waited: "{}", Ran: "{}"})); err != nil {
			return err
		}
	}
	return nil
}

// count makes the rows of a step of jobs that ended in it.
func (s *Service) count(step int, at time.Time, list []store.FinishedJob) []models.JobStat {
	type key struct {
		queue string
		kind  models.JobKind
	}
	type tally struct {
		models.JobStat
		waited, ran histogram
	}
	tallies := map[key]*tally{}
	for _, j := range list {
		k := key{jobs.InteractiveQueue, j.Kind}
		if j.Item || slices.Contains(s.cfg.Engine.BulkKinds(), string(j.Kind)) {
			k.queue = jobs.BulkQueue
		}
		t := tallies[k]
		if t == nil {
			t = &tally{models.JobStat{Step: step, At: at, Queue: k.queue, Kind: k.kind}, histogram{}, histogram{}}
			tallies[k] = t
		}
		switch j.State {
		case models.JobCompleted:
			t.Completed++
		case models.JobFailed:
			t.Failed++
		default:
			t.Canceled++
		}
		if j.StartedAt != nil && j.Attempts > 0 {
			t.waited[bucketOf(j.StartedAt.Sub(j.CreatedAt))]++
			begun := j.StartedAt
			if j.ClaimedAt != nil {
				begun = j.ClaimedAt
			}
			t.ran[bucketOf(j.FinishedAt.Sub(*begun))]++
		}
	}
	out := make([]models.JobStat, 0, len(tallies))
	for _, t := range tallies {
		t.Waited, t.Ran = t.waited.String(), t.ran.String()
		out = append(out, t.JobStat)
	}
	slices.SortFunc(out, func(a, b models.JobStat) int {
		return strings.Compare(a.Queue+"/"+string(a.Kind), b.Queue+"/"+string(b.Kind))
	})
	return out
}

// sum adds rows up by queue, kind and what becomes of their time.
func sum(rows []models.JobStat, step int, at func(time.Time) time.Time) ([]models.JobStat, error) {
	type key struct {
		at    int64
		queue string
		kind  models.JobKind
	}
	type tally struct {
		models.JobStat
		waited, ran histogram
	}
	tallies := map[key]*tally{}
	var order []key
	for _, r := range rows {
		if r.Kind == "" {
			continue
		}
		when := at(r.At)
		k := key{when.Unix(), r.Queue, r.Kind}
		t := tallies[k]
		if t == nil {
			t = &tally{models.JobStat{Step: step, At: when, Queue: r.Queue, Kind: r.Kind}, histogram{}, histogram{}}
			tallies[k] = t
			order = append(order, k)
		}
		t.Completed, t.Failed, t.Canceled = t.Completed+r.Completed, t.Failed+r.Failed, t.Canceled+r.Canceled
		for text, h := range map[*string]histogram{&r.Waited: t.waited, &r.Ran: t.ran} {
			o, err := readHistogram(*text)
			if err != nil {
				return nil, err
			}
			h.merge(o)
		}
	}
	out := make([]models.JobStat, len(order))
	for i, k := range order {
		t := tallies[k]
		t.Waited, t.Ran = t.waited.String(), t.ran.String()
		out[i] = t.JobStat
	}
	return out, nil
}

// Percentiles of times.
type Percentiles struct{ P50, P95, P99 time.Duration }

// KindStat is how the jobs of a kind did in a period.
type KindStat struct {
	Queue                       string
	Kind                        models.JobKind
	Completed, Failed, Canceled int
	Waited, Ran                 Percentiles
}

// Point is a part of a period.
type Point struct {
	At                          time.Time
	Completed, Failed, Canceled int
	Waited, Ran                 Percentiles
}

// Stats is how jobs did in a period.
type Stats struct {
	From, To time.Time
	Step     time.Duration
	Kinds    []KindStat
	Series   []Point // all kinds together
}

// Periods are those that operators ask for.
var Periods = map[string]time.Duration{"1h": time.Hour, "24h": 24 * time.Hour, "7d": 7 * 24 * time.Hour}

// Stats returns how jobs did in a period that ends now. It is read from the database alone, so that every process says the same, whenever
// it was started: whole hours and minutes as they were counted, and the last minutes as they stand.
func (s *Service) Stats(ctx context.Context, p models.Principal, period, queue string, kind models.JobKind) (Stats, error) {
	if err := operator(p); err != nil {
		return Stats{}, err
	}
	now := s.cfg.Now().UTC()
	out := Stats{To: now, From: now.Add(-Periods[period]).Truncate(time.Minute), Step: time.Minute}
	if period != "1h" {
		out.Step = time.Hour
		out.From = now.Add(-Periods[period]).Truncate(time.Hour)
	}
	var rows []models.JobStat
	from := out.From
	if out.Step == time.Hour {
		last, any, err := s.cfg.Store.LastStat(ctx, hour)
		if err != nil {
			return out, unavailable(err)
		}
		if any {
			if rows, err = s.cfg.Store.Stats(ctx, hour, from, last.Add(time.Hour)); err != nil {
				return out, unavailable(err)
			}
			from = later(from, last.Add(time.Hour))
		}
	}
	last, any, err := s.cfg.Store.LastStat(ctx, minute)
	if err != nil {
		return out, unavailable(err)
	}
	if any {
		minutes, err := s.cfg.Store.Stats(ctx, minute, from, last.Add(time.Minute))
		if err != nil {
			return out, unavailable(err)
		}
		rows = append(rows, minutes...)
		from = later(from, last.Add(time.Minute))
	}
	// Never more than what is not yet counted while somebody counts.
	from = later(from, now.Add(-15*time.Minute))
	recent, err := s.cfg.Store.FinishedJobs(ctx, from, now.Add(time.Second))
	if err != nil {
		return out, unavailable(err)
	}
	byMinute := map[time.Time][]store.FinishedJob{}
	for _, j := range recent {
		at := j.FinishedAt.UTC().Truncate(time.Minute)
		byMinute[at] = append(byMinute[at], j)
	}
	for at, list := range byMinute {
		rows = append(rows, s.count(minute, at, list)...)
	}
	rows = slices.DeleteFunc(rows, func(r models.JobStat) bool {
		return r.Kind == "" || queue != "" && r.Queue != queue || kind != "" && r.Kind != kind
	})
	return out, fill(&out, rows)
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// fill sums rows up, by kind and by step.
func fill(out *Stats, rows []models.JobStat) error {
	kinds, err := sum(rows, 0, func(time.Time) time.Time { return out.From })
	if err != nil {
		return err
	}
	slices.SortFunc(kinds, func(a, b models.JobStat) int {
		return strings.Compare(a.Queue+"/"+string(a.Kind), b.Queue+"/"+string(b.Kind))
	})
	out.Kinds = make([]KindStat, len(kinds))
	for i, k := range kinds {
		s := KindStat{Queue: k.Queue, Kind: k.Kind, Completed: k.Completed, Failed: k.Failed, Canceled: k.Canceled}
		if s.Waited, s.Ran, err = percentiles(k); err != nil {
			return err
		}
		out.Kinds[i] = s
	}
	for i := range rows {
		rows[i].Queue, rows[i].Kind = "all", "all"
	}
	steps, err := sum(rows, 0, func(t time.Time) time.Time { return t.UTC().Truncate(out.Step) })
	if err != nil {
		return err
	}
	at := map[int64]models.JobStat{}
	for _, r := range steps {
		at[r.At.Unix()] = r
	}
	for t := out.From.Truncate(out.Step); !t.After(out.To); t = t.Add(out.Step) {
		r, ok := at[t.Unix()]
		point := Point{At: t, Completed: r.Completed, Failed: r.Failed, Canceled: r.Canceled}
		if ok {
			if point.Waited, point.Ran, err = percentiles(r); err != nil {
				return err
			}
		}
		out.Series = append(out.Series, point)
	}
	return nil
}

func percentiles(r models.JobStat) (waited, ran Percentiles, err error) {
	w, err := readHistogram(r.Waited)
	if err != nil {
		return waited, ran, err
	}
	x, err := readHistogram(r.Ran)
	return Percentiles{w.quantile(.5), w.quantile(.95), w.quantile(.99)}, Percentiles{x.quantile(.5), x.quantile(.95), x.quantile(.99)}, err
}
