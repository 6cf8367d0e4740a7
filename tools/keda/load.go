//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/neurod/neurod/internal/testkit/decodeload"
	"github.com/neurod/neurod/internal/testkit/neurod"
	"github.com/neurod/neurod/internal/testkit/servers"
	"github.com/neurod/neurod/internal/testkit/slowlink"
)

// How long the parts of a run take. A worker that is there at the beginning goes when nothing has waited for 5 min (the law of docs/22-scale.md) and KEDA's
// cooldown is over.
const (
	toZero  = 9 * time.Minute  // at most, from the last job to none
	silence = 20 * time.Second // for which none must come back
	burst   = 75 * time.Second
)

// sighting is what was there at a time.
type sighting struct {
	at       time.Duration
	phase    string
	replicas int // that the Deployment asks for
	workers  count
	Need     int     `json:"need"`
	Wanted   int     `json:"wanted"`
	Backlog  int     `json:"backlog"`
	Oldest   float64 `json:"oldest_age_seconds"`
}

// stage is the installed service under load.
type stage struct {
	opt    options
	k      *cluster
	node   *node
	client *neurod.Client
	pool   *pgxpool.Pool
	tally  decodeload.Tally
	begin  time.Time
	phase  atomic.Value

	mu   sync.Mutex
	seen []sighting
}

// run starts the cluster and the service in it, loads it, and prints what came of that; an error where something does not hold.
func run(ctx context.Context, opt options) error {
	ctx, fail := context.WithCancelCause(ctx)
	defer fail(nil)
	pg, err := servers.StartPostgres(ctx)
	if err != nil {
		return err
	}
	defer pg.Close()
	rd, err := servers.StartRedis(ctx)
	if err != nil {
		return err
	}
	defer rd.Close()
	far, err := slowlink.Start(pg.Addr(), opt.delay)
	if err != nil {
		return err
	}
	defer far.Close()

	start := time.Now()
	k, err := startCluster(ctx, opt, fail)
	if err != nil {
		return errors.Join(err, context.Cause(ctx))
	}
	defer k.close()
	var background sync.WaitGroup
	defer func() { // before the API server goes
		fail(nil)
		background.Wait()
	}()
	node, err := newNode(ctx, k, namespace, "neurod/neurod", filepath.Join(opt.scratch, "neurod"))
	if err != nil {
		return err
	}
	network := &network{k: k}
	background.Go(func() { network.run(ctx) })
	background.Go(func() { node.run(ctx) })
	if err := k.installKEDA(ctx); err != nil {
		return errors.Join(fmt.Errorf("install KEDA: %w", err), context.Cause(ctx))
	}
	fmt.Printf("Kubernetes %s and KEDA %s are there after %v\n", k.version, filepath.Base(opt.kedaDir), time.Since(start).Round(time.Second))

	for _, o := range []object{
		{"apiVersion": "v1", "kind": "Namespace", "metadata": object{"name": namespace}},
		{"apiVersion": "v1", "kind": "Secret", "metadata": object{"name": "neurod"}, "stringData": object{"NEUROD_JWT_SECRET": jwtSecret, "NEUROD_METRICS_TOKEN": metricsToken,
			"REDIS_URL": "redis://" + rd.Addr() + "/0", "DATABASE_URL": strings.Replace(pg.DSN(), pg.Addr(), far.Addr().String(), 1)}},
	} {
		if err := k.applyIn(ctx, o, namespace); err != nil {
			return err
		}
	}
	manifest, err := os.ReadFile(opt.manifest)
	if err != nil {
		return err
	}
	if err := k.install(ctx, manifest); err != nil {
		return errors.Join(fmt.Errorf("install the chart: %w", err), context.Cause(ctx), k.diagnose())
	}
	s := &stage{opt: opt, k: k, node: node, begin: time.Now()}
	if s.pool, err = pgxpool.New(ctx, pg.DSN()); err != nil {
		return err
	}
	defer s.pool.Close()
	if err := s.play(ctx, &background); err != nil {
		return errors.Join(err, context.Cause(ctx), k.diagnose())
	}
	return nil
}

// diagnose returns the last that KEDA and the controllers had to say.
func (k *cluster) diagnose() error {
	var said []error
	for _, name := range []string{"keda-operator", "keda-adapter", "kube-controller-manager"} {
		said = append(said, fmt.Errorf("%s:\n%s", name, tail(filepath.Join(k.logs, name+".log"))))
	}
	return errors.Join(said...)
}

