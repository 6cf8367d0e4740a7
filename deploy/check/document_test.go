package check

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestCommandsOfTheDocument runs what docs/23-deploy.md shows as far as it can be run without a cluster and a container engine: releases are
// rendered, services and units must be there, secrets be made. A command that it does not know fails it.
func TestCommandsOfTheDocument(t *testing.T) {
	doc, err := os.ReadFile("../../docs/23-deploy.md")
	if err != nil {
		t.Fatal(err)
	}
	project, err := compose(t, "POSTGRES_PASSWORD=a", "NEUROD_JWT_SECRET=b")
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	for _, fence := range regexp.MustCompile("(?s)```\n(.*?)```").FindAllSubmatch(doc, -1) {
		for line := range strings.Lines(string(fence[1])) {
			line, _, _ = strings.Cut(strings.TrimSpace(line), "  #")
			words := strings.Fields(line)
			if len(words) < 2 {
				continue
			}
			seen++
			switch {
			case strings.HasPrefix(line, "helm install"):
				args := []string{"template", words[2], "../../" + words[3]}
				for _, w := range words[4:] {
					if strings.HasPrefix(w, "deploy/") {
						w = "../../" + w
					}
					args = append(args, w)
				}
				if _, err := tool(t, nil, "helm", args...); err != nil {
					t.Errorf("%s: %v", line, err)
				}
			case strings.HasPrefix(line, "docker compose -f deploy/compose.yaml"):
				for _, m := range regexp.MustCompile(`--scale (\w+)=|exec -it (\w+) `).FindAllStringSubmatch(line, -1) {
					if _, ok := project.Services[m[1]+m[2]]; !ok {
						t.Errorf("%s: there is no service %s", line, m[1]+m[2])
					}
				}
			case strings.HasPrefix(line, "docker buildx build"):
				if m := regexp.MustCompile(` -f (\S+) `).FindStringSubmatch(line); m == nil || !there("../../"+m[1]) {
					t.Errorf("%s: no such Dockerfile", line)
				}
			case strings.HasPrefix(line, "systemctl enable --now"):
				for _, unit := range words[3:] {
					unit, _, _ = strings.Cut(unit, "{")
					if !there("../systemd/" + unit + ".service") {
						t.Errorf("%s: there is no unit %s", line, unit)
					}
				}
			case strings.HasPrefix(line, "printf "):
				dir := t.TempDir()
				if err := os.Mkdir(filepath.Join(dir, "deploy"), 0o700); err != nil {
					t.Fatal(err)
				}
				cmd := exec.CommandContext(t.Context(), "bash", "-c", line)
				cmd.Dir = dir
				if out, err := cmd.CombinedOutput(); err != nil {
					t.Errorf("%s: %v\n%s", line, err, out)
				}
				made, err := os.ReadFile(filepath.Join(dir, "deploy/.env"))
				if err != nil || !regexp.MustCompile(`^POSTGRES_PASSWORD=[0-9a-f]{48}\nNEUROD_JWT_SECRET=[0-9a-f]{64}\n$`).Match(made) {
					t.Errorf("%s makes %q, %v", line, made, err)
				}
			case strings.HasPrefix(line, "kubectl create secret generic"):
				for _, key := range []string{"DATABASE_URL", "REDIS_URL", "NEUROD_JWT_SECRET"} {
					if !strings.Contains(line, "--from-literal="+key+"=") {
						t.Errorf("%s: the chart needs %s", line, key)
					}
				}
			case strings.HasPrefix(line, "apt install ./neurod_"): // TestPackage
			case bytes.Contains(fence[1], []byte("[pgbouncer]")): // TestPgBouncer in test
			case strings.Contains(line, "_URL="): // TestPostgresFailover, TestRedisSentinel and TestRedisCluster in test
			default:
				t.Errorf("nothing here runs %q", line)
			}
		}
	}
	if seen < 10 {
		t.Errorf("%d commands are in the document", seen)
	}
}

func there(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
