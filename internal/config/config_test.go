package config_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/neurod/neurod/internal/config"
	"github.com/neurod/neurod/internal/limit"
	"github.com/neurod/neurod/internal/store"
	"github.com/neurod/neurod/models"
)

const (
	pgURL    = "DATABASE_URL=postgres://neurod:hunter2@db/neurod"
	redisURL = "REDIS_URL=redis://:hunter3@redis:6379/0"
	secret   = "NEUROD_JWT_SECRET=6f1d2c3b4a5968778695a4b3c2d1e0f96f1d2c3b4a5968778695a4b3c2d1e0f9"
)

func TestNothingSetIsEmbedded(t *testing.T) {
	t.Parallel()
	c, err := config.Load(nil)
	if err != nil {
		t.Fatal(err)
	}
	if !c.Embedded() || c.Addr != "127.0.0.1:8000" || c.DataDir != "data" || !c.DecodeEnabled || !c.Signup() {
		t.Errorf("%+v", c)
	}
	if c.AccessTTL != 15*time.Minute || c.RefreshTTL != 30*24*time.Hour || c.RedisOutageLimit != 30*time.Second || c.LogLevel != slog.LevelInfo {
		t.Errorf("%+v", c)
	}
	if s := c.Store(); store.DialectOf(s.DatabaseURL) != store.SQLite || s.DataDir != "data" {
		t.Errorf("store %+v", s)
	}
}

// TestRateLimits are the documents' by default: 60 a minute and 120 at once for sessions, 600 and 1,200 for decode and
// jobs.
func TestRateLimits(t *testing.T) {
	t.Parallel()
	rate := func(n, burst int) limit.Rate { return limit.Rate{Requests: n, Per: time.Minute, Burst: burst} }
	for name, tc := range map[string]struct {
		env  []string
		want map[models.LimitFamily]limit.Rate
	}{
		"defaults": {nil, map[models.LimitFamily]limit.Rate{
			models.LimitDecode: rate(600, 1200), models.LimitSessions: rate(60, 120), models.LimitAccounts: rate(120, 240), models.LimitAddress: rate(300, 600),
			models.LimitRegistry: rate(60, 120), models.LimitDevices: rate(600, 1200),
		}},
		"set": {[]string{"NEUROD_RATE_LIMIT_DECODE=0", "NEUROD_RATE_LIMIT_SESSIONS=90", "NEUROD_RATE_BURST_ACCOUNTS=7", "NEUROD_RATE_LIMIT_ADDRESS=5", "NEUROD_RATE_BURST_ADDRESS=6",
			"NEUROD_RATE_LIMIT_REGISTRY=0", "NEUROD_RATE_BURST_REGISTRY=9"},
			map[models.LimitFamily]limit.Rate{
				models.LimitDecode: rate(0, 0), models.LimitSessions: rate(90, 180), models.LimitAccounts: rate(120, 7), models.LimitAddress: rate(5, 6),
				models.LimitRegistry: rate(0, 9), models.LimitDevices: rate(600, 1200),
			}},
	} {
		c, err := config.Load(tc.env)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(tc.want, c.RateLimits()); d != "" || c.RateLimitMax != 6000 {
			t.Errorf("%s: most %d (-want +got):\n%s", name, c.RateLimitMax, d)
		}
	}
}

func TestProduction(t *testing.T) {
	t.Parallel()
	c, err := config.Load([]string{pgURL, redisURL, secret})
	if err != nil {
		t.Fatal(err)
	}
	if c.Embedded() || c.Addr != ":8000" || c.Signup() {
		t.Errorf("embedded %v, address %s, sign-up %v", c.Embedded(), c.Addr, c.Signup())
	}
	for value, want := range map[string]bool{"true": true, "false": false, "": false} {
		c, err := config.Load([]string{pgURL, redisURL, secret, "NEUROD_SIGNUP_ENABLED=" + value})
		if err != nil || c.Signup() != want {
			t.Errorf("NEUROD_SIGNUP_ENABLED=%s: %v, %v", value, c.Signup(), err)
		}
	}
	if c, err := config.Load([]string{"NEUROD_SIGNUP_ENABLED=false"}); err != nil || c.Signup() {
		t.Errorf("embedded without sign-up: %v, %v", c.Signup(), err)
	}
	if key, err := c.SigningKey(); err != nil || string(key) != strings.TrimPrefix(secret, "NEUROD_JWT_SECRET=") {
		t.Errorf("signing key: %v", err)
	}
	c, err = config.Load([]string{pgURL, redisURL})
	if err != nil {
		t.Fatal(err) // a worker needs no secret
	}
	if _, err := c.SigningKey(); err == nil || !strings.Contains(err.Error(), "NEUROD_JWT_SECRET") {
		t.Errorf("production signs with a default secret: %v", err)
	}
}

