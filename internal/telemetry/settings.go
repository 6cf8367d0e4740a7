package telemetry

import (
	"errors"
	"net/url"
	"strings"
)

// Protocols of OTLP, by which spans are sent (OTEL_EXPORTER_OTLP_PROTOCOL).
const (
	OverHTTP = "http/protobuf"
	OverGRPC = "grpc"
)

// Samplers are the names that OTEL_TRACES_SAMPLER may have.
func Samplers() []string {
	return []string{"always_on", "always_off", "traceidratio", "parentbased_always_on", "parentbased_always_off", "parentbased_traceidratio"}
}

// Endpoint returns where spans are sent to, "" where nothing is set: to the URL for traces as it is, or by the one for all signals, below which
// HTTP has a path for traces (OTLP exporter specification, endpoint URLs).
func Endpoint(traces, all, protocol string) (string, error) {
	to := traces
	if to == "" {
		if to = all; to != "" && protocol != OverGRPC {
			to = strings.TrimRight(to, "/") + "/v1/traces"
		}
	}
	if to == "" {
		return "", nil
	}
	if u, err := url.Parse(to); err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" {
		return "", errors.New("must be the URL of a collector, such as http://127.0.0.1:4318")
	}
	return to, nil
}
