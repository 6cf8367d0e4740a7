//go:build unix

package servers_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/redis/go-redis/v9"
	"go.uber.org/goleak"

	"github.com/neurod/neurod/internal/testkit/servers"
)

// envOwner makes the test binary act as a process that starts a server and is then killed.
const envOwner = "NEUROD_TEST_OWNER"

func TestMain(m *testing.M) {
	if os.Getenv(envOwner) != "" {
		own()
	}
	goleak.VerifyTestMain(m)
}

// own starts a Redis server, tells where it is, and waits to be killed.
func own() {
	r, err := servers.StartRedis(context.Background())
	if err != nil {
		fmt.Println("error", err)
		os.Exit(1)
	}
	fmt.Println(r.Addr(), r.PID())
	select {}
}

func TestRedisRestarts(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	r, err := servers.StartRedis(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	c := redis.NewClient(&redis.Options{Addr: r.Addr()})
	defer c.Close()
	if err := c.Set(ctx, "k", "v", 0).Err(); err != nil {
		t.Fatal(err)
	}
	addr := r.Addr()
	if err := r.Kill(); err != nil {
		t.Fatal(err)
	}
	if r.PID() != 0 {
		t.Error("killed server has a process id")
	}
	if err := r.Signal(syscall.SIGSTOP); err == nil {
		t.Error("signal to a killed server: no error")
	}
	if err := c.Ping(ctx).Err(); err == nil {
		t.Fatal("killed server answers")
	}
	if err := r.Start(ctx); err != nil {
		t.Fatal(err)
	}
	if r.Addr() != addr {
		t.Errorf("restarted on %s, was on %s", r.Addr(), addr)
	}
	if err := c.Get(ctx, "k").Err(); !errors.Is(err, redis.Nil) {
		t.Errorf("restarted server is not empty: %v", err)
	}
	if err := r.Signal(syscall.SIGSTOP); err != nil { // a frozen server can still be ended
		t.Fatal(err)
	}
	for range 2 {
		if err := r.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	}
}

func TestPostgresKeepsDataOverCrash(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	pg, err := servers.StartPostgres(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer pg.Close()
	exec := func(sql string) error {
		conn, err := pgx.Connect(ctx, pg.URL("one"))
		if err != nil {
			return err
		}
		defer conn.Close(ctx)
		_, err = conn.Exec(ctx, sql)
		return err
	}
	if pids := pg.PIDs(); runtime.GOOS == "linux" && (len(pids) < 2 || pids[0] != pg.PID()) {
		t.Errorf("process ids %v: want the postmaster's (%d) and its children's", pids, pg.PID())
	}
	if err := pg.CreateDatabase(ctx, "one", ""); err != nil {
		t.Fatal(err)
	}
	if err := exec("CREATE TABLE t (x int)"); err != nil {
		t.Fatal(err)
	}
	for name, end := range map[string]func() error{"kill": pg.Kill, "stop": pg.Stop} {
		if err := end(); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if err := exec("SELECT 1"); err == nil {
			t.Fatalf("%s: server answers", name)
		}
		if err := pg.Start(ctx); err != nil {
			t.Fatalf("start after %s: %v", name, err)
		}
		if err := exec("INSERT INTO t VALUES (1)"); err != nil {
			t.Fatalf("after %s: %v", name, err)
		}
	}
	if err := pg.DropDatabase(ctx, "one"); err != nil {
		t.Fatal(err)
	}
	if err := exec("SELECT 1"); err == nil {
		t.Fatal("dropped database answers")
	}
}

func TestGuardEndsServerOfKilledProcess(t *testing.T) {
	t.Parallel()
	tmp := t.TempDir()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), envOwner+"=1", "TMPDIR="+tmp)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	addr, _, _ := strings.Cut(strings.TrimSpace(line), " ")
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatalf("the owner said %q: %v", line, err)
	}
	conn.Close()
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // killed, by us

	deadline := time.After(time.Minute)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		entries, err := os.ReadDir(tmp)
		if err != nil {
			t.Fatal(err)
		}
		conn, dialErr := net.Dial("tcp", addr)
		if dialErr == nil {
			conn.Close()
		}
		if len(entries) == 0 && dialErr != nil {
			return
		}
		select {
		case <-deadline:
			t.Fatalf("a minute after its owner died: %d folders left, dial error %v", len(entries), dialErr)
		case <-tick.C:
		}
	}
}