func TestEmbeddedSigningKeyIsKept(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "d")
	c, err := config.Load([]string{"NEUROD_DATA_DIR=" + dir})
	if err != nil {
		t.Fatal(err)
	}
	first, err := c.SigningKey()
	if err != nil {
		t.Fatal(err)
	}
	again, err := c.SigningKey()
	if err != nil || !bytes.Equal(first, again) {
		t.Errorf("another key after a restart (%v)", err)
	}
	if info, err := os.Stat(filepath.Join(dir, "signing.key")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
}

func TestAddr(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		env  []string
		want string
	}{
		"address":                  {[]string{"NEUROD_ADDR=0.0.0.0:9000"}, "0.0.0.0:9000"},
		"port":                     {[]string{"NEUROD_PORT=9001"}, "127.0.0.1:9001"},
		"port in production":       {[]string{pgURL, redisURL, "NEUROD_PORT=9001"}, ":9001"},
		"port over address":        {[]string{"NEUROD_ADDR=[::1]:9000", "NEUROD_PORT=9001"}, "[::1]:9001"},
		"empty is as good as none": {[]string{"NEUROD_ADDR=", "NEUROD_PORT=", "DATABASE_URL="}, "127.0.0.1:8000"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, err := config.Load(tc.env)
			if err != nil || c.Addr != tc.want {
				t.Errorf("%q, %v; want %q", c.Addr, err, tc.want)
			}
		})
	}
}

