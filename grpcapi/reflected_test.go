package grpcapi

import (
	"slices"
	"strings"
	"testing"

	_ "google.golang.org/grpc/health/grpc_health_v1" // whose Health has a procedure more
	"google.golang.org/protobuf/reflect/protoreflect"
)

// TestReflectionTellsWhatIsServed: of every service the procedures of the table and no others, whatever definitions a library brings along.
func TestReflectionTellsWhatIsServed(t *testing.T) {
	t.Parallel()
	found, err := newDefinitions()
	if err != nil {
		t.Fatal(err)
	}
	served := map[string][]string{}
	for _, p := range Procedures() {
		service, method, _ := strings.Cut(strings.TrimPrefix(p.Path, "/"), "/")
		served[service] = append(served[service], method)
	}
	for service, want := range served {
		d, err := found.FindDescriptorByName(protoreflect.FullName(service))
		if err != nil {
			t.Errorf("%s: %v", service, err)
			continue
		}
		var got []string
		methods := d.(protoreflect.ServiceDescriptor).Methods()
		for i := range methods.Len() {
			got = append(got, string(methods.Get(i).Name()))
		}
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Errorf("%s: reflection tells %v, served are %v", service, got, want)
		}
		if _, err := found.FindFileByPath(d.ParentFile().Path()); err != nil {
			t.Errorf("%s: %v", d.ParentFile().Path(), err)
		}
	}
	if len(served["grpc.health.v1.Health"]) != 2 || len(served) < 5 {
		t.Errorf("%v", served)
	}
}
