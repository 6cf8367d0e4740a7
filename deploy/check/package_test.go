package check

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"
)

// TestPackage makes the Debian and RPM packages with what .goreleaser.yaml says of them, by the library that it uses, and installs the first
// in a bare root of Debian: the program runs, the units are in their place, settings survive an upgrade, and data a removal.
func TestPackage(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("*** SKIPPED: chroot needs root ***")
	}
	release := map[string]any{}
	b, err := os.ReadFile("../../.goreleaser.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal(b, &release); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	out := func(cmd *exec.Cmd) string {
		t.Helper()
		b, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%v: %v\n%s", cmd.Args, err, b)
		}
		return string(b)
	}
	builds := release["builds"].([]any)[0].(object)
	flags := []string{"build", "-buildvcs=false", "-o", filepath.Join(dir, "neurod")}
	for _, f := range builds["flags"].([]any) {
		flags = append(flags, f.(string))
	}
	var ld []string
	for _, f := range builds["ldflags"].([]any) {
		ld = append(ld, strings.NewReplacer("{{ .Version }}", "0.1.0", "{{ slice .FullCommit 0 12 }}", "0123456789ab").Replace(f.(string)))
	}
	build := exec.CommandContext(t.Context(), "go", append(flags, "-ldflags", strings.Join(ld, " "), builds["main"].(string))...)
	build.Dir = "../.."
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	out(build)
	if _, err := exec.LookPath("go"); err != nil {
		t.Fatal(err)
	}
	nfpm := filepath.Join(scratch, "nfpm")
	out(exec.CommandContext(t.Context(), "go", "build", "-o", nfpm, "github.com/goreleaser/nfpm/v2/cmd/nfpm"))

	pack := func(version, format string) string {
		t.Helper()
		// goreleaser's names for what nfpm has others for; the rest is nfpm's own.
		p := release["nfpms"].([]any)[0].(object)
		config := object{"name": p["package_name"], "arch": "amd64", "version": version}
		for key, value := range p {
			switch key {
			case "id", "package_name", "formats", "file_name_template", "bindir":
			default:
				config[key] = value
			}
		}
		contents := append([]any{object{"src": filepath.Join(dir, "neurod"), "dst": p["bindir"].(string) + "/neurod", "file_info": object{"mode": 0o755}}}, p["contents"].([]any)...)
		config["contents"] = contents
		b, err := yaml.Marshal(config)
		if err != nil {
			t.Fatal(err)
		}
		file := filepath.Join(dir, "nfpm.yaml")
		if err := os.WriteFile(file, b, 0o600); err != nil {
			t.Fatal(err)
		}
		target := filepath.Join(dir, "neurod_"+version+"."+format)
		cmd := exec.CommandContext(t.Context(), nfpm, "package", "-f", file, "-p", format, "-t", target)
		cmd.Dir = "../.."
		out(cmd)
		return target
	}
	if info, err := os.Stat(pack("0.1.0", "rpm")); err != nil || info.Size() < 1<<20 {
		t.Errorf("the RPM package: %v, %v", info, err)
	}

	root := filepath.Join(t.TempDir(), "root")
	out(exec.CommandContext(t.Context(), "cp", "-a", "--reflink=auto", debianRoot(t), root))
	in := func(args ...string) string {
		t.Helper()
		cmd := exec.CommandContext(t.Context(), "chroot", append([]string{root}, args...)...)
		cmd.Env = []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "DEBIAN_FRONTEND=noninteractive", "LC_ALL=C"}
		return out(cmd)
	}
	install := func(deb string) {
		t.Helper()
		out(exec.CommandContext(t.Context(), "cp", deb, filepath.Join(root, "tmp/neurod.deb")))
		in("dpkg", "--force-confold", "-i", "/tmp/neurod.deb")
	}
	install(pack("0.1.0", "deb"))
	if got := in("neurod", "version"); got != "neurod v0.1.0 (0123456789ab)\n" {
		t.Errorf("version says %q", got)
	}
	for _, file := range []string{"usr/lib/systemd/system/neurod-worker@.service", "usr/lib/systemd/system/neurod-api.service", "usr/lib/sysusers.d/neurod.conf"} {
		if _, err := os.Stat(filepath.Join(root, file)); err != nil {
			t.Error(err)
		}
	}
	if got := in("stat", "--format=%a %U %G", "/etc/neurod/neurod.env"); got != "640 root neurod\n" {
		t.Errorf("settings, with passwords in them, are %s", got)
	}
	settings := filepath.Join(root, "etc/neurod/neurod.env")
	if err := os.WriteFile(settings, []byte("NEUROD_LOG_LEVEL=debug\n"), 0o640); err != nil {
		t.Fatal(err)
	}
	data := filepath.Join(root, "var/lib/neurod")
	if err := os.MkdirAll(data, 0o700); err != nil {
		t.Fatal(err)
	}
	install(pack("0.1.1", "deb"))
	if b, err := os.ReadFile(settings); err != nil || string(b) != "NEUROD_LOG_LEVEL=debug\n" {
		t.Errorf("after an upgrade the settings are %q, %v", b, err)
	}
	in("dpkg", "--remove", "neurod")
	if _, err := os.Stat(data); err != nil {
		t.Errorf("the data went with the package: %v", err)
	}
	if _, err := os.Stat(filepath.Join(root, "usr/bin/neurod")); err == nil {
		t.Error("the program stays after its removal")
	}
}