func TestWrongSettingsAreNamed(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		env  []string
		want []string
	}{
		"database without redis": {[]string{pgURL}, []string{"REDIS_URL"}},
		"redis without database": {[]string{redisURL}, []string{"DATABASE_URL"}},
		"redis with sqlite":      {[]string{"DATABASE_URL=sqlite:x.db", redisURL}, []string{"DATABASE_URL"}},
		"redis no url":           {[]string{pgURL, "REDIS_URL=localhost"}, []string{"REDIS_URL"}},
		"short secret":           {[]string{"NEUROD_JWT_SECRET=hunter2"}, []string{"NEUROD_JWT_SECRET", "7 bytes"}},
		"short previous secret":  {[]string{"NEUROD_JWT_SECRETS_PREVIOUS=" + strings.TrimPrefix(secret, "NEUROD_JWT_SECRET=") + ",hunter2"}, []string{"NEUROD_JWT_SECRETS_PREVIOUS", "7 bytes"}},
		"operator's port abroad": {[]string{"NEUROD_INSPECT_ADDR=0.0.0.0:6060"}, []string{"NEUROD_INSPECT_ADDR", "on this machine"}},
		"operator's port":        {[]string{"NEUROD_INSPECT_ADDR=6060"}, []string{"NEUROD_INSPECT_ADDR"}},
		"repeated secret":        {[]string{"NEUROD_JWT_SECRET=" + strings.Repeat("a", 64)}, []string{"NEUROD_JWT_SECRET"}},
		"example secret":         {[]string{"NEUROD_JWT_SECRET=please-ChangeMe-before-production-0123456789"}, []string{"NEUROD_JWT_SECRET"}},
		"address":                {[]string{"NEUROD_ADDR=localhost"}, []string{"NEUROD_ADDR"}},
		"worker's address":       {[]string{"NEUROD_WORKER_ADDR=9000"}, []string{"NEUROD_WORKER_ADDR"}},
		"port":                   {[]string{"NEUROD_PORT=70000"}, []string{"NEUROD_PORT"}},
		"port no number":         {[]string{"NEUROD_PORT=http"}, []string{"NEUROD_PORT", "whole number"}},
		"rate":                   {[]string{"NEUROD_RATE_LIMIT_DECODE=-1"}, []string{"NEUROD_RATE_LIMIT_DECODE", "from 0 to 600000"}},
		"burst":                  {[]string{"NEUROD_RATE_BURST_SESSIONS=600001"}, []string{"NEUROD_RATE_BURST_SESSIONS"}},
		"licence":                {[]string{"NEUROD_LICENSE_MAX=gold"}, []string{"NEUROD_LICENSE_MAX", "commercial"}},
		"analytics quota":        {[]string{"NEUROD_ANALYTICS_QUOTA=-1"}, []string{"NEUROD_ANALYTICS_QUOTA"}},
		"analytics retention":    {[]string{"NEUROD_ANALYTICS_RETENTION=0s"}, []string{"NEUROD_ANALYTICS_RETENTION"}},
		"model storage":          {[]string{"NEUROD_MODEL_STORAGE_MB=0"}, []string{"NEUROD_MODEL_STORAGE_MB"}},
		"largest rate":           {[]string{"NEUROD_RATE_LIMIT_MAX=0"}, []string{"NEUROD_RATE_LIMIT_MAX", "from 1"}},
		"duration":               {[]string{"NEUROD_REDIS_OUTAGE_LIMIT=30"}, []string{"NEUROD_REDIS_OUTAGE_LIMIT", "duration"}},
		"negative duration":      {[]string{"NEUROD_PAYLOAD_RETENTION=-1h"}, []string{"NEUROD_PAYLOAD_RETENTION"}},
		"truth value":            {[]string{"NEURO_DECODE_ENABLED=maybe"}, []string{"NEURO_DECODE_ENABLED", "truth value"}},
		"log level":              {[]string{"NEUROD_LOG_LEVEL=loud"}, []string{"NEUROD_LOG_LEVEL", "log level"}},
		"log format":             {[]string{"NEUROD_LOG_FORMAT=xml"}, []string{"NEUROD_LOG_FORMAT"}},
		"proxy":                  {[]string{"NEUROD_TRUSTED_PROXIES=10.0.0.0/8,proxy"}, []string{"NEUROD_TRUSTED_PROXIES", `"proxy"`}},
		"public":                 {[]string{"NEUROD_PUBLIC_URL=eeg.example.org"}, []string{"NEUROD_PUBLIC_URL"}},
		"origins":                {[]string{"NEUROD_CORS_ORIGINS=https://app.example.org,https://app.example.org/"}, []string{"NEUROD_CORS_ORIGINS", "no slash or path"}},
		"origin without scheme":  {[]string{"NEUROD_CORS_ORIGINS=app.example.org"}, []string{"NEUROD_CORS_ORIGINS", "not an origin"}},
		"star in a name":         {[]string{"NEUROD_CORS_ORIGINS=https://a*.example.org"}, []string{"NEUROD_CORS_ORIGINS", "star"}},
		"traces to nowhere":      {[]string{"OTEL_EXPORTER_OTLP_ENDPOINT=collector:4317"}, []string{"OTEL_EXPORTER_OTLP_ENDPOINT", "URL of a collector"}},
		"traces elsewhere":       {[]string{"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=ftp://x"}, []string{"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"}},
		"exporter of traces":     {[]string{"OTEL_TRACES_EXPORTER=zipkin"}, []string{"OTEL_TRACES_EXPORTER", "otlp or none"}},
		"protocol of traces":     {[]string{"OTEL_EXPORTER_OTLP_PROTOCOL=http/json"}, []string{"OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"}},
		"sampler":                {[]string{"OTEL_TRACES_SAMPLER=jaeger_remote"}, []string{"OTEL_TRACES_SAMPLER", "traceidratio"}},
		"share of traces":        {[]string{"OTEL_TRACES_SAMPLER_ARG=2"}, []string{"OTEL_TRACES_SAMPLER_ARG", "from 0 to 1"}},
		"share that is none":     {[]string{"OTEL_TRACES_SAMPLER_ARG=half"}, []string{"OTEL_TRACES_SAMPLER_ARG", "number"}},
		"no share":               {[]string{"OTEL_TRACES_SAMPLER_ARG=NaN"}, []string{"OTEL_TRACES_SAMPLER_ARG", "from 0 to 1"}},
		"certificate twice":      {[]string{"NEUROD_ACME_HOSTS=eeg.example.org", "NEUROD_TLS_CERT=a", "NEUROD_TLS_KEY=b"}, []string{"NEUROD_ACME_HOSTS", "NEUROD_TLS_CERT"}},
		"certificate of a star":  {[]string{"NEUROD_ACME_HOSTS=eeg.example.org,*.example.org"}, []string{"NEUROD_ACME_HOSTS", `"*.example.org"`}},
		"certificate of a port":  {[]string{"NEUROD_ACME_HOSTS=eeg.example.org:443"}, []string{"NEUROD_ACME_HOSTS"}},
		"of an address":          {[]string{"NEUROD_ACME_HOSTS=192.0.2.1"}, []string{"NEUROD_ACME_HOSTS"}},
		"of a bare name":         {[]string{"NEUROD_ACME_HOSTS=localhost"}, []string{"NEUROD_ACME_HOSTS"}},
		"authority for nothing":  {[]string{"NEUROD_ACME_EMAIL=a@example.org"}, []string{"NEUROD_ACME_EMAIL", "NEUROD_ACME_HOSTS is not"}},
		"authority without TLS":  {[]string{"NEUROD_ACME_HOSTS=eeg.example.org", "NEUROD_ACME_DIRECTORY=http://ca.example.org"}, []string{"NEUROD_ACME_DIRECTORY", "https"}},
		"objects by FTP":         {[]string{"NEUROD_BLOB_URL=ftp://host/x"}, []string{"NEUROD_BLOB_URL", "s3://BUCKET"}},
		"objects nowhere":        {[]string{"NEUROD_BLOB_URL=s3://"}, []string{"NEUROD_BLOB_URL", "s3://BUCKET"}},
		"objects in the root":    {[]string{"NEUROD_BLOB_URL=file:///"}, []string{"NEUROD_BLOB_URL", "folder"}},
		"objects of a host":      {[]string{"NEUROD_BLOB_URL=file://host/x"}, []string{"NEUROD_BLOB_URL", "folder"}},
		"a folder with options":  {[]string{"NEUROD_BLOB_URL=file:///x?metadata=skip"}, []string{"NEUROD_BLOB_URL", "without parameters"}},
		"objects by password":    {[]string{"NEUROD_BLOB_URL=s3://user:hunter2@x"}, []string{"NEUROD_BLOB_URL", "environment"}},
		"objects of no length":   {[]string{"NEUROD_BLOB_MIN_BYTES=-1"}, []string{"NEUROD_BLOB_MIN_BYTES", "0 puts nothing"}},
		"half a binding":         {[]string{"NEUROD_ACME_HOSTS=eeg.example.org", "NEUROD_ACME_KEY_ID=a"}, []string{"NEUROD_ACME_KEY_ID", "go together"}},
		"provider of nothing":    {[]string{"NEUROD_OIDC_CLIENT_ID=a", "NEUROD_OIDC_CLIENT_SECRET=hunter2", "NEUROD_OIDC_NAME=b", "NEUROD_OIDC_SIGNUP=true"}, []string{"NEUROD_OIDC_CLIENT_ID", "NEUROD_OIDC_CLIENT_SECRET", "NEUROD_OIDC_NAME", "NEUROD_OIDC_SIGNUP", "NEUROD_OIDC_ISSUER is not"}},
		"provider, no client":    {[]string{"NEUROD_OIDC_ISSUER=https://sso.example.org", "NEUROD_OIDC_CLIENT_SECRET=hunter2", "NEUROD_OIDC_SCOPES=email"}, []string{"NEUROD_OIDC_CLIENT_ID", "NEUROD_OIDC_SCOPES"}},
		"provider that is none":  {[]string{"NEUROD_OIDC_ISSUER=sso.example.org", "NEUROD_OIDC_CLIENT_ID=a"}, []string{"NEUROD_OIDC_ISSUER", "https://accounts.google.com"}},
		"provider of a query":    {[]string{"NEUROD_OIDC_ISSUER=https://sso.example.org/?x", "NEUROD_OIDC_CLIENT_ID=a"}, []string{"NEUROD_OIDC_ISSUER", "query"}},
		"provider without TLS":   {[]string{"NEUROD_OIDC_ISSUER=http://sso.example.org", "NEUROD_OIDC_CLIENT_ID=a"}, []string{"NEUROD_OIDC_ISSUER", "https"}},
		"a long name":            {[]string{"NEUROD_OIDC_ISSUER=https://sso.example.org", "NEUROD_OIDC_CLIENT_ID=a", "NEUROD_OIDC_NAME=" + strings.Repeat("x", 41)}, []string{"NEUROD_OIDC_NAME"}},
		"nobody can log in":      {[]string{"NEUROD_PASSWORD_LOGIN=false"}, []string{"NEUROD_PASSWORD_LOGIN", "NEUROD_OIDC_ISSUER"}},
		"nowhere to come back":   {[]string{pgURL, redisURL, secret, "NEUROD_OIDC_ISSUER=https://sso.example.org", "NEUROD_OIDC_CLIENT_ID=a"}, []string{"NEUROD_PUBLIC_URL", "NEUROD_OIDC_ISSUER"}},
		"binding that is none":   {[]string{"NEUROD_ACME_HOSTS=eeg.example.org", "NEUROD_ACME_KEY_ID=a", "NEUROD_ACME_KEY=hunter!"}, []string{"NEUROD_ACME_KEY", "base64url"}},
		"challenges nowhere":     {[]string{"NEUROD_ACME_HOSTS=eeg.example.org", "NEUROD_ACME_HTTP_ADDR=80"}, []string{"NEUROD_ACME_HTTP_ADDR"}},
		"two faults":             {[]string{"NEUROD_DATABASE_CONNS=0", "NEUROD_LOGIN_FAILURES=-1"}, []string{"NEUROD_DATABASE_CONNS", "NEUROD_LOGIN_FAILURES"}},
		"access outlives":        {[]string{"NEUROD_ACCESS_TTL=1000h"}, []string{"NEUROD_ACCESS_TTL"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := config.Load(tc.env)
			if err == nil {
				t.Fatal("no error")
			}
			for _, w := range tc.want {
				if !strings.Contains(err.Error(), w) {
					t.Errorf("%q does not say %q", err, w)
				}
			}
			if strings.Contains(err.Error(), "hunter") {
				t.Errorf("%q shows a secret", err)
			}
		})
	}
}

