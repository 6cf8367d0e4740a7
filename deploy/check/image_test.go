package check

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
)

// TestImage runs the steps of the Dockerfile, as BuildKit's own parser reads them, where there is no container engine and no registry: each
// stage in a root of its own by chroot. The roots of builders are Debian's, made by debootstrap, with this machine's Go and Node; that of the
// last stage has what distroless/static has, and no more. The program then runs as the image says: without root, without
// privileges, on a file system that it cannot write to.
func TestImage(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("*** SKIPPED: chroot needs root ***")
	}
	debian := debianRoot(t)
	f, err := os.Open("../Dockerfile")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	parsed, err := parser.Parse(f)
	if err != nil {
		t.Fatal(err)
	}
	stages, meta, err := instructions.Parse(parsed.AST, nil)
	if err != nil {
		t.Fatal(err)
	}
	global := map[string]string{"BUILDPLATFORM": "linux/amd64"}
	for _, m := range meta {
		for _, a := range m.Args {
			global[a.Key] = a.ValueString()
		}
	}
	done := map[string]*stage{}
	var last *stage
	for _, s := range stages {
		base := expand(s.BaseName, global)
		last = &stage{t: t, root: filepath.Join(t.TempDir(), "root"), env: map[string]string{"PATH": "/usr/local/go/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root"}, args: map[string]string{}, dir: "/", stages: done}
		switch {
		case strings.HasPrefix(base, "golang:"), strings.HasPrefix(base, "node:"):
			last.run("cp", "-a", "--reflink=auto", debian, last.root)
			last.machine = true
		case strings.Contains(base, "distroless/static"):
			last.distroless(debian)
		default:
			t.Fatalf("no root stands for %s", base)
		}
		for _, c := range s.Commands {
			last.do(c)
		}
		done[s.Name] = last
	}
	last.holds()
	last.serves()
}

// debianRoot makes a root of Debian, once for all runs on this machine.
func debianRoot(t *testing.T) string {
	t.Helper()
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	root := filepath.Join(cache, "neurod-check", "bookworm")
	if _, err := os.Stat(root); err == nil {
		return root
	}
	making := root + ".making"
	if err := os.RemoveAll(making); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(making, 0o755); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.CommandContext(t.Context(), "debootstrap", "--variant=minbase", "--include=ca-certificates", "bookworm", making).CombinedOutput(); err != nil {
		t.Fatalf("%v (apt-get install debootstrap)\n%s", err, out[max(0, len(out)-2000):])
	}
	if err := os.Rename(making, root); err != nil {
		t.Fatal(err)
	}
	return root
}

// stage is a stage of the Dockerfile as it is built.
type stage struct {
	t       *testing.T
	root    string
	env     map[string]string
	args    map[string]string
	dir     string
	user    string
	entry   []string
	cmd     []string
	health  []string
	volumes []string
	machine bool // has this machine's Go and Node
	stages  map[string]*stage
}

func expand(s string, vars ...map[string]string) string {
	return os.Expand(s, func(name string) string {
		for _, v := range vars {
			if value, ok := v[name]; ok {
				return value
			}
		}
		return ""
	})
}

// do carries out an instruction; one that it does not know fails the test.
func (s *stage) do(c instructions.Command) {
	s.t.Helper()
	switch c := c.(type) {
	case *instructions.ArgCommand:
		for _, a := range c.Args {
			if strings.HasPrefix(a.Key, "TARGET") && a.Value != nil {
				s.t.Errorf("ARG %s has a default, which goes before the platform that is built for", a.Key)
			}
			s.args[a.Key] = a.ValueString()
		}
	case *instructions.EnvCommand:
		for _, e := range c.Env {
			s.env[e.Key] = expand(e.Value, s.args, s.env)
		}
	case *instructions.WorkdirCommand:
		s.dir = filepath.Join(s.dir, c.Path)
		s.must(os.MkdirAll(filepath.Join(s.root, s.dir), 0o755))
	case *instructions.CopyCommand:
		s.copy(c)
	case *instructions.RunCommand:
		if !c.PrependShell {
			s.t.Fatalf("RUN in another form than that of the shell: %v", c.CmdLine)
		}
		began := time.Now()
		s.chroot(strings.Join(c.CmdLine, " "))
		s.t.Logf("RUN %s: %v", c.CmdLine[0][:min(60, len(c.CmdLine[0]))], time.Since(began).Round(time.Second))
	case *instructions.UserCommand:
		s.user = c.User
	case *instructions.EntrypointCommand:
		s.entry = c.CmdLine
	case *instructions.CmdCommand:
		s.cmd = c.CmdLine
	case *instructions.HealthCheckCommand:
		s.health = c.Health.Test[1:]
	case *instructions.VolumeCommand:
		s.volumes = c.Volumes
	case *instructions.LabelCommand, *instructions.ExposeCommand:
	default:
		s.t.Fatalf("an instruction that this test does not run: %v", c)
	}
}

