package check

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"sigs.k8s.io/yaml"
)

const chart = "../helm/neurod"

// tools builds Helm and kubeconform as go.mod pins them, once.
var tools = sync.OnceValues(func() (string, error) {
	out, err := exec.Command("go", "build", "-o", scratch+"/", "helm.sh/helm/v4/cmd/helm", "github.com/yannh/kubeconform/cmd/kubeconform").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("build the tools: %w\n%s", err, out)
	}
	return scratch, nil
})

// scratch is a folder for the whole run.
var scratch string

func TestMain(m *testing.M) {
	var err error
	if scratch, err = os.MkdirTemp("", "neurod-check-"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	code := m.Run()
	_ = os.RemoveAll(scratch)
	os.Exit(code)
}

// tool runs one of the tools.
func tool(t *testing.T, stdin []byte, name string, args ...string) (string, error) {
	t.Helper()
	dir, err := tools()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), filepath.Join(dir, name), args...)
	cmd.Stdin = bytes.NewReader(stdin)
	var out, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &stderr
	cmd.Env = append(os.Environ(), "HELM_CACHE_HOME="+t.TempDir(), "HELM_CONFIG_HOME="+t.TempDir(), "HELM_DATA_HOME="+t.TempDir())
	if err = cmd.Run(); err != nil {
		err = fmt.Errorf("%w\n%s", err, stderr.String())
	}
	return out.String(), err
}

func render(t *testing.T, args ...string) (string, error) {
	t.Helper()
	return tool(t, nil, "helm", append([]string{"template", "rel", chart, "--namespace", "eeg", "--kube-version", "1.37.0"}, args...)...)
}

func conform(t *testing.T, manifests string) (string, error) {
	t.Helper()
	return tool(t, []byte(manifests), "kubeconform", "-strict", "-summary", "-output", "json",
		"-schema-location", "schemas/{{.ResourceKind}}_{{.Group}}_{{.ResourceAPIVersion}}.json", "-")
}

func profiles(t *testing.T) []string {
	t.Helper()
	all, err := filepath.Glob(chart + "/profiles/*.yaml")
	if err != nil || len(all) < 4 {
		t.Fatalf("profiles: %v, %v", all, err)
	}
	return all
}

type object = map[string]any

// at walks into an object, nil where there is nothing.
func at(v any, path ...any) any {
	for _, p := range path {
		switch p := p.(type) {
		case string:
			o, _ := v.(object)
			v = o[p]
		case int:
			l, _ := v.([]any)
			if p >= len(l) {
				return nil
			}
			v = l[p]
		}
	}
	return v
}

func list(v any, path ...any) []any { l, _ := at(v, path...).([]any); return l }

func text(v any, path ...any) string {
	v = at(v, path...)
	if v == nil {
		return ""
	}
	return fmt.Sprint(v)
}

func documents(t *testing.T, manifests string) (out []object) {
	t.Helper()
	for _, doc := range regexp.MustCompile(`(?m)^---\s*$`).Split(manifests, -1) {
		var o object
		if err := yaml.Unmarshal([]byte(doc), &o); err != nil {
			t.Fatalf("%v\n%s", err, doc)
		}
		if o != nil {
			out = append(out, o)
		}
	}
	return out
}

// TestProfiles lints and renders every profile, and holds what comes out to the schemas and to the rules of this chart.
func TestProfiles(t *testing.T) {
	kinds := map[string]bool{}
	for _, profile := range profiles(t) {
		t.Run(strings.TrimSuffix(filepath.Base(profile), ".yaml"), func(t *testing.T) {
			if out, err := tool(t, nil, "helm", "lint", "--strict", chart, "-f", profile); err != nil {
				t.Errorf("lint: %v\n%s", err, out)
			}
			manifests, err := render(t, "-f", profile)
			if err != nil {
				t.Fatal(err)
			}
			report, err := conform(t, manifests)
			var found struct {
				Resources []object
				Summary   struct{ Valid, Invalid, Errors, Skipped int }
			}
			if jsonErr := json.Unmarshal([]byte(report), &found); err != nil || jsonErr != nil {
				t.Fatalf("kubeconform: %v, %v\n%s", err, jsonErr, report)
			}
			docs := documents(t, manifests)
			if s := found.Summary; s.Valid != len(docs) || s.Invalid+s.Errors+s.Skipped > 0 {
				t.Errorf("kubeconform: %+v for %d documents", s, len(docs))
			}
			for _, d := range docs {
				kinds[text(d, "kind")] = true
				rules(t, d, docs)
			}
		})
	}
	for _, kind := range []string{"Deployment", "StatefulSet", "Job", "Service", "PodDisruptionBudget", "NetworkPolicy", "ScaledObject", "HorizontalPodAutoscaler", "ServiceMonitor", "Ingress", "ConfigMap", "ServiceAccount"} {
		if !kinds[kind] {
			t.Errorf("no profile renders a %s", kind)
		}
	}
}