func TestSecretsAreNeverShown(t *testing.T) {
	t.Parallel()
	c, err := config.Load([]string{pgURL, redisURL, secret})
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	for _, h := range []slog.Handler{slog.NewJSONHandler(&out, nil), slog.NewTextHandler(&out, nil)} {
		slog.New(h).Info("settings", "config", c, "pointer", &c, "secret", c.JWTSecret)
	}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d"} {
		fmt.Fprintf(&out, verb+" "+verb+"\n", c, c.JWTSecret)
	}
	if err := json.NewEncoder(&out).Encode(c); err != nil {
		t.Fatal(err)
	}
	for _, hidden := range []string{"hunter2", "hunter3", "6f1d2c3b", fmt.Sprintf("%x", "hunter2"), fmt.Sprintf("%X", "hunter2")} {
		if strings.Contains(out.String(), hidden) {
			t.Errorf("%q is shown:\n%s", hidden, out.String())
		}
	}
	for _, shown := range []string{"NEUROD_REDIS_OUTAGE_LIMIT", "[hidden]"} {
		if !strings.Contains(out.String(), shown) {
			t.Errorf("%q is not shown:\n%s", shown, out.String())
		}
	}
	if c.DatabaseURL.Reveal() == "" || fmt.Sprint(config.Secret("")) != "" {
		t.Error("Reveal hides, or an empty secret looks like one")
	}
}

