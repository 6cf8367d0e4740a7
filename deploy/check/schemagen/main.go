// Command schemagen writes the JSON schemas, in folder schemas, to which kubeconform holds what the chart renders: those of Kubernetes from
// the OpenAPI documents of its release, those of KEDA and of the Prometheus operator from their CustomResourceDefinitions. All three come
// as Go modules of the versions below (Apache License 2.0). Fields that a kind does not have are refused (strict), and descriptions left out.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"sigs.k8s.io/yaml"
)

// The sources.
const (
	kubernetes = "k8s.io/kubernetes@v1.37.1"
	keda       = "github.com/kedacore/keda/v2@v2.21.0"
	operator   = "github.com/prometheus-operator/prometheus-operator@v0.94.1"
)

type object = map[string]any

func main() {
	dir := module(kubernetes) + "/api/openapi-spec/v3/"
	for _, k := range []struct{ group, version, document, kind string }{
		{"", "v1", "api__v1", "Service"}, {"", "v1", "api__v1", "ServiceAccount"}, {"", "v1", "api__v1", "ConfigMap"},
		{"apps", "v1", "apis__apps__v1", "Deployment"}, {"apps", "v1", "apis__apps__v1", "StatefulSet"}, {"batch", "v1", "apis__batch__v1", "Job"},
		{"autoscaling", "v2", "apis__autoscaling__v2", "HorizontalPodAutoscaler"}, {"policy", "v1", "apis__policy__v1", "PodDisruptionBudget"},
		{"networking.k8s.io", "v1", "apis__networking.k8s.io__v1", "NetworkPolicy"}, {"networking.k8s.io", "v1", "apis__networking.k8s.io__v1", "Ingress"},
	} {
		var doc object
		check(json.Unmarshal(read(dir+k.document+"_openapi.json"), &doc))
		write(k.group, k.version, k.kind, native(doc, k.group, k.version, k.kind))
	}
	for _, c := range []struct{ file, version string }{
		{module(keda) + "/config/crd/bases/keda.sh_scaledobjects.yaml", "v1alpha1"},
		{module(keda) + "/config/crd/bases/keda.sh_triggerauthentications.yaml", "v1alpha1"},
		{module(operator) + "/example/prometheus-operator-crd/monitoring.coreos.com_servicemonitors.yaml", "v1"},
	} {
		var crd struct {
			Spec struct {
				Group    string
				Names    struct{ Kind string }
				Versions []struct {
					Name   string
					Schema struct{ OpenAPIV3Schema object }
				}
			}
		}
		check(yaml.Unmarshal(read(c.file), &crd))
		for _, v := range crd.Spec.Versions {
			if v.Name == c.version {
				s := strict(v.Schema.OpenAPIV3Schema).(object)
				s["properties"].(object)["metadata"] = object{"type": "object"} // Kubernetes' own
				write(crd.Spec.Group, v.Name, crd.Spec.Names.Kind, s)
			}
		}
	}
}

// native returns the schema of a kind with those that it refers to.
func native(doc object, group, version, kind string) object {
	all := doc["components"].(object)["schemas"].(object)
	for name, s := range all {
		kinds, _ := s.(object)["x-kubernetes-group-version-kind"].([]any)
		for _, k := range kinds {
			if k := k.(object); k["group"] == group && k["version"] == version && k["kind"] == kind {
				defs := object{}
				collect(all, name, defs)
				root := defs[name].(object)
				root["definitions"] = defs
				delete(defs, name)
				return root
			}
		}
	}
	panic("no " + kind)
}

// collect puts a schema and all that it refers to into definitions.
func collect(all object, name string, into object) {
	if _, done := into[name]; done {
		return
	}
	s := strict(all[name])
	into[name] = s
	var walk func(any)
	walk = func(v any) {
		switch v := v.(type) {
		case object:
			if ref, ok := v["$ref"].(string); ok {
				collect(all, strings.TrimPrefix(ref, "#/definitions/"), into)
			}
			for _, c := range v {
				walk(c)
			}
		case []any:
			for _, c := range v {
				walk(c)
			}
		}
	}
	walk(s)
}

// strict copies a schema of OpenAPI 3.0 as one of JSON Schema that takes no other fields.
func strict(v any) any {
	switch v := v.(type) {
	case []any:
		out := make([]any, len(v))
		for i := range v {
			out[i] = strict(v[i])
		}
		return out
	case object:
		if v["x-kubernetes-int-or-string"] == true || v["format"] == "int-or-string" {
			return object{"anyOf": []any{object{"type": "integer"}, object{"type": "string"}}}
		}
		out := object{}
		for key, value := range v {
			switch key {
			case "description", "default", "format", "title", "nullable", "example", "externalDocs":
				if _, isSchema := value.(object); isSchema && key != "example" && key != "externalDocs" && key != "default" { // a property of that name
					out[key] = strict(value)
				}
			case "$ref":
				out[key] = strings.Replace(value.(string), "#/components/schemas/", "#/definitions/", 1)
			default:
				if !strings.HasPrefix(key, "x-") {
					out[key] = strict(value)
				}
			}
		}
		if _, has := out["properties"].(object); has && out["type"] == "object" && out["additionalProperties"] == nil && v["x-kubernetes-preserve-unknown-fields"] != true {
			out["additionalProperties"] = false
		}
		return out
	}
	return v
}

func write(group, version, kind string, schema object) {
	if group == "" {
		group = version // kubeconform's name for the group that has none
	}
	name := kind + "_" + group + "_" + version
	b, err := json.Marshal(schema)
	check(err)
	check(os.WriteFile(filepath.Join("schemas", strings.ToLower(name)+".json"), append(b, '\n'), 0o644))
	fmt.Println(name, len(b))
}

// module fetches a module and returns its folder.
func module(name string) string {
	cmd := exec.Command("go", "mod", "download", "-json", name)
	cmd.Dir = os.TempDir() // beside any module
	cmd.Stderr = os.Stderr
	b, err := cmd.Output()
	check(err)
	var found struct{ Dir string }
	check(json.Unmarshal(b, &found))
	return found.Dir
}

func read(path string) []byte {
	b, err := os.ReadFile(path)
	check(err)
	return b
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "schemagen:", err)
		os.Exit(1)
	}
}
