package test

import (
	"context"
	"encoding/json"
	"errors"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/neurod/neurod/internal/testkit"
)

// ran is how a command ended.
type ran struct {
	code        int
	out, errors string
}

// neurod runs a command of the program beside the server, with more in its environment, and returns how it ended.
func (s *server) neurod(t testing.TB, env []string, args ...string) ran {
	t.Helper()
	path, err := program()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.Env = environment(s.backend, env...)
	var out, errs strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &errs
	var exit *exec.ExitError
	if err := cmd.Run(); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return ran{cmd.ProcessState.ExitCode(), out.String(), errs.String()}
}

// says holds a command to a good end and to what it must print.
func (r ran) says(t testing.TB, what ...string) ran {
	t.Helper()
	if r.code != 0 {
		t.Fatalf("exit code %d: %s%s", r.code, r.out, r.errors)
	}
	for _, w := range what {
		if !strings.Contains(r.out, w) {
			t.Errorf("%q is not in:\n%s", w, r.out)
		}
	}
	return r
}

// refuses holds a command to a bad end, and to what it must say about it where nobody takes it for an answer.
func (r ran) refuses(t testing.TB, what string) {
	t.Helper()
	if r.code == 0 || r.out != "" && !strings.HasPrefix(r.out, "Usage:") || !strings.Contains(r.errors, what) {
		t.Errorf("exit code %d, printed %q and %q, want %q", r.code, r.out, r.errors, what)
	}
}

// TestOperatorsAtTheCommandLine: who has the database says who is an operator, and who is one does over the API what the pages do.
func TestOperatorsAtTheCommandLine(t *testing.T) {
	t.Parallel()
	testkit.Backends(t, func(t *testing.T, b testkit.Backend) {
		s := boot(t, b)
		const mail = "owner@example.com"
		as := []string{"NEUROD_URL=http://" + s.addr, "NEUROD_EMAIL=" + mail, "NEUROD_PASSWORD=correct horse battery"}
		admin := func(args ...string) ran { return s.neurod(t, as, append([]string{"admin"}, args...)...) }
		operators := func() (ids []string) {
			for line := range strings.Lines(s.neurod(t, nil, "operators", "list", "--json").says(t).out) {
				var o struct{ ID, Email string }
				if err := json.Unmarshal([]byte(line), &o); err != nil {
					t.Fatalf("%q: %v", line, err)
				}
				ids = append(ids, o.ID)
			}
			return ids
		}

		if slices.Contains(operators(), s.owner) {
			t.Error("who signed up is an operator")
		}
		admin("queues").refuses(t, "operator")
		admin("pause", "bulk").refuses(t, "operator")
		admin("scale").refuses(t, "operator")
		s.neurod(t, nil, "operators", "add", "nobody@example.com").refuses(t, "no account")
		s.neurod(t, nil, "operators", "add", mail).says(t, mail+" is an operator")
		if !slices.Contains(operators(), s.owner) {
			t.Error("the new operator is not listed")
		}
		s.neurod(t, nil, "operators", "list").says(t, "EMAIL", mail, s.owner)

		// Who they are is checked like everywhere.
		s.neurod(t, as[:2], "admin", "queues").refuses(t, "log in")
		s.neurod(t, as[:1], "admin", "queues").refuses(t, "--email")
		s.neurod(t, append(as[:2:2], "NEUROD_PASSWORD=wrong"), "admin", "queues").refuses(t, "log in")
		s.neurod(t, append(as[:1:1], "NEUROD_TOKEN="+s.key), "admin", "queues").refuses(t, "token")
		s.neurod(t, append(as[:1:1], "NEUROD_TOKEN="+s.token), "admin", "queues").says(t, "QUEUE", "interactive", "bulk")
		s.neurod(t, append([]string{"NEUROD_URL=http://127.0.0.1:1"}, as[1:]...), "admin", "queues").refuses(t, "refused")

		// Queues.
		admin("pause", "everything").refuses(t, "bulk")
		admin("pause", "interactive").says(t, "since ")
		var queues struct {
			Data []struct {
				Queue   string
				Pending int
				Paused  *struct{ By string }
			}
		}
		read := func() {
			t.Helper()
			if err := json.Unmarshal([]byte(admin("queues", "--json").says(t).out), &queues); err != nil || len(queues.Data) != 2 {
				t.Fatalf("%+v, %v", queues, err)
			}
		}
		if read(); queues.Data[0].Paused != nil || queues.Data[1].Paused == nil || queues.Data[1].Paused.By != s.owner {
			t.Errorf("%+v", queues.Data)
		}

		// Jobs: one is canceled where it waits, one fails and is made again.
		decode := func() string {
			return strings.TrimPrefix(s.json(t, 202, "POST", "/api/v1/neuro/decode", s.key, tooShort)["id"].(string), "req_pi_")
		}
		waits, fails := decode(), decode()
		if read(); queues.Data[1].Pending != 2 {
			t.Errorf("%+v", queues.Data)
		}
		admin("jobs", "--state", "queued").says(t, "ATTEMPTS", waits, fails)
		admin("job", waits).says(t, waits, s.project, "queued")
		admin("job", waits, "--do", "cancel").says(t, waits, "canceled")
		admin("job", waits, "--do", "retry").refuses(t, "")
		admin("resume", "interactive").says(t, "interactive")
		if got := s.await(t, fails)["status"]; got != "failed" {
			t.Errorf("the job is %v", got)
		}
		admin("jobs", "--state", "failed", "--error-code", "payload_too_short", "--project", s.project).says(t, fails)
		admin("job", fails).says(t, "attempt 1", "failed")
		var again struct{ ID string }
		if err := json.Unmarshal([]byte(admin("job", fails, "--do", "retry", "--json").says(t).out), &again); err != nil || again.ID == fails || again.ID == "" {
			t.Errorf("%+v, %v", again, err)
		}
		s.await(t, again.ID)
		admin("job", fails, "--do", "retry").refuses(t, "")
		admin("job", "0190f5fe-7c00-7a00-8000-000000000000").refuses(t, "")
		admin("jobs", "--state", "sideways").refuses(t, "state")
		if out := admin("jobs", "--dead").says(t).out; strings.Contains(out, fails) {
			t.Errorf("a job that failed by what it was given is a dead letter:\n%s", out)
		}

		// Processes.
		until(t, "the process says that it is there", func() bool { return strings.Contains(admin("workers").says(t).out, "alive") })
		var workers struct {
			Data []struct {
				Pid   int
				State string
			}
		}
		if err := json.Unmarshal([]byte(admin("workers", "--json").says(t).out), &workers); err != nil || len(workers.Data) == 0 || workers.Data[0].Pid != s.process.PID() {
			t.Errorf("%+v, %v", workers, err)
		}

		admin("scale").says(t, "wanted", "interactive", "bulk", "no events")

		s.neurod(t, nil, "operators", "remove", mail).says(t, mail+" is not an operator")
		if slices.Contains(operators(), s.owner) {
			t.Error("who is no operator any more is listed")
		}
		admin("queues").refuses(t, "operator")
	})
}