func (s *stage) copy(c *instructions.CopyCommand) {
	s.t.Helper()
	from, _ := filepath.Abs("../..")
	if c.From != "" {
		from = s.stages[c.From].root
	}
	for _, path := range c.SourcePaths {
		to := c.DestPath
		if !filepath.IsAbs(to) {
			to = filepath.Join(s.dir, to) + "/"
		}
		to = s.root + to
		s.must(os.MkdirAll(filepath.Dir(to), 0o755))
		switch {
		case path == ".": // what .dockerignore leaves of the tree, which is what git knows and what is new
			tree := exec.CommandContext(s.t.Context(), "bash", "-c", `git ls-files -z --cached --others --exclude-standard -- . ':!deploy' | tar --create --null --files-from=- --ignore-failed-read 2>/dev/null | tar --extract --directory="$1"`, "copy", to)
			tree.Dir = from
			s.out(tree)
		default:
			if info, err := os.Stat(filepath.Join(from, path)); err == nil && info.IsDir() {
				s.must(os.MkdirAll(to, 0o755))
				path += "/."
			}
			s.run("cp", "-a", filepath.Join(from, filepath.Dir(path))+"/"+filepath.Base(path), to)
		}
		if c.Chown != "" {
			s.run("chown", "-R", c.Chown, to)
		}
	}
}

// distroless makes the root of distroless/static: certificates, time zones, users, and a folder for what is temporary.
func (s *stage) distroless(debian string) {
	for _, dir := range []string{"etc/ssl/certs", "home/nonroot", "root", "usr/share", "var/lib", "proc", "dev"} {
		s.must(os.MkdirAll(filepath.Join(s.root, dir), 0o755))
	}
	s.must(os.Mkdir(filepath.Join(s.root, "tmp"), 0o777|os.ModeSticky))
	s.must(os.WriteFile(filepath.Join(s.root, "etc/passwd"), []byte("root:x:0:0:root:/root:/sbin/nologin\nnobody:x:65534:65534:nobody:/nonexistent:/sbin/nologin\nnonroot:x:65532:65532:nonroot:/home/nonroot:/sbin/nologin\n"), 0o644))
	s.must(os.WriteFile(filepath.Join(s.root, "etc/group"), []byte("root:x:0:\nnobody:x:65534:\nnonroot:x:65532:\n"), 0o644))
	s.run("cp", filepath.Join(debian, "etc/ssl/certs/ca-certificates.crt"), filepath.Join(s.root, "etc/ssl/certs/"))
}

// chroot runs a command in the root, in a mount namespace of its own.
func (s *stage) chroot(command string) {
	s.t.Helper()
	modules, cache := goEnv(s.t, "GOMODCACHE"), goEnv(s.t, "GOCACHE")
	script := `set -e
mount --make-rprivate /
bind() { mkdir -p "$2"; mount --bind "$1" "$2"; }
mount -t proc proc "$ROOT/proc"; mount --bind /dev "$ROOT/dev"
cp /etc/resolv.conf "$ROOT/etc/resolv.conf"; cp /etc/ssl/certs/ca-certificates.crt "$ROOT/etc/ssl/certs/ca-certificates.crt"
bind "$GOROOT_HERE" "$ROOT/usr/local/go"; bind "$MODULES" "$ROOT/go/pkg/mod"; bind "$CACHE" "$ROOT/root/.cache/go-build"
if node=$(command -v node); then
	touch "$ROOT/usr/bin/node"; mount --bind "$(readlink -f "$node")" "$ROOT/usr/bin/node"
	bind "$(dirname "$(dirname "$(dirname "$(readlink -f "$(command -v npm)")")")")" "$ROOT/usr/lib/node_modules"
	ln -sf ../lib/node_modules/npm/bin/npm-cli.js "$ROOT/usr/bin/npm"; ln -sf ../lib/node_modules/npm/bin/npx-cli.js "$ROOT/usr/bin/npx"
fi
exec chroot "$ROOT" /bin/sh -c "$COMMAND"`
	cmd := exec.CommandContext(s.t.Context(), "unshare", "--mount", "bash", "-c", script)
	cmd.Env = []string{"ROOT=" + s.root, "GOROOT_HERE=" + goEnv(s.t, "GOROOT"), "MODULES=" + modules, "CACHE=" + cache, "COMMAND=cd " + s.dir + " && " + command,
		"GOPATH=/go", "GOTOOLCHAIN=local", "NODE_EXTRA_CA_CERTS=/etc/ssl/certs/ca-certificates.crt", "GOPROXY=" + goEnv(s.t, "GOPROXY")}
	for k, v := range s.args { // an ENV goes before an ARG
		cmd.Env = append(cmd.Env, k+"="+v)
	}
	for k, v := range s.env {
		cmd.Env = append(cmd.Env, k+"="+v)
	}
	s.out(cmd)
}

