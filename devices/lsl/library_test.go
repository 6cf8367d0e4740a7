package lsl_test

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"github.com/neurod/neurod/devices/lsl"
	"github.com/neurod/neurod/internal/testkit/python"
)

// pinned is the release of the library that tests run against. Its wheel brings liblsl 1.18.
const pinned = "pylsl==1.18.6"

var interpreter = struct {
	sync.Mutex
	path string
}{}

// interpreterOnce returns the interpreter, made when the first test asks.
func interpreterOnce(t testing.TB) string {
	t.Helper()
	interpreter.Lock()
	defer interpreter.Unlock()
	if interpreter.path == "" {
		interpreter.path = python.Interpreter(t, pinned, "numpy==2.4.6")
	}
	return interpreter.path
}

// startLibrary starts a process with the library of LSL, which looks for streams in the laboratory alone.
func startLibrary(t testing.TB, n lsl.Network) *library {
	t.Helper()
	path := interpreterOnce(t)
	dir := t.TempDir()
	settings := fmt.Sprintf("[ports]\nMulticastPort = %d\nBasePort = %d\nPortRange = %d\nIPv6 = disable\n[multicast]\nResolveScope = machine\nAddressesOverride = {127.0.0.1}\nListenAddress = 127.0.0.1\n"+
		"[lab]\nKnownPeers = {127.0.0.1}\nSessionID = %s\n[log]\nlevel = -3\n", n.MulticastPort, n.BasePort, n.Ports, n.Session)
	if err := os.WriteFile(filepath.Join(dir, "lsl_api.cfg"), []byte(settings), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(path, "testdata/liblsl.py")
	cmd.Env = append(os.Environ(), "LSLAPICFG="+filepath.Join(dir, "lsl_api.cfg"))
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	l := &library{t: t, in: in, out: json.NewDecoder(out), process: cmd.Process}
	l.do("clock", nil, nil)
	return l
}

// kill ends the library's process at once.
func kill(l *library) { _ = l.process.Kill() }