// tooShort is a decode that fails by what it is given.
var tooShort = object{"input": object{"type": "eeg", "paradigm": "motor_imagery", "device": "cyton", "sample_rate": 250, "channels": 8, "data": "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="}}

// TestFirstOperator: a server that has none makes the one that its settings name, with a password of theirs alone; and never another.
func TestFirstOperator(t *testing.T) {
	t.Parallel()
	b := production(t)
	enters := func(s *server, mail, password string) int {
		t.Helper()
		a := s.call(t, "POST", "/v1/auth/login", "", object{"email": mail, "password": password})
		if a.StatusCode != 200 {
			return a.StatusCode
		}
		return s.call(t, "GET", "/api/v1/admin/queues", a.object(t)["access_token"].(string), nil).StatusCode
	}
	const first, other, password = "first@example.com", "other@example.com", "a long enough password"

	// Without a password nobody is made, and who signs up under the address is nobody special.
	s := start(t, "api", b, "NEUROD_OPERATOR="+first)
	if !strings.Contains(s.log.String(), "NEUROD_OPERATOR_PASSWORD") {
		t.Errorf("the log does not say what is missing:\n%s", s.log)
	}
	if got := enters(s, first, password); got != 401 {
		t.Errorf("an account that nobody made: %d", got)
	}
	s.json(t, 201, "POST", "/v1/auth/signup", "", object{"email": other, "password": password})
	s.stop(t)

	// With one the account is made.
	s = start(t, "api", b, "NEUROD_OPERATOR="+first, "NEUROD_OPERATOR_PASSWORD="+password)
	if got := enters(s, first, password); got != 200 {
		t.Errorf("the first operator: %d", got)
	}
	if got := enters(s, other, password); got != 403 {
		t.Errorf("another account: %d", got)
	}
	if strings.Contains(s.log.String(), password) || strings.Contains(s.log.String(), first) {
		t.Errorf("the log names them:\n%s", s.log)
	}
	s.stop(t)

	// A server that has an operator makes no other, whatever the settings say later, and changes no password.
	s = start(t, "api", b, "NEUROD_OPERATOR="+other, "NEUROD_OPERATOR_PASSWORD=another long password")
	for _, who := range []struct {
		mail, password string
		want           int
	}{{first, password, 200}, {other, password, 403}, {other, "another long password", 401}} {
		if got := enters(s, who.mail, who.password); got != who.want {
			t.Errorf("%s with %q: %d, want %d", who.mail, who.password, got, who.want)
		}
	}
	s.stop(t)

	// Once there is none, an account that is there becomes one and keeps its password.
	s.command(t, "operators", "remove", first)
	s = start(t, "api", b, "NEUROD_OPERATOR="+other, "NEUROD_OPERATOR_PASSWORD=another long password")
	if got := enters(s, other, password); got != 200 {
		t.Errorf("an account that was there: %d", got)
	}
	if got := enters(s, first, password); got != 403 {
		t.Errorf("who was removed: %d", got)
	}
}
