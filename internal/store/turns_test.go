package store_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/neurod/neurod/internal/store"
	"github.com/neurod/neurod/internal/testkit"
	"github.com/neurod/neurod/models"
)

// TestWaitingFindsTheOldestJobsOfEachProject: of jobs in any state, of both classes, paused or not, in any number of projects.
func TestWaitingFindsTheOldestJobsOfEachProject(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	testkit.Stores(t, func(t *testing.T, s *store.Store) {
		j := openJobs(t, s)
		bulk := []string{string(models.KindSessionImport)}
		rapid.Check(t, func(rt *rapid.T) {
			// What earlier rounds left must not be seen: everything that waits is finished first.
			for _, class := range []store.Class{{BulkKinds: bulk}, {Bulk: true, BulkKinds: bulk}} {
				for {
					left, _, err := j.Waiting(ctx, class, "", 100)
					if err != nil {
						rt.Fatal(err)
					}
					if len(left) == 0 {
						break
					}
					for _, w := range left {
						for _, id := range w.IDs {
							if _, _, err := j.Cancel(ctx, w.ProjectID, id); err != nil {
								rt.Fatal(err)
							}
						}
					}
				}
			}
			type want struct {
				running map[bool]int
				ids     map[bool][]string
			}
			wants := map[string]*want{}
			for range rapid.IntRange(1, 5).Draw(rt, "projects") {
				project := models.NewID()
				w := &want{map[bool]int{}, map[bool][]string{}}
				wants[project] = w
				for range rapid.IntRange(0, 6).Draw(rt, "jobs") {
					job := newJob(project)
					inBulk := rapid.Bool().Draw(rt, "bulk")
					if inBulk && rapid.Bool().Draw(rt, "item") {
						a := newBatch(project, 2)
						accept(rt, j, a)
						for _, item := range a.Jobs[1:] {
							w.ids[true] = append(w.ids[true], item.ID)
						}
						continue
					} else if inBulk {
						job.Kind = models.KindSessionImport
					}
					accept(rt, j, &store.Acceptance{Jobs: []models.Job{job}})
					switch rapid.IntRange(0, 3).Draw(rt, "fate") {
					case 0:
						w.ids[inBulk] = append(w.ids[inBulk], job.ID)
					case 1, 2: // runs, or is put back for later
						if c, err := j.Claim(ctx, job.ID, "w", time.Hour); err != nil || c == nil {
							rt.Fatal(c, err)
						}
						if rapid.Bool().Draw(rt, "put back") {
							pause := rapid.SampledFrom([]time.Duration{0, time.Hour}).Draw(rt, "pause")
							if _, ok, err := j.Release(ctx, "w", store.Attempt{ID: job.ID, Attempt: 1}, pause, ""); err != nil || !ok {
								rt.Fatal(ok, err)
							}
							if pause == 0 {
								w.ids[inBulk] = append(w.ids[inBulk], job.ID)
							}
						} else {
							w.running[inBulk]++
						}
					case 3:
						if _, _, err := j.Cancel(ctx, project, job.ID); err != nil {
							rt.Fatal(err)
						}
					}
				}
			}
			each := rapid.IntRange(1, 4).Draw(rt, "each")
			for _, inBulk := range []bool{false, true} {
				got, next, err := j.Waiting(ctx, store.Class{Bulk: inBulk, BulkKinds: bulk}, "", each)
				if err != nil || next != "" {
					rt.Fatal(next, err)
				}
				seen := 0
				for project, w := range wants {
					ids := slices.Sorted(slices.Values(w.ids[inBulk]))
					ids = ids[:min(each, len(ids))]
					i := slices.IndexFunc(got, func(g store.Waiting) bool { return g.ProjectID == project })
					if len(ids) == 0 {
						if i >= 0 {
							rt.Errorf("bulk %v: found %+v where nothing waits", inBulk, got[i])
						}
						continue
					}
					if i < 0 {
						rt.Errorf("bulk %v: %s was not found", inBulk, project)
						continue
					}
					seen++
					if g := got[i]; !slices.Equal(g.IDs, ids) || g.Running != w.running[inBulk] || g.Share != 1 {
						rt.Errorf("bulk %v: %+v, want %v and %d running", inBulk, g, ids, w.running[inBulk])
					}
				}
				if seen != len(got) || !slices.IsSortedFunc(got, func(a, b store.Waiting) int { return strings.Compare(a.ProjectID, b.ProjectID) }) {
					rt.Errorf("bulk %v: %d projects, %d are ours", inBulk, len(got), seen)
				}
			}
		})
	})
}

// TestAClaimTellsWhetherOthersWait: jobs of other projects that are not items, and nothing else.
func TestAClaimTellsWhetherOthersWait(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	testkit.Stores(t, func(t *testing.T, s *store.Store) {
		j := openJobs(t, s)
		mine, other := models.NewID(), models.NewID()
		claim := func(want bool) {
			t.Helper()
			job := newJob(mine)
			accept(t, j, &store.Acceptance{Jobs: []models.Job{job, newJob(mine)}[:1]})
			if c, err := j.Claim(ctx, job.ID, "w", time.Minute); err != nil || c == nil || c.Others != want {
				t.Errorf("%+v, %v; want %v", c, err, want)
			}
		}
		claim(false)
		accept(t, j, &store.Acceptance{Jobs: []models.Job{newJob(mine)}})
		claim(false)
		accept(t, j, newBatch(other, 3))
		claim(false)
		job := newJob(other)
		accept(t, j, &store.Acceptance{Jobs: []models.Job{job}})
		claim(true)
		if _, err := j.Claim(ctx, job.ID, "w", time.Minute); err != nil {
			t.Fatal(err)
		}
		claim(false)
	})
}