// rules are what every rendered object must keep.
func rules(t *testing.T, d object, all []object) {
	t.Helper()
	name := text(d, "kind") + " " + text(d, "metadata", "name")
	if pod, ok := at(d, "spec", "template", "spec").(object); ok {
		podRules(t, name, d, pod)
		selector, _ := at(d, "spec", "selector", "matchLabels").(object) // a Job has none
		for key, value := range selector {
			if text(d, "spec", "template", "metadata", "labels", key) != value {
				t.Errorf("%s does not select its pods by %s", name, key)
			}
		}
	}
	// What is selected and scaled must be there.
	switch text(d, "kind") {
	case "Service":
		if selector, ok := at(d, "spec", "selector").(object); ok && !selects(selector, all) {
			t.Errorf("%s selects nothing", name)
		}
	case "PodDisruptionBudget", "NetworkPolicy":
		key := "selector"
		if text(d, "kind") == "NetworkPolicy" {
			key = "podSelector"
		}
		if !selects(at(d, "spec", key, "matchLabels").(object), all) {
			t.Errorf("%s selects nothing", name)
		}
	case "ScaledObject", "HorizontalPodAutoscaler":
		target := text(d, "spec", "scaleTargetRef", "name")
		i := slices.IndexFunc(all, func(o object) bool { return text(o, "kind") == "Deployment" && text(o, "metadata", "name") == target })
		if i < 0 || at(all[i], "spec", "replicas") != nil {
			t.Errorf("%s scales %q, which is missing or says its number itself", name, target)
		}
	}
}

// podRules holds a pod to what the chart promises.
func podRules(t *testing.T, name string, d, pod object) {
	t.Helper()
	if text(pod, "securityContext", "runAsNonRoot") != "true" || text(pod, "securityContext", "seccompProfile", "type") != "RuntimeDefault" || text(pod, "automountServiceAccountToken") != "false" {
		t.Errorf("%s: a pod that may be root, has no seccomp profile or carries a token", name)
	}
	for _, c := range list(pod, "containers") {
		s := at(c, "securityContext")
		if text(s, "readOnlyRootFilesystem") != "true" || text(s, "allowPrivilegeEscalation") != "false" || fmt.Sprint(at(s, "capabilities", "drop")) != "[ALL]" {
			t.Errorf("%s: a container with %v", name, s)
		}
		if text(c, "resources", "requests", "cpu") == "" || text(c, "resources", "limits", "memory") == "" {
			t.Errorf("%s: a container without requests or a limit of memory", name)
		}
		if text(d, "kind") == "Deployment" {
			for _, probe := range []string{"startupProbe", "readinessProbe", "livenessProbe"} {
				if at(c, probe) == nil {
					t.Errorf("%s has no %s", name, probe)
				}
			}
		}
		var drain time.Duration
		for _, e := range list(c, "env") {
			variable := text(e, "name")
			switch {
			case slices.Contains([]string{"DATABASE_URL", "REDIS_URL", "NEUROD_JWT_SECRET", "NEUROD_METRICS_TOKEN", "NEUROD_API_KEY"}, variable):
				if text(e, "valueFrom", "secretKeyRef", "name") == "" || at(e, "value") != nil {
					t.Errorf("%s: %s is not given by reference", name, variable)
				}
			case !known(t, variable):
				t.Errorf("%s: there is no setting %s", name, variable)
			case variable == "NEUROD_SHUTDOWN_TIMEOUT":
				drain, _ = time.ParseDuration(text(e, "value"))
			}
		}
		if grace := seconds(at(pod, "terminationGracePeriodSeconds")); text(d, "kind") == "Deployment" {
			drain += seconds(at(c, "lifecycle", "preStop", "sleep", "seconds"))
			if drain == 0 || grace < drain+10*time.Second {
				t.Errorf("%s: killed after %v, drains for %v", name, grace, drain)
			}
		}
	}
}