// play goes through the phases and reports.
func (s *stage) play(ctx context.Context, background *sync.WaitGroup) (err error) {
	const replicas = 2 // of the API, by the chart
	if err := await(ctx, "the API is ready", 2*time.Minute, func() error {
		if c := s.node.count("api"); c.ready != replicas {
			return fmt.Errorf("%d pods of the API are ready", c.ready)
		}
		return nil
	}); err != nil {
		return err
	}
	base := "http://" + net.JoinHostPort(fullname+"."+namespace+".svc", "80")
	if err := await(ctx, "the Service leads to the API", time.Minute, func() error {
		res, err := http.Get(base + "/readyz")
		if err == nil {
			res.Body.Close()
		}
		return err
	}); err != nil {
		return err
	}
	if s.client, err = neurod.SignUp(ctx, base, "keda@example.com", "correct horse battery"); err != nil {
		return err
	}
	s.client.HTTP = &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}}
	fmt.Printf("\n## %d to %d workers of one slot by KEDA, their database %v away each way; %.0f decodes/s for %v\n\n", 0, s.opt.most, s.opt.delay, s.opt.rate, burst)
	fmt.Println("   s  phase     need wanted replicas ready going backlog oldest s")
	s.phase.Store("installed")
	background.Go(func() { s.watch(ctx) })

	if err := s.zero(ctx, toZero); err != nil {
		return err
	}
	idle := time.Since(s.begin)
	s.phase.Store("silence")
	for quiet := time.Now(); time.Since(quiet) < silence; time.Sleep(200 * time.Millisecond) {
		if c := s.node.count("worker"); c.pods+c.going > 0 {
			return errors.New("a worker came although nothing waits")
		}
	}

	s.phase.Store("first")
	rng := rand.New(rand.NewPCG(s.opt.seed, 3))
	asked := time.Now()
	id := s.tally.Submit(ctx, s.client, decodeload.Body(rng))
	if id == "" {
		_, err := s.tally.Refused()
		return fmt.Errorf("the first decode is refused: %w", err)
	}
	j, err := s.client.Wait(ctx, id, time.Minute, false)
	if err != nil {
		return err
	}
	if j.Status != "completed" {
		return fmt.Errorf("the first decode is %s", j.Status)
	}
	woken := time.Since(asked)

	s.phase.Store("burst")
	var calls sync.WaitGroup
	from := time.Now()
	for time.Since(from) < burst && ctx.Err() == nil {
		time.Sleep(time.Duration(rng.ExpFloat64() / s.opt.rate * float64(time.Second)))
		b := decodeload.Body(rng)
		calls.Go(func() { s.tally.Submit(ctx, s.client, b) })
	}
	calls.Wait()
	end := time.Now()
	s.phase.Store("silence")
	outcome, err := s.tally.Audit(ctx, s.pool, 3*time.Minute)
	if err != nil {
		return err
	}
	if err := s.zero(ctx, toZero); err != nil {
		return err
	}
	gone := time.Now()
	return errors.Join(s.report(outcome, idle, woken, asked, from, end, gone), s.scaled(ctx))
}

// scaled prints what KEDA says of the ScaledObject; an error where that is not ready.
func (s *stage) scaled(ctx context.Context) error {
	var o struct {
		Status struct {
			Conditions []struct{ Type, Status, Reason string }
		}
	}
	if err := s.k.get(ctx, "/apis/keda.sh/v1alpha1/namespaces/"+namespace+"/scaledobjects/"+worker, &o); err != nil {
		return err
	}
	ready := false
	fmt.Print("the ScaledObject is")
	for _, c := range o.Status.Conditions {
		fmt.Printf(" %s: %s (%s)", c.Type, c.Status, c.Reason)
		ready = ready || c.Type == "Ready" && c.Status == "True"
	}
	fmt.Println()
	if !ready {
		return errors.New("the ScaledObject is not ready")
	}
	return nil
}

// zero waits until there is no worker.
func (s *stage) zero(ctx context.Context, atMost time.Duration) error {
	return await(ctx, "no worker is left", atMost, func() error {
		if c := s.node.count("worker"); c.pods+c.going > 0 {
			return fmt.Errorf("%d pods of workers, %d going", c.pods, c.going)
		}
		return nil
	})
}