func goEnv(t *testing.T, name string) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "go", "env", name).Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(out))
}

func (s *stage) run(name string, args ...string) {
	s.t.Helper()
	s.out(exec.CommandContext(s.t.Context(), name, args...))
}

func (s *stage) out(cmd *exec.Cmd) {
	s.t.Helper()
	if out, err := cmd.CombinedOutput(); err != nil {
		s.t.Fatalf("%v: %v\n%s", cmd.Args, err, out[max(0, len(out)-4000):])
	}
}

func (s *stage) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

// holds checks what is in the image: the program and what it is made of, no shell, nothing of the builders.
func (s *stage) holds() {
	for _, shell := range []string{"bin/sh", "usr/bin/env", "usr/local/go"} {
		if _, err := os.Stat(filepath.Join(s.root, shell)); err == nil {
			s.t.Errorf("the image has %s", shell)
		}
	}
	sbom, err := os.ReadFile(filepath.Join(s.root, "usr/share/sbom/neurod.cdx.json"))
	if err != nil || !bytes.Contains(sbom, []byte("pkg:golang/github.com/hibiken/asynq@")) {
		s.t.Errorf("the bill of materials: %v, %d bytes", err, len(sbom))
	}
	if s.user != "65532:65532" {
		s.t.Errorf("the image runs as %q", s.user)
	}
}

// command is a process in the image: the root is read-only but for its volumes, and nothing gives privileges.
func (s *stage) command(ctx context.Context, args []string, env ...string) *exec.Cmd {
	script := `set -e
mount --make-rprivate /
mount --bind "$ROOT" "$ROOT"; mount -o remount,bind,ro "$ROOT"
for v in $VOLUMES; do mount --bind "$KEPT$v" "$ROOT$v"; done
mount -t tmpfs -o mode=1777 tmpfs "$ROOT/tmp"; mount -t proc proc "$ROOT/proc"
exec setpriv --no-new-privs --bounding-set=-all,+sys_chroot,+setuid,+setgid chroot --userspec="$WHO" "$ROOT" "$@"`
	cmd := exec.CommandContext(ctx, "unshare", append([]string{"--mount", "bash", "-c", script, "run"}, args...)...)
	cmd.Env = append([]string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "ROOT=" + s.root, "WHO=" + s.user, "VOLUMES=" + strings.Join(s.volumes, " "), "KEPT=" + s.root + "-kept"}, env...)
	for k, v := range s.env {
		if k != "PATH" {
			cmd.Env = append(cmd.Env, k+"="+v)
		}
	}
	cmd.Env = append(cmd.Env, env...)
	return cmd
}

// serves starts the image, asks it by its own health check, and stops it.
func (s *stage) serves() {
	t := s.t
	for _, v := range s.volumes { // a volume begins as what the image has there
		s.must(os.MkdirAll(filepath.Dir(s.root+"-kept"+v), 0o755))
		s.run("cp", "-a", s.root+v, s.root+"-kept"+v)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	s.must(err)
	addr := l.Addr().String()
	s.must(l.Close())
	version, err := s.command(t.Context(), []string{s.entry[0], "version"}).CombinedOutput()
	if err != nil || !strings.HasPrefix(string(version), "neurod ") {
		t.Errorf("version: %v\n%s", err, version)
	}
	var log bytes.Buffer
	server := s.command(t.Context(), append(append([]string{}, s.entry...), s.cmd...), "NEUROD_ADDR="+addr)
	server.Stdout, server.Stderr = &log, &log
	s.must(server.Start())
	deadline := time.Now().Add(2 * time.Minute)
	for {
		out, err := s.command(t.Context(), s.health, "NEUROD_ADDR="+addr).CombinedOutput()
		if err == nil {
			break
		}
		if time.Now().After(deadline) {
			_ = server.Process.Kill()
			t.Fatalf("the health check: %v\n%s\n%s", err, out, log.String())
		}
		time.Sleep(200 * time.Millisecond)
	}
	res, err := http.Get("http://" + addr + "/healthz")
	s.must(err)
	body, _ := io.ReadAll(res.Body)
	_ = res.Body.Close()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", server.Process.Pid)) // exec all the way: the process is the program
	s.must(err)
	for _, want := range []string{"Name:\tneurod", "Uid:\t65532\t65532\t65532\t65532", "CapEff:\t0000000000000000", "NoNewPrivs:\t1"} {
		if !strings.Contains(string(status), want) {
			t.Errorf("%s is not so:\n%s", want, status)
		}
	}
	s.must(server.Process.Signal(syscall.SIGTERM))
	if err := server.Wait(); err != nil {
		t.Errorf("stop: %v\n%s", err, log.String())
	}
	t.Logf("%s answers %s and stops", strings.TrimSpace(string(version)), bytes.TrimSpace(body))
}
