//go:build unix

package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"github.com/neurod/neurod/internal/testkit/neurod"
	"github.com/neurod/neurod/internal/testkit/servers"
)

// Limits of the comparison with the peer: how many times its decodes a second at so many clients, and how many times faster for one.
const (
	peerManyTimes = 6
	peerOneTimes  = 2
)

// peer is the service that a user would build instead, of a folder with app.py: FastAPI takes a request, Celery on Redis does it with MNE and
// scikit-learn, and nothing is kept durably. It answers the decode document's two calls.
type peer struct {
	client *neurod.Client
	redis  *servers.Redis
	procs  []*exec.Cmd
}

// errPeerPackages says that the packages of the peer are not to be had here.
var errPeerPackages = errors.New("the peer's packages")

// startPeer starts the peer with as many Celery workers as there are processors, each on one thread.
func startPeer(ctx context.Context, folder string) (_ *peer, err error) {
	script, err := filepath.Abs("tools/bench/peer.sh")
	if err != nil {
		return nil, err
	}
	p := &peer{}
	defer func() {
		if err != nil {
			p.close()
		}
	}()
	if p.redis, err = servers.StartRedis(ctx); err != nil {
		return nil, err
	}
	port, err := neurod.FreePort()
	if err != nil {
		return nil, err
	}
	// The environment is built first, by whichever needs it: not by both at once.
	if out, err := exec.CommandContext(ctx, script, "python", "-c", "import celery, fastapi, mne, sklearn, uvicorn").CombinedOutput(); err != nil {
		return nil, fmt.Errorf("%w: %w\n%s", errPeerPackages, err, out)
	}
	for _, args := range [][]string{
		{"uvicorn", "app:api", "--host", "127.0.0.1", "--port", fmt.Sprint(port), "--log-level", "error"},
		{"celery", "-A", "app.celery", "worker", "-c", "2", "--loglevel", "ERROR"},
	} {
		cmd := exec.Command(script, args...)
		cmd.Dir = folder
		cmd.Env = append(os.Environ(), "PEER_REDIS=redis://"+p.redis.Addr()+"/0", "OMP_NUM_THREADS=1", "OPENBLAS_NUM_THREADS=1")
		cmd.Stderr = os.Stderr
		cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // Celery's workers end with it
		if err := cmd.Start(); err != nil {
			return nil, err
		}
		p.procs = append(p.procs, cmd)
	}
	p.client = &neurod.Client{Base: fmt.Sprintf("http://127.0.0.1:%d", port), HTTP: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 512}}}
	// Its first answer says that both run: MNE takes seconds to load.
	body := requestBody(1)
	deadline := time.Now().Add(2 * time.Minute)
	for {
		if err = decodeOnce(ctx, p.client, body); err == nil {
			return p, nil
		}
		if time.Now().After(deadline) || ctx.Err() != nil {
			return nil, fmt.Errorf("the peer does not answer: %w", err)
		}
		time.Sleep(200 * time.Millisecond)
	}
}

func (p *peer) close() {
	for _, cmd := range p.procs {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) // it keeps nothing
		_ = cmd.Wait()
	}
	if p.redis != nil {
		_ = p.redis.Close() // it ends with this process, too
	}
}

// benchPeer has neurod, on both pairs of stores, and the peer take turns at the same load.
func benchPeer(ctx context.Context, opt options) error {
	if _, err := os.Stat(filepath.Join(opt.peer, "app.py")); err != nil {
		if opt.peerGiven {
			return err
		}
		return nil // there is nothing to compare with
	}
	fmt.Printf("\n## Beside the service that a user would build instead (%s: FastAPI, Celery, MNE), 8 channels × 4 s motor imagery\n", opt.peer)
	return onStage(ctx, opt, func(ctx context.Context, opt options, st *stage) error {
		return onEmbedded(ctx, opt, func(ctx context.Context, opt options, _ *deployment, emb *neurod.Client) error {
			p, err := startPeer(ctx, opt.peer)
			if errors.Is(err, errPeerPackages) && !opt.peerGiven {
				fmt.Println("left out:", err)
				return nil
			}
			if err != nil {
				return err
			}
			defer p.close()
			return besidePeer(ctx, opt, []side{{name: "neurod, PostgreSQL+Redis", client: st.client}, {name: "neurod, embedded", client: emb}, {name: "FastAPI+Celery+MNE", client: p.client}})
		})
	})
}

// side is one of those that take turns.
type side struct {
	name   string
	client *neurod.Client
	rate   map[int][]float64 // decodes/s by clients
	p50    map[int][]float64 // ms
}

func besidePeer(ctx context.Context, opt options, sides []side) error {
	counts := []int{1, opt.clients}
	for i := range sides {
		sides[i].rate, sides[i].p50 = map[int][]float64{}, map[int][]float64{}
		if _, _, err := closedLoop(ctx, sides[i].client, 4, 3*time.Second); err != nil { // warm
			return fmt.Errorf("%s: %w", sides[i].name, err)
		}
	}
	for round := range opt.rounds {
		for _, n := range counts {
			for i := range sides {
				s := &sides[i]
				rate, lat, err := closedLoop(ctx, s.client, n, min(opt.load, 6*time.Second))
				if err != nil {
					return fmt.Errorf("%s: %w", s.name, err)
				}
				p50 := percentile(lat, .5)
				s.rate[n], s.p50[n] = append(s.rate[n], rate), append(s.p50[n], float64(p50.Microseconds())/1000)
				fmt.Printf("round %d, %2d clients: %-24s %6.0f decodes/s, p50 %s ms, p99 %s ms\n", round+1, n, s.name, rate, ms(p50), ms(percentile(lat, .99)))
			}
		}
	}
	last := sides[len(sides)-1]
	for _, s := range sides[:len(sides)-1] {
		many := median(s.rate[opt.clients]) / median(last.rate[opt.clients])
		one := median(last.p50[1]) / median(s.p50[1])
		fmt.Printf("%s: %.1f times the decodes of the peer at %d clients (limit %d: %s), %.1f times faster for one (limit %d: %s)\n", s.name,
			many, opt.clients, peerManyTimes, verdict(many >= peerManyTimes), one, peerOneTimes, verdict(one >= peerOneTimes))
	}
	return nil
}
