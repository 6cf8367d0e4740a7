package test

import (
	"context"
	"os/exec"
	"syscall"
	"testing"
	"time"

	"github.com/neurod/neurod/internal/testkit"
	"github.com/neurod/neurod/internal/testkit/neurod"
)

// serveAgent is a process of neurod agent serve with a sine board.
type serveAgent struct {
	cmd  *exec.Cmd
	log  *neurod.Log
	done chan error
}

// agentServe runs an agent with a sine board for the server behind a gate.
func (s *server) agentServe(t testing.TB, g *gate, spool, board string) *serveAgent {
	t.Helper()
	path, err := program()
	if err != nil {
		t.Fatal(err)
	}
	a := &serveAgent{log: new(neurod.Log), done: make(chan error, 1)}
	a.cmd = exec.CommandContext(context.Background(), path, "agent", "serve", "--name", "lab", "--spool", spool, "--batch", "200ms", "--device",
		`{"id":"`+board+`","name":"Board of the lab","driver":"synthetic","settings":{"pattern":"sine","channels":["C3","Cz","C4","Pz"]}}`)
	a.cmd.Env = append(a.cmd.Environ(), "NEUROD_SERVER=http://"+g.l.Addr().String(), "NEUROD_API_KEY="+s.key)
	a.cmd.Stdout, a.cmd.Stderr = a.log, a.log
	if err := a.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { a.done <- a.cmd.Wait() }()
	t.Cleanup(func() {
		a.end(t, syscall.SIGKILL)
		if t.Failed() {
			t.Logf("log of the agent:\n%s", tail(a.log.String(), 3000))
		}
	})
	return a
}

// end sends the agent a signal and waits until it has ended.
func (a *serveAgent) end(t testing.TB, sig syscall.Signal) {
	t.Helper()
	_ = a.cmd.Process.Signal(sig) // it may have ended
	select {
	case err := <-a.done:
		a.done <- err
	case <-time.After(patience):
		t.Fatal("the agent does not end")
	}
}

// stands waits until a device stands so.
func (s *server) stands(t testing.TB, id, status string) object {
	t.Helper()
	for began := time.Now(); ; time.Sleep(100 * time.Millisecond) {
		a := s.call(t, "GET", "/v2/devices/"+id, s.key, nil)
		if a.StatusCode == 200 && a.object(t)["status"] == status {
			return a.object(t)
		}
		if time.Since(began) > patience {
			t.Fatalf("the device does not become %s: %d %s", status, a.StatusCode, a.body)
		}
	}
}

// TestAnAgentRunsDevicesOfTheServer: a board on another machine is announced, started, checked and stopped over the server, and its stream outlives the
// agent and the server, which are killed in turn: one gap, where nobody read it, and none where only the server was away.
func TestAnAgentRunsDevicesOfTheServer(t *testing.T) {
	t.Parallel()
	testkit.Backends(t, func(t *testing.T, b testkit.Backend) {
		role := "api"
		if b.Embedded() {
			role = "serve"
		}
		s := start(t, role, b)
		s.signUp(t)
		spool := t.TempDir()
		g := newGate(t, s.addr)
		agent := s.agentServe(t, g, spool, "board")
		d := s.stands(t, "board", "ONLINE")
		if d["agent"] != "lab" || d["driver"] != "remote" || d["name"] != "Board of the lab" {
			t.Errorf("announced %v", d)
		}
		if a := s.call(t, "POST", "/v2/devices/board/stream/start", s.key, object{"sample_rate": 1e6}); a.StatusCode != 422 {
			t.Errorf("%d %s", a.StatusCode, a.body)
		}
		if report := s.json(t, 200, "POST", "/v2/devices/board/check", s.key, object{"seconds": 4}); len(report["channels"].([]any)) != 4 {
			t.Errorf("check %v", report)
		}
		stream := s.json(t, 200, "POST", "/v2/devices/board/stream/start", s.key, object{"sample_rate": 100})
		session := stream["session_id"].(string)
		s.reads(t, session, 100)
		if report := s.json(t, 200, "POST", "/v2/devices/board/check", s.key, object{"seconds": 4}); len(report["channels"].([]any)) != 4 {
			t.Errorf("check while it streams %v", report)
		}

		agent.end(t, syscall.SIGKILL)
		agent = s.agentServe(t, g, spool, "board")
		before := s.json(t, 200, "GET", "/v1/sessions/"+session+"/status", s.key, nil)["sample_count"].(float64)
		s.reads(t, session, before+200)

		s.process.Kill() // the spool takes what comes
		next := start(t, role, b)
		g.set(func() { g.target = next.addr })
		next.token, next.project, next.key = s.token, s.project, s.key
		next.reads(t, session, before+500)
		if end := next.json(t, 200, "POST", "/v2/devices/board/stream/stop", next.key, nil); end["status"] != "stopped" {
			t.Errorf("stopped %v", end)
		}
		samples, gaps := next.sineParts(t, session)
		if samples < 600 || len(gaps) != 1 {
			t.Errorf("%d samples, gaps of %v", samples, gaps)
		}
		if ses := next.json(t, 200, "GET", "/v1/sessions/"+session, next.key, nil); ses["ended_at"] == nil {
			t.Errorf("the session is %v", ses)
		}

		// A second stream of the same device, and an agent that is stopped well.
		second := next.json(t, 200, "POST", "/v2/devices/board/stream/start", next.key, object{"sample_rate": 100, "channels": []int{1, 2, 3, 4}})
		next.reads(t, second["session_id"].(string), 50)
		agent.end(t, syscall.SIGTERM)
		next.stands(t, "board", "OFFLINE")
		if a := next.call(t, "POST", "/v2/devices/board/stream/start", next.key, nil); a.StatusCode != 409 || a.code() != "DEVICE_BUSY" {
			t.Errorf("started while its agent is away: %d %s", a.StatusCode, a.body)
		}
		next.agentServe(t, g, spool, "board")
		next.stands(t, "board", "ONLINE")
		if end := next.json(t, 200, "POST", "/v2/devices/board/stream/stop", next.key, nil); end["status"] != "stopped" {
			t.Errorf("stopped %v", end)
		}
		if _, gaps := next.sineParts(t, second["session_id"].(string)); len(gaps) > 1 {
			t.Errorf("gaps of %v", gaps)
		}
	})
}