// TestTraces: they are made where somebody says where to, and by OpenTelemetry's own rules.
func TestTraces(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		env      string
		on       bool
		to       string
		protocol string
	}{
		{"", false, "", "http/protobuf"},
		{"OTEL_EXPORTER_OTLP_ENDPOINT= OTEL_TRACES_SAMPLER= OTEL_TRACES_SAMPLER_ARG= OTEL_SDK_DISABLED=", false, "", "http/protobuf"},
		{"OTEL_TRACES_EXPORTER=otlp", true, "", "http/protobuf"},
		{"OTEL_EXPORTER_OTLP_ENDPOINT=http://c:4318/", true, "http://c:4318/v1/traces", "http/protobuf"},
		{"OTEL_EXPORTER_OTLP_ENDPOINT=http://c:4318/base", true, "http://c:4318/base/v1/traces", "http/protobuf"},
		{"OTEL_EXPORTER_OTLP_ENDPOINT=http://c:4317 OTEL_EXPORTER_OTLP_PROTOCOL=grpc", true, "http://c:4317", "grpc"},
		{"OTEL_EXPORTER_OTLP_ENDPOINT=http://c:4317 OTEL_EXPORTER_OTLP_PROTOCOL=grpc OTEL_EXPORTER_OTLP_TRACES_PROTOCOL=http/protobuf", true, "http://c:4317/v1/traces", "http/protobuf"},
		{"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=https://t/x OTEL_EXPORTER_OTLP_ENDPOINT=http://c:4318", true, "https://t/x", "http/protobuf"},
		{"OTEL_EXPORTER_OTLP_ENDPOINT=http://c:4318 OTEL_TRACES_EXPORTER=none", false, "http://c:4318/v1/traces", "http/protobuf"},
		{"OTEL_EXPORTER_OTLP_ENDPOINT=http://c:4318 OTEL_SDK_DISABLED=true", false, "http://c:4318/v1/traces", "http/protobuf"},
	} {
		c, err := config.Load(strings.Fields(tt.env))
		if err != nil {
			t.Errorf("%s: %v", tt.env, err)
			continue
		}
		if to, protocol := c.TracesTo(); c.Traces() != tt.on || to != tt.to || protocol != tt.protocol || c.TracesSampler != "parentbased_always_on" || c.TracesRatio != 1 {
			t.Errorf("%s: %v, %q by %s, %s %v", tt.env, c.Traces(), to, protocol, c.TracesSampler, c.TracesRatio)
		}
	}
}
