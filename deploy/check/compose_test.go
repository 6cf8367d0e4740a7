package check

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/compose-spec/compose-go/v2/types"
)

func compose(t *testing.T, env ...string) (*types.Project, error) {
	t.Helper()
	options, err := cli.NewProjectOptions([]string{"../compose.yaml"}, cli.WithEnv(env), cli.WithResolvedPaths(true))
	if err != nil {
		t.Fatal(err)
	}
	return options.LoadProject(t.Context())
}

// TestCompose reads compose.yaml as Compose does, and holds its services to what the program needs.
func TestCompose(t *testing.T) {
	if _, err := compose(t); err == nil || !strings.Contains(err.Error(), "deploy/.env") {
		t.Errorf("without secrets: %v", err)
	}
	p, err := compose(t, "POSTGRES_PASSWORD=hunter2", "NEUROD_JWT_SECRET=hunter3")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"api", "worker", "migrate"} {
		s := p.Services[name]
		if !s.ReadOnly || s.User != "65532:65532" || fmt.Sprint(s.CapDrop) != "[ALL]" || !slices.Contains(s.SecurityOpt, "no-new-privileges:true") {
			t.Errorf("%s may do more than it needs: %v %v %v %v", name, s.ReadOnly, s.User, s.CapDrop, s.SecurityOpt)
		}
		for variable := range s.Environment {
			if !known(t, variable) {
				t.Errorf("%s: there is no setting %s", name, variable)
			}
		}
		if s.Build == nil || !strings.HasSuffix(s.Build.Dockerfile, "deploy/Dockerfile") {
			t.Errorf("%s is built by %+v", name, s.Build)
		}
		if name == "migrate" {
			continue
		}
		if s.DependsOn["migrate"].Condition != types.ServiceConditionCompletedSuccessfully || s.HealthCheck == nil || s.HealthCheck.Test[1] != "/neurod" {
			t.Errorf("%s does not wait for the schema, or has no health check that an image without a shell can run", name)
		}
		drain := 30 * time.Second
		if v := s.Environment["NEUROD_SHUTDOWN_TIMEOUT"]; v != nil {
			if drain, err = time.ParseDuration(*v); err != nil {
				t.Error(err)
			}
		}
		if s.StopGracePeriod == nil || time.Duration(*s.StopGracePeriod) < drain+10*time.Second {
			t.Errorf("%s is killed after %v, drains for %v", name, s.StopGracePeriod, drain)
		}
	}
	for _, port := range p.Services["api"].Ports {
		if port.HostIP != "127.0.0.1" {
			t.Errorf("the API is open to %q without TLS", port.HostIP)
		}
	}
	if redis := strings.Join(p.Services["redis"].Command, " "); !strings.Contains(redis, "--maxmemory-policy noeviction") {
		t.Errorf("redis may throw tasks away: %s", redis)
	}
	for name, s := range p.Services {
		if name != "api" && len(s.Ports) > 0 {
			t.Errorf("%s is reached from outside", name)
		}
	}
}