func seconds(v any) time.Duration {
	n, _ := strconv.ParseFloat(fmt.Sprint(v), 64)
	return time.Duration(n) * time.Second
}

// selects reports whether a pod of the manifests has the labels.
func selects(labels object, all []object) bool {
	return slices.ContainsFunc(all, func(o object) bool {
		has, ok := at(o, "spec", "template", "metadata", "labels").(object)
		if !ok {
			return false
		}
		for k, v := range labels {
			if has[k] != v {
				return false
			}
		}
		return true
	})
}

// known reports whether the program has a setting: docs/reference/configuration.md is generated from its code, and the agent's are its flags'.
func known(t *testing.T, variable string) bool {
	t.Helper()
	b, err := os.ReadFile("../../docs/reference/configuration.md")
	if err != nil {
		t.Fatal(err)
	}
	return bytes.Contains(b, []byte("| `"+variable+"` |")) || slices.Contains([]string{"NEUROD_SERVER", "NEUROD_AGENT", "NEUROD_SPOOL_DIR"}, variable)
}

// TestWrongValuesAreRefused: a release that cannot work is not rendered, and says why.
func TestWrongValuesAreRefused(t *testing.T) {
	for name, tc := range map[string]struct {
		set  []string
		says string
	}{
		"no secret":                {[]string{"existingSecret="}, "existingSecret is required"},
		"two autoscalers":          {[]string{"worker.keda.enabled=true", "worker.autoscaling.enabled=true"}, "work against each other"},
		"a secret in the settings": {[]string{"settings.DATABASE_URL=postgres://x"}, "DATABASE_URL"},
		"a password in them":       {[]string{"settings.NEUROD_OPERATOR_PASSWORD=hunter2"}, "is a secret"},
		"what follows from others": {[]string{"settings.NEUROD_SHUTDOWN_TIMEOUT=1s"}, "follows from other values"},
		"a value that is none":     {[]string{"workers.replicas=3"}, "workers"},
		"a word for a number":      {[]string{"worker.replicas=two"}, "worker"},
		"an agent without a name":  {[]string{"agent.enabled=true", "agent.devices[0].id=a", "agent.devices[0].driver=synthetic"}, "agent.name is required"},
		"an agent without devices": {[]string{"agent.enabled=true", "agent.name=a", "agent.existingSecret=b"}, "agent.devices is empty"},
		"an ingress without host":  {[]string{"ingress.enabled=true"}, "ingress.host is required"},
	} {
		args := []string{"--set", "existingSecret=neurod"}
		for _, s := range tc.set {
			args = append(args, "--set", s)
		}
		if _, err := render(t, args...); err == nil || !strings.Contains(err.Error(), tc.says) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestSchemasRefuse: the schemas see a wrong type and a field that there is not, of each origin.
func TestSchemasRefuse(t *testing.T) {
	manifests, err := render(t, "-f", chart+"/profiles/keda.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for from, to := range map[string]string{
		"terminationGracePeriodSeconds: 50":   "terminationGracePeriodSeconds: soon",
		"enableServiceLinks: false":           "enableServiceLinkz: false",
		"pollingInterval: 5":                  "pollingInterval: often",
		"cooldownPeriod: 60":                  "coolDownPeriod: 60",
		"interval: \"15s\"":                   "intervall: \"15s\"",
		"secretTargetRef":                     "secretTargetRefs",
		"unhealthyPodEvictionPolicy: AlwaysA": "unhealthyPodEvictionPolicies: AlwaysA",
	} {
		wrong := strings.Replace(manifests, from, to, 1)
		if wrong == manifests {
			t.Errorf("no %q is rendered", from)
			continue
		}
		if out, err := conform(t, wrong); err == nil {
			t.Errorf("%q passes:\n%s", to, out)
		}
	}
}