// watch notes each 2 s what there is, and prints it where it has changed.
func (s *stage) watch(ctx context.Context) {
	for tick := time.NewTicker(2 * time.Second); ; {
		x := sighting{at: time.Since(s.begin), phase: s.phase.Load().(string), workers: s.node.count("worker")}
		var d struct{ Spec struct{ Replicas int } }
		err := errors.Join(s.client.Do(ctx, http.MethodGet, "/metrics/scale", metricsToken, nil, nil, &x), s.k.get(ctx, "/apis/apps/v1/namespaces/"+namespace+"/deployments/"+worker, &d))
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			fmt.Fprintln(os.Stderr, "keda: look:", err)
		default:
			x.replicas = d.Spec.Replicas
			s.note(x)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

func (s *stage) note(x sighting) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.seen) > 0 {
		last := s.seen[len(s.seen)-1]
		if last.phase == x.phase && last.replicas == x.replicas && last.workers == x.workers && last.Wanted == x.Wanted && last.Need == x.Need {
			return
		}
	}
	s.seen = append(s.seen, x)
	fmt.Printf("%4.0f  %-9s %4d %6d %8d %5d %5d %7d %8.1f  %s\n", x.at.Seconds(), x.phase, x.Need, x.Wanted, x.replicas, x.workers.ready, x.workers.going, x.Backlog, x.Oldest,
		strings.Repeat("█", x.workers.ready)+strings.Repeat("░", x.workers.pods-x.workers.ready)+strings.Repeat("·", max(0, min(x.Wanted, s.opt.most)-x.workers.pods)))
}

// report prints what a run has shown, and returns what does not hold of it.
func (s *stage) report(o decodeload.Outcome, idle, woken time.Duration, asked, from, end, zero time.Time) error {
	pods := s.node.past("worker")
	most, killed, restarts := 0, 0, 0
	var first, several time.Duration
	for _, p := range pods {
		if p.killed {
			killed++
		}
		restarts += p.restarts
		if p.readyAt.IsZero() {
			continue
		}
		if first == 0 && p.readyAt.After(asked) {
			first = p.readyAt.Sub(asked)
		}
		there := 0
		for _, q := range pods { // that were there when this one became ready
			if !q.readyAt.IsZero() && !q.readyAt.After(p.readyAt) && (q.goneAt.IsZero() || q.goneAt.After(p.readyAt)) {
				there++
			}
		}
		if there > most {
			most = there
			several = p.readyAt.Sub(from)
		}
	}
	fmt.Printf("\n%d decodes accepted, %d refused: %d lost, %d doubled, %d begun again; waiting p50 %.0f ms, p99 %.1f s, the longest %.1f s\n", o.Accepted, o.Refused, o.Lost, o.Doubled, o.Again,
		1e3*o.Quantile(.5).Seconds(), o.Quantile(.99).Seconds(), o.Quantile(1).Seconds())
	fmt.Printf("none %.0f s after the installation; from none, the first worker was ready %.1f s after the first decode, which was answered after %.1f s\n", idle.Seconds(), first.Seconds(), woken.Seconds())
	fmt.Printf("%d workers were ready %.0f s after the burst had begun; none was left %.0f s after it had ended\n", most, several.Seconds(), zero.Sub(end).Seconds())
	fmt.Printf("%d pods of workers, %d killed, %d started again\n", len(pods), killed, restarts)
	var wrong []error
	hold := func(holds bool, form string, args ...any) {
		if !holds {
			wrong = append(wrong, fmt.Errorf(form, args...))
		}
	}
	hold(o.Whole() && o.Refused == 0, "%d decodes lost, %d doubled, %d unfinished, %d refused", o.Lost, o.Doubled, o.Unfinished, o.Refused)
	hold(killed+restarts == 0, "%d pods were killed, %d started again", killed, restarts)
	hold(most >= min(3, s.opt.most), "only %d workers came in the burst", most)
	hold(most <= s.opt.most, "%d workers, at most %d were allowed", most, s.opt.most)
	s.node.mu.Lock()
	defer s.node.mu.Unlock()
	return errors.Join(append(wrong, s.node.faults...)...)
}
