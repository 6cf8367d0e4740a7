package autoscale

import (
	"context"
	"slices"
	"time"

	"github.com/neurod/neurod/models"
)

// Look reads what waits and runs.
func Look(ctx context.Context, s Loads, bulkKinds []string, now time.Time) (Sight, error) {
	interactive, bulk, err := readLoads(ctx, s, bulkKinds, now)
	return Sight{Interactive: loadOf(interactive), Bulk: loadOf(bulk)}, err
}

// See adds the processes that there are, as a supervisor on a host sees them that keeps some of them.
func (s *Sight) See(list []models.Process, me Keeper, host string) {
	s.Keepers, s.Running = []Keeper{me}, map[int]int{}
	for _, p := range list {
		if p.WorkersMax > 0 && !p.Draining && p.ID != me.ID {
			s.Keepers = append(s.Keepers, Keeper{p.ID, p.WorkersMin, p.WorkersMax})
		}
	}
	for _, p := range list {
		if p.Host == host {
			s.Running[p.Pid] = p.Running
		}
		if p.Slots == 0 || p.Draining {
			continue
		}
		s.Slots += p.Slots
		if p.Supervisor == me.ID {
			continue
		}
		s.Others++
		if !slices.ContainsFunc(s.Keepers, func(k Keeper) bool { return k.ID == p.Supervisor }) {
			s.Free++
		}
	}
}
