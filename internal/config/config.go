// Package config reads the program's settings from the environment: one Config for all of it.
//
// Nothing set at all is the embedded mode: SQLite and an in-process Redis in one process, for a laptop. DATABASE_URL
// and REDIS_URL together are production. Anything between is refused rather than guessed.
//
// Invariants: a wrong setting stops the program at its start with the variable's name; secrets never reach a log,
// an error or a fmt verb (type Secret).
package config

import (
	"cmp"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"net/netip"
	"net/url"
	"path"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/caarlos0/env/v11"

	"github.com/neurod/neurod/internal/auth"
	"github.com/neurod/neurod/internal/limit"
	"github.com/neurod/neurod/internal/store"
	"github.com/neurod/neurod/internal/telemetry"
	"github.com/neurod/neurod/models"
)

// Config holds every setting. The env tag names the variable.
type Config struct {
	// DecodeEnabled accepts decode requests; false answers 403 neuro_decode_disabled. Defaults to true.
	DecodeEnabled bool `env:"NEURO_DECODE_ENABLED" envDefault:"true"`

	// DatabaseURL is postgres://… for production, or "sqlite:PATH". It may name several servers, as in
	// postgres://neurod@a:5432,b:5432/neurod?target_session_attrs=read-write, and lead to PgBouncer with pool_mode=transaction or session.
	// Defaults to SQLite in DataDir.
	DatabaseURL Secret `env:"DATABASE_URL"`
	// RedisURL is redis://… or rediss://…; for Sentinel redis-sentinel://HOST:PORT/0?master_name=NAME&addr=HOST:PORT&…, for a Cluster
	// redis-cluster://HOST:PORT?addr=HOST:PORT&…, with rediss- for TLS. Defaults to a Redis inside the process.
	RedisURL Secret `env:"REDIS_URL"`
	// DatabaseConns limits the connections of one process to PostgreSQL. Defaults to 20.
	DatabaseConns int `env:"NEUROD_DATABASE_CONNS" envDefault:"20"`
	// DataDir is the folder of the embedded mode: database, signing key. Defaults to "data".
	DataDir string `env:"NEUROD_DATA_DIR" envDefault:"data"`
	// BlobURL is where recordings of jobs and batches of samples lie that are long: file:///PATH, s3://BUCKET, gs://BUCKET or azblob://CONTAINER, with the
	// parameters of https://gocloud.dev/howto/blob/, such as s3://BUCKET?region=eu-central-1. Credentials come from where the programs of these clouds
	// take them. All processes have the same, and keep it as long as anything lies there. Defaults to none: all lies in the database.
	BlobURL string `env:"NEUROD_BLOB_URL"`
	// BlobMinBytes is from how many bytes on they lie there, as they are packed. 0 puts nothing new there; what is there is read. Defaults to 256 KiB.
	BlobMinBytes int `env:"NEUROD_BLOB_MIN_BYTES" envDefault:"262144"`
	// ModelsDir is a folder of catalog models beside those in the program. Defaults to none.
	ModelsDir string `env:"NEUROD_MODELS_DIR"`

	// Addr is the address to listen on. Defaults to all addresses (":8000"), embedded to this machine alone
	// ("127.0.0.1:8000"), because the embedded mode has an account with a known password.
	Addr string `env:"NEUROD_ADDR"`
	// Port replaces the port of Addr. Defaults to 8000.
	Port int `env:"NEUROD_PORT"`
	// WorkerAddr is the address on which a process of workers alone answers /healthz, /readyz and /metrics. Defaults to none.
	WorkerAddr string `env:"NEUROD_WORKER_ADDR"`
	// MetricsToken is the bearer token that /metrics and /metrics/scale ask for, at least 16 characters. Defaults to asking for none: a proxy keeps
	// them from the world.
	MetricsToken Secret `env:"NEUROD_METRICS_TOKEN"`
	// InspectAddr is the address of the operator's port, without credentials: profiles of the running process at /debug/pprof/, its metrics at
	// /metrics, and the level of its log at /log-level. Only on this machine: 127.0.0.1:6060, localhost:6060 or :6060. Defaults to none.
	InspectAddr string `env:"NEUROD_INSPECT_ADDR"`
	// TrustedProxies are the addresses or networks (CIDR) whose X-Forwarded-For, -Host and -Proto are believed, separated by
	// commas. Defaults to none: the peer's address counts.
	TrustedProxies []string `env:"NEUROD_TRUSTED_PROXIES"`
	// PublicURL is the address by which clients reach the server, as in https://eeg.example.org, for the links in its answers
	// (ws_url, download_url). Defaults to what a trusted proxy says, or else to the address that a client asked for; a name
	// in a Host header is not passed on.
	PublicURL string `env:"NEUROD_PUBLIC_URL"`
	// TLSCert and TLSKey are the files of a certificate (with those that lead to its root) and of its key, in PEM: the server then speaks
	// TLS at Addr, and nothing else. Files that were replaced are taken up within a minute, without a restart. Default to none: who
	// wants TLS has a proxy in front.
	TLSCert string `env:"NEUROD_TLS_CERT"`
	TLSKey  string `env:"NEUROD_TLS_KEY"`
	// ACMEHosts are the names by which clients reach the server, separated by commas: it then speaks TLS at Addr with certificates that it gets, and
	// renews, from an authority by ACME, whose terms are agreed to by setting it. The authority must reach the server at port 443 of each name, or
	// at port 80 where NEUROD_ACME_HTTP_ADDR is set. Defaults to none.
	ACMEHosts []string `env:"NEUROD_ACME_HOSTS"`
	// ACMEEmail is the address that the authority may write to. Defaults to none.
	ACMEEmail string `env:"NEUROD_ACME_EMAIL"`
	// ACMEDirectory is the authority's address. Defaults to that of Let's Encrypt.
	ACMEDirectory string `env:"NEUROD_ACME_DIRECTORY"`
	// ACMECA is a file of certificates, in PEM, that the authority's own address is checked by. Defaults to those of the system.
	ACMECA string `env:"NEUROD_ACME_CA"`
	// ACMEKeyID and ACMEKey are what an authority that wants it gave out to bind accounts to (external account binding), the key in base64url. Default
	// to none.
	ACMEKeyID string `env:"NEUROD_ACME_KEY_ID"`
	ACMEKey   Secret `env:"NEUROD_ACME_KEY"`
	// ACMEDir is the folder that keeps certificates, their keys and the account's. Processes behind one address share it. Defaults to acme in DataDir.
	ACMEDir string `env:"NEUROD_ACME_DIR"`
	// ACMEHTTPAddr is the address on which the authority is answered without TLS, usually :80; whoever else comes there is sent to https. Defaults to
	// none: the authority is answered at Addr.
	ACMEHTTPAddr string `env:"NEUROD_ACME_HTTP_ADDR"`
	// CORSOrigins are the origins whose pages browsers let use the API, separated by commas, as in https://app.example.org; a star
	// may stand for the first part of a host, as in https://*.example.org, or for every origin. WebSockets are held to the same
	// list. Defaults to none: no page of another origin reads an answer.
	CORSOrigins []string `env:"NEUROD_CORS_ORIGINS"`
	// GraphQLIntrospection lets clients of /graphql ask for its schema, which is also in api/schema.graphql. Defaults to true.
	GraphQLIntrospection bool `env:"NEUROD_GRAPHQL_INTROSPECTION" envDefault:"true"`
	// ShutdownTimeout is how long a stopping process may finish what it has begun. Defaults to 30 s.
	ShutdownTimeout time.Duration `env:"NEUROD_SHUTDOWN_TIMEOUT" envDefault:"30s"`

	// JWTSecret signs access tokens, at least 32 bytes. Required for the API in production. Defaults, embedded, to a
	// random one kept in DataDir.
	JWTSecret Secret `env:"NEUROD_JWT_SECRET"`
	// JWTPrevious are secrets, separated by commas, that are still good beside NEUROD_JWT_SECRET, or good already, while it is changed: what they have
	// signed or sealed is taken, and nothing new is made with them. Defaults to none.
	JWTPrevious []Secret `env:"NEUROD_JWT_SECRETS_PREVIOUS"`
	// AccessTTL is how long an access token is good. Defaults to 15 min.
	AccessTTL time.Duration `env:"NEUROD_ACCESS_TTL" envDefault:"15m"`
	// RefreshTTL is how long a refresh token is good. Defaults to 30 days.
	RefreshTTL time.Duration `env:"NEUROD_REFRESH_TTL" envDefault:"720h"`
	// Operator is the e-mail address of the first operator: where the server has none at its start, the account with this address becomes one,
	// and is made with NEUROD_OPERATOR_PASSWORD where it is missing. Defaults to none; embedded, the demo account is an operator.
	Operator string `env:"NEUROD_OPERATOR"`
	// OperatorPassword is the password of the account that NEUROD_OPERATOR makes. Defaults to making none.
	OperatorPassword Secret `env:"NEUROD_OPERATOR_PASSWORD"`
	// SignupEnabled lets anyone make an account. Defaults to false; embedded, where only this machine can, to true. neurod
	// users add makes accounts either way.
	SignupEnabled *bool `env:"NEUROD_SIGNUP_ENABLED"`
	// SignupsPerHour limits the accounts made from one address. Defaults to 60.
	SignupsPerHour int `env:"NEUROD_SIGNUPS_PER_HOUR" envDefault:"60"`
	// LoginFailures limits wrong passwords for one e-mail from one address in 15 min; ten times as many for one e-mail
	// from everywhere, and from one address for all e-mails. Defaults to 10.
	LoginFailures int `env:"NEUROD_LOGIN_FAILURES" envDefault:"10"`

	// PasswordLogin lets people log in, and sign up, with a password. Defaults to true; false takes NEUROD_OIDC_ISSUER.
	PasswordLogin bool `env:"NEUROD_PASSWORD_LOGIN" envDefault:"true"`
	// OIDCIssuer is the provider of OpenID Connect through which people may log in, exactly as it calls itself, as in https://accounts.google.com. Outside
	// the embedded mode it takes NEUROD_PUBLIC_URL, below which /v1/auth/oidc/callback is what the provider has to know as the redirect URI of
	// this server. Defaults to none.
	OIDCIssuer string `env:"NEUROD_OIDC_ISSUER"`
	// OIDCClientID is what the provider knows this server by. Required with NEUROD_OIDC_ISSUER.
	OIDCClientID string `env:"NEUROD_OIDC_CLIENT_ID"`
	// OIDCClientSecret is what this server shows the provider. Defaults to none, as of a public client.
	OIDCClientSecret Secret `env:"NEUROD_OIDC_CLIENT_SECRET"`
	// OIDCScopes are what the provider is asked for, separated by spaces; openid is one of them. Defaults to openid email profile.
	OIDCScopes string `env:"NEUROD_OIDC_SCOPES" envDefault:"openid email profile"`
	// OIDCName is what people call the provider: the button says "Log in with" it. Defaults to the host of NEUROD_OIDC_ISSUER.
	OIDCName string `env:"NEUROD_OIDC_NAME"`
	// OIDCSignup makes an account for who logs in through the provider, with an e-mail address that it has verified, and has none here. Defaults to
	// false: operators make the accounts, or owners of projects invite.
	OIDCSignup bool `env:"NEUROD_OIDC_SIGNUP" envDefault:"false"`

	// RateLimitDecode is how many calls a minute a key may make to /api/v1 (decode and jobs). 0 means no limit. Defaults to
	// 600.
	RateLimitDecode int `env:"NEUROD_RATE_LIMIT_DECODE" envDefault:"600"`
	// RateBurstDecode is how many of them a key that has rested may make at once. Defaults to twice the rate.
	RateBurstDecode int `env:"NEUROD_RATE_BURST_DECODE"`
	// RateLimitSessions is how many calls a minute a key may make to /v1/sessions and /v1/users. 0 means no limit. Defaults
	// to 60.
	RateLimitSessions int `env:"NEUROD_RATE_LIMIT_SESSIONS" envDefault:"60"`
	// RateBurstSessions is how many of them a key that has rested may make at once. Defaults to twice the rate.
	RateBurstSessions int `env:"NEUROD_RATE_BURST_SESSIONS"`
	// RateLimitAccounts is how many calls a minute a user may make to /v1/projects (projects and keys). 0 means no limit.
	// Defaults to 120.
	RateLimitAccounts int `env:"NEUROD_RATE_LIMIT_ACCOUNTS" envDefault:"120"`
	// RateBurstAccounts is how many of them a user who has rested may make at once. Defaults to twice the rate.
	RateBurstAccounts int `env:"NEUROD_RATE_BURST_ACCOUNTS"`
	// RateLimitRegistry is how many files a minute a key may download from /v1/models. 0 means no limit, also on
	// /v1/models/list and /v1/analytics/log, which have 60 and 1000 a minute otherwise. Defaults to 60.
	RateLimitRegistry int `env:"NEUROD_RATE_LIMIT_REGISTRY" envDefault:"60"`
	// RateBurstRegistry is how many of them a key that has rested may make at once. Defaults to twice the rate.
	RateBurstRegistry int `env:"NEUROD_RATE_BURST_REGISTRY"`
	// RateLimitDevices is how many calls a minute a key may make to /v2. 0 means no limit, also for the tokens of users there, who have 1000 an hour
	// otherwise, and on /graphql, which has 500 an hour weighted by complexity. Defaults to 600.
	RateLimitDevices int `env:"NEUROD_RATE_LIMIT_DEVICES" envDefault:"600"`
	// RateBurstDevices is how many of them a key that has rested may make at once. Defaults to twice the rate.
	RateBurstDevices int `env:"NEUROD_RATE_BURST_DEVICES"`
	// SocketsPerUser is how many WebSockets of /ws and /graphql a user may have open at once, in all processes together. 0 is no limit. Defaults to 10.
	SocketsPerUser int `env:"NEUROD_SOCKETS_PER_USER" envDefault:"10"`
	// RateLimitAddress is how many calls a minute an address may make to /v1/auth, and how many with a credential that is
	// missing or not good to all else. 0 means no limit, also on /v1/ws, which has 600 a minute otherwise,
	// /v1/auth/validate, which has 100, and /v1/auth/refresh and /v1/auth/revoke, which have 10. Defaults to 300.
	RateLimitAddress int `env:"NEUROD_RATE_LIMIT_ADDRESS" envDefault:"300"`
	// RateBurstAddress is how many of them an address that has rested may make at once. Defaults to twice the rate.
	RateBurstAddress int `env:"NEUROD_RATE_BURST_ADDRESS"`
	// RateLimitMax is the largest rate, in calls a minute, that a key may be given instead of these. Defaults to 6000.
	RateLimitMax int `env:"NEUROD_RATE_LIMIT_MAX" envDefault:"6000"`

	// LicenseMax is the highest licence tier that the owner of a project may give to its keys: free, research or
	// commercial. Who runs the server for others may want a lower one. Defaults to commercial.
	LicenseMax string `env:"NEUROD_LICENSE_MAX" envDefault:"commercial"`
	// ModelStorageMB is how much room the models of a project may take together, in MiB. Defaults to 1024.
	ModelStorageMB int `env:"NEUROD_MODEL_STORAGE_MB" envDefault:"1024"`
	// ModelCacheMB is how much room a worker's cache of projects' models has, in MiB of their files. Defaults to 256.
	ModelCacheMB int `env:"NEUROD_MODEL_CACHE_MB" envDefault:"256"`
	// StreamsPerKey is how many live streams (WebSockets and event streams) a key may have open at once in a process. 0 is no
	// limit. Defaults to 250.
	StreamsPerKey int `env:"NEUROD_STREAMS_PER_KEY" envDefault:"250"`
	// StreamsPerProject is how many live streams the keys of a project may have open together in a process. 0 means no limit.
	// Defaults to 500.
	StreamsPerProject int `env:"NEUROD_STREAMS_PER_PROJECT" envDefault:"500"`
	// ConnectionsPerAddress is how many connections an address (of IPv6, a /64) may have open to a process at once, those of
	// TrustedProxies not counted. One more takes the place of one that is idle between two requests, or is refused. 0 is no limit.
	// Defaults to 1000.
	ConnectionsPerAddress int `env:"NEUROD_CONNECTIONS_PER_ADDRESS" envDefault:"1000"`
	// QuotaStoredMB is how much a project may keep stored, in MiB: samples, recordings of jobs, uploads and models, as they are
	// packed. 0 means no limit. Defaults to 102400, embedded to none.
	QuotaStoredMB *int `env:"NEUROD_QUOTA_STORED_MB"`
	// QuotaWaitingJobs is how many jobs of a project may wait for a worker. 0 means no limit. Defaults to 100000, embedded to none.
	QuotaWaitingJobs *int `env:"NEUROD_QUOTA_WAITING_JOBS"`
	// QuotaOpenSessions is how many sessions of a project may take samples at once. 0 means no limit. Defaults to 1000, embedded to
	// none.
	QuotaOpenSessions *int `env:"NEUROD_QUOTA_OPEN_SESSIONS"`
	// QuotaWindowsPerDay is how many feature windows the samples of a project may begin in a day (UTC). 0 means no limit. Defaults to
	// 10000000, embedded to none.
	QuotaWindowsPerDay *int `env:"NEUROD_QUOTA_WINDOWS_PER_DAY"`
	// QuotaModels is how many versions of models a project may keep. 0 means no limit. Defaults to 1000, embedded to none.
	QuotaModels *int `env:"NEUROD_QUOTA_MODELS"`
	// QuotaWebhooks is how many webhooks a project may have. 0 is no limit. Defaults to 20, embedded to none.
	QuotaWebhooks *int `env:"NEUROD_QUOTA_WEBHOOKS"`
	// QuotaDevices is how many devices a project may have. 0 is no limit. Defaults to 200, embedded to none.
	QuotaDevices *int `env:"NEUROD_QUOTA_DEVICES"`
	// AnalyticsQuota is how many analytics events a project may log in a calendar month (UTC). 0 takes none. Defaults to
	// 50000.
	AnalyticsQuota int `env:"NEUROD_ANALYTICS_QUOTA" envDefault:"50000"`
	// AnalyticsRetention is how long analytics events are kept. Defaults to 90 days.
	AnalyticsRetention time.Duration `env:"NEUROD_ANALYTICS_RETENTION" envDefault:"2160h"`

	// WebhookHTTP lets webhooks go to http:// addresses, where everybody on the way reads them. Defaults to false: https alone.
	WebhookHTTP bool `env:"NEUROD_WEBHOOK_HTTP" envDefault:"false"`
	// WebhookAllow are the hosts, addresses or networks (CIDR) to which webhooks may go although they are not public, or at ports
	// that are those of other services, separated by commas. Defaults to none: a project must not reach what only the server can.
	WebhookAllow []string `env:"NEUROD_WEBHOOK_ALLOW"`
	// WebhookTimeout is how long a receiver has to answer. At most 30 s. Defaults to 10 s.
	WebhookTimeout time.Duration `env:"NEUROD_WEBHOOK_TIMEOUT" envDefault:"10s"`
	// WebhookSlots is how many events a process sends at once; 0 sends none from it. Defaults to 32.
	WebhookSlots int `env:"NEUROD_WEBHOOK_SLOTS" envDefault:"32"`
	// WebhookRetention is how long deliveries that have ended are kept. Defaults to 7 days.
	WebhookRetention time.Duration `env:"NEUROD_WEBHOOK_RETENTION" envDefault:"168h"`

	// DeviceDrivers are the drivers of devices that projects may run inside the API: synthetic, playback, lsl, openbci and ganglion, separated by commas. One may
	// be bound to projects, as in lsl=PROJECT+PROJECT: what it reads hangs on the server's machine or network. Defaults to synthetic and playback,
	// which read nothing but what is made or stored here.
	DeviceDrivers []string `env:"NEUROD_DEVICE_DRIVERS" envDefault:"synthetic,playback"`
	// DevicePorts are the serial ports that devices of projects may use, bound to projects as drivers are; a star stands for anything but a slash, as
	// in /dev/ttyUSB*. Defaults to none.
	DevicePorts []string `env:"NEUROD_DEVICE_PORTS"`
	// DeviceFolder holds the recordings that every project may play. Defaults to none: projects play their own sessions.
	DeviceFolder string `env:"NEUROD_DEVICE_FOLDER"`
	// DeviceLSLPeers are the hosts that are asked for streams of the Lab Streaming Layer beside the multicast groups. Defaults to this machine.
	DeviceLSLPeers []string `env:"NEUROD_DEVICE_LSL_PEERS"`
	// DeviceLSLPort is the first of the Lab Streaming Layer's ports. Defaults to 16572.
	DeviceLSLPort int `env:"NEUROD_DEVICE_LSL_PORT"`
	// DeviceMemoryMB is how much of what devices give may wait in memory while the database is away, in MiB. Defaults to 256.
	DeviceMemoryMB int `env:"NEUROD_DEVICE_MEMORY_MB" envDefault:"256"`

	// WorkerConcurrency is how many jobs a worker runs at once. Defaults to 12 times the number of CPUs, at least 24: an
	// attempt also waits for the database.
	WorkerConcurrency int `env:"NEUROD_WORKER_CONCURRENCY"`
	// WorkerReserved is how many of them are kept for the interactive queue: bulk jobs (imports, trainings, items of batches) never have more than the others.
	// Defaults to a quarter.
	WorkerReserved *int `env:"NEUROD_WORKER_RESERVED"`
	// WorkerTogether is how many of them jobs of one project have at most while jobs of others come, and bulk jobs while any come that someone waits
	// for: what is under way is what a decode waits for. Defaults to one more than the number of CPUs.
	WorkerTogether int `env:"NEUROD_WORKER_TOGETHER"`
	// WorkersMin is how many worker processes neurod workers, and neurod serve with NEUROD_WORKERS_MAX, keep at least. Defaults to 1.
	WorkersMin int `env:"NEUROD_WORKERS_MIN" envDefault:"1"`
	// WorkersMax is how many worker processes they keep at most, as the load takes them. Needs PostgreSQL and Redis. Defaults to none, with which
	// neurod serve runs jobs in its own process; neurod workers keeps at most one for each CPU then.
	WorkersMax int `env:"NEUROD_WORKERS_MAX"`
	// WorkersSpareMB is how much memory they leave to the rest of the machine or container, in MiB: no worker is started that would take of it.
	// Defaults to a tenth, at least 256.
	WorkersSpareMB int `env:"NEUROD_WORKERS_SPARE_MB"`
	// WorkersGrace is how long a worker that is let go may go on with the jobs that it runs. Defaults to 12 h, longer than which no job runs.
	WorkersGrace time.Duration `env:"NEUROD_WORKERS_GRACE" envDefault:"12h"`
	// RedisOutageLimit is how long Redis may be away before new decodes are refused. Defaults to 30 s.
	RedisOutageLimit time.Duration `env:"NEUROD_REDIS_OUTAGE_LIMIT" envDefault:"30s"`

	// PayloadRetention is how long the recording of a finished job is kept. Defaults to 24 h.
	PayloadRetention time.Duration `env:"NEUROD_PAYLOAD_RETENTION" envDefault:"24h"`
	// ResultRetention is how long a finished job is kept. Defaults to 30 days.
	ResultRetention time.Duration `env:"NEUROD_RESULT_RETENTION" envDefault:"720h"`
	// DeadLetterRetention is how long a job that was given up is kept. Defaults to 90 days.
	DeadLetterRetention time.Duration `env:"NEUROD_DEAD_LETTER_RETENTION" envDefault:"2160h"`
	// IdempotencyRetention is how long the answer to an Idempotency-Key is kept. Defaults to 24 h.
	IdempotencyRetention time.Duration `env:"NEUROD_IDEMPOTENCY_RETENTION" envDefault:"24h"`
	// AuditRetention is how long the lines of the audit log are kept, at least 90 days: the database deletes none that is
	// younger. Defaults to 400 days.
	AuditRetention time.Duration `env:"NEUROD_AUDIT_RETENTION" envDefault:"9600h"`

	// LogLevel is debug, info, warn or error. Defaults to info.
	LogLevel slog.Level `env:"NEUROD_LOG_LEVEL" envDefault:"info"`
	// LogFormat is json or text. Defaults to json.
	LogFormat string `env:"NEUROD_LOG_FORMAT" envDefault:"json"`

	// TracesExporter is otlp to send traces to a collector, or none. Defaults to otlp where one of the two endpoints below is set, and to none
	// otherwise: then nothing of them is made. These are the variables of OpenTelemetry; what is not listed here, such as
	// OTEL_EXPORTER_OTLP_HEADERS, OTEL_EXPORTER_OTLP_CERTIFICATE, OTEL_SERVICE_NAME, OTEL_RESOURCE_ATTRIBUTES or OTEL_BSP_MAX_QUEUE_SIZE, counts as
	// its specification has it.
	TracesExporter string `env:"OTEL_TRACES_EXPORTER"`
	// OTLPEndpoint is the collector, as in http://127.0.0.1:4318; traces go to /v1/traces below it. Defaults to the one on this machine.
	OTLPEndpoint string `env:"OTEL_EXPORTER_OTLP_ENDPOINT"`
	// OTLPTracesEndpoint is the URL that traces go to, as it is. Defaults to what OTEL_EXPORTER_OTLP_ENDPOINT says.
	OTLPTracesEndpoint string `env:"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"`
	// OTLPProtocol is http/protobuf or grpc. Defaults to http/protobuf.
	OTLPProtocol string `env:"OTEL_EXPORTER_OTLP_PROTOCOL"`
	// OTLPTracesProtocol is the protocol for traces. Defaults to OTEL_EXPORTER_OTLP_PROTOCOL.
	OTLPTracesProtocol string `env:"OTEL_EXPORTER_OTLP_TRACES_PROTOCOL"`
	// TracesSampler says which traces are made: always_on, always_off, traceidratio, or parentbased_ before one of these, which asks the
	// caller's traceparent first. Defaults to parentbased_always_on: all but those that a caller does not want.
	TracesSampler string `env:"OTEL_TRACES_SAMPLER" envDefault:"parentbased_always_on"`
	// TracesRatio is the share of traces that the samplers with a ratio take, from 0 to 1. Defaults to 1.
	TracesRatio float64 `env:"OTEL_TRACES_SAMPLER_ARG" envDefault:"1"`
	// TracesDisabled makes no traces whatever else is set. Defaults to false.
	TracesDisabled bool `env:"OTEL_SDK_DISABLED"`
}

// Traces reports whether traces are made.
func (c Config) Traces() bool {
	switch {
	case c.TracesDisabled:
		return false
	case c.TracesExporter != "":
		return c.TracesExporter == "otlp"
	}
	return c.OTLPEndpoint != "" || c.OTLPTracesEndpoint != ""
}

// TracesTo returns where traces are sent, "" for the collector on this machine, and by which protocol.
func (c Config) TracesTo() (endpoint, protocol string) {
	protocol = cmp.Or(c.OTLPTracesProtocol, c.OTLPProtocol, telemetry.OverHTTP)
	endpoint, _ = telemetry.Endpoint(c.OTLPTracesEndpoint, c.OTLPEndpoint, protocol) // checked by finish
	return endpoint, protocol
}

// Secret is a setting that must not be shown. Only Reveal gives its value.
type Secret string

const hidden = "[hidden]"

// Reveal returns the value.
func (s Secret) Reveal() string { return string(s) }

// String hides the value, and says whether there is one.
func (s Secret) String() string {
	if s == "" {
		return ""
	}
	return hidden
}

// GoString hides the value from %#v.
func (s Secret) GoString() string { return strconv.Quote(s.String()) }

// Format hides the value from every other verb, such as %x and %q.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(s.String())) }

// MarshalText hides the value from encoders.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// LogValue hides the value from slog.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }

// Load reads the settings from "NAME=value" pairs, as os.Environ gives them, and checks them. The error names every
// variable that is wrong.
func Load(environ []string) (Config, error) {
	var c Config
	values := env.ToMap(environ)
	maps.DeleteFunc(values, func(name, value string) bool { return strings.HasPrefix(name, "OTEL_") && value == "" }) // OpenTelemetry: as if not set
	err := env.ParseWithOptions(&c, env.Options{Environment: values})
	if err != nil {
		return Config{}, fmt.Errorf("config: %w", explain(err))
	}
	return c.finish()
}

// maxWorkers bounds the processes that one supervisor keeps.
const maxWorkers = 1000

// finish fills in what depends on other settings and checks the whole.
//
//nolint:gocyclo // one guard for each setting
func (c Config) finish() (Config, error) {
	var errs []error
	wrong := func(name, format string, args ...any) {
		errs = append(errs, fmt.Errorf("%s %s", name, fmt.Sprintf(format, args...)))
	}

	postgres := store.DialectOf(c.DatabaseURL.Reveal()) == store.PostgreSQL
	switch {
	case postgres && c.RedisURL == "":
		wrong("REDIS_URL", "is not set, but DATABASE_URL names PostgreSQL: production needs both, embedded neither")
	case !postgres && c.RedisURL != "":
		wrong("DATABASE_URL", "does not name PostgreSQL, but REDIS_URL is set: production needs both, embedded neither")
	}
	if c.RedisURL != "" {
		if u, err := url.Parse(c.RedisURL.Reveal()); err != nil || u.Scheme == "" {
			wrong("REDIS_URL", "is not a URL")
		}
	}

	if c.Addr == "" {
		c.Addr = ":8000"
		if c.Embedded() {
			c.Addr = "127.0.0.1:8000"
		}
	}
	split := func(name, addr string) (host string) {
		host, port, err := net.SplitHostPort(addr)
		if n, convErr := strconv.Atoi(port); err != nil || convErr != nil || n < 0 || n > 65535 {
			wrong(name, "%q must be an address and a port, such as 127.0.0.1:8000", addr)
		}
		return host
	}
	host := split("NEUROD_ADDR", c.Addr)
	if c.WorkerAddr != "" {
		split("NEUROD_WORKER_ADDR", c.WorkerAddr)
	}
	if c.InspectAddr != "" {
		host := split("NEUROD_INSPECT_ADDR", c.InspectAddr)
		if host == "" {
			c.InspectAddr = "127.0.0.1" + c.InspectAddr
		} else if !Loopback(host) {
			wrong("NEUROD_INSPECT_ADDR", "must be on this machine, such as 127.0.0.1:6060: whoever reaches it needs no credential")
		}
	}
	switch {
	case c.Port < 0 || c.Port > 65535:
		wrong("NEUROD_PORT", "must be from 1 to 65535")
	case c.Port > 0:
		c.Addr = net.JoinHostPort(host, strconv.Itoa(c.Port))
	}
	if c.PublicURL != "" {
		u, err := url.Parse(c.PublicURL)
		if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
			wrong("NEUROD_PUBLIC_URL", "must be an address such as https://eeg.example.org, without a query")
		}
	}
	if (c.TLSCert == "") != (c.TLSKey == "") {
		wrong("NEUROD_TLS_CERT", "and NEUROD_TLS_KEY go together: a certificate and its key")
	}
	c.checkACME(wrong)
	if c.ACMEHTTPAddr != "" {
		split("NEUROD_ACME_HTTP_ADDR", c.ACMEHTTPAddr)
	}
	if c.ACMEDir == "" {
		c.ACMEDir = filepath.Join(c.DataDir, "acme")
	}
	for _, p := range c.TrustedProxies {
		_, addrErr := netip.ParseAddr(p)
		_, netErr := netip.ParsePrefix(p)
		if addrErr != nil && netErr != nil {
			wrong("NEUROD_TRUSTED_PROXIES", "holds %q, which is neither an address nor a network", p)
		}
	}

	for _, o := range c.CORSOrigins {
		if why := badOrigin(o); why != "" {
			wrong("NEUROD_CORS_ORIGINS", "holds %q, %s", o, why)
		}
	}

	if c.JWTSecret != "" {
		if why := weak(c.JWTSecret.Reveal()); why != "" {
			wrong("NEUROD_JWT_SECRET", "%s; openssl rand -hex 32 makes a good one", why)
		}
	}
	if c.MetricsToken != "" && len(c.MetricsToken.Reveal()) < 16 {
		wrong("NEUROD_METRICS_TOKEN", "must have at least 16 characters; openssl rand -hex 32 makes a good one")
	}
	for _, s := range c.JWTPrevious {
		if why := weak(s.Reveal()); why != "" {
			wrong("NEUROD_JWT_SECRETS_PREVIOUS", "holds one that %s", why)
		}
	}
	if c.OperatorPassword != "" && c.Operator == "" {
		wrong("NEUROD_OPERATOR_PASSWORD", "is set, but NEUROD_OPERATOR is not: it is the password of that account")
	}
	c.checkOIDC(wrong)
	if u, err := url.Parse(c.OIDCIssuer); c.OIDCName == "" && err == nil {
		c.OIDCName = u.Hostname()
	}
	if c.LogFormat != "json" && c.LogFormat != "text" {
		wrong("NEUROD_LOG_FORMAT", "must be json or text")
	}
	if !c.TracesDisabled {
		c.checkTraces(wrong)
	}
	for name, n := range map[string]int{
		"NEUROD_DEVICE_MEMORY_MB": c.DeviceMemoryMB,
		"NEUROD_MODEL_STORAGE_MB": c.ModelStorageMB, "NEUROD_MODEL_CACHE_MB": c.ModelCacheMB,
		"NEUROD_DATABASE_CONNS": c.DatabaseConns, "NEUROD_SIGNUPS_PER_HOUR": c.SignupsPerHour, "NEUROD_LOGIN_FAILURES": c.LoginFailures,
	} {
		if n < 1 {
			wrong(name, "must be at least 1")
		}
	}
	for name, n := range map[string]int{
		"NEUROD_RATE_LIMIT_DECODE": c.RateLimitDecode, "NEUROD_RATE_BURST_DECODE": c.RateBurstDecode,
		"NEUROD_RATE_LIMIT_SESSIONS": c.RateLimitSessions, "NEUROD_RATE_BURST_SESSIONS": c.RateBurstSessions,
		"NEUROD_RATE_LIMIT_ACCOUNTS": c.RateLimitAccounts, "NEUROD_RATE_BURST_ACCOUNTS": c.RateBurstAccounts,
		"NEUROD_RATE_LIMIT_REGISTRY": c.RateLimitRegistry, "NEUROD_RATE_BURST_REGISTRY": c.RateBurstRegistry,
		"NEUROD_RATE_LIMIT_DEVICES": c.RateLimitDevices, "NEUROD_RATE_BURST_DEVICES": c.RateBurstDevices,
		"NEUROD_RATE_LIMIT_ADDRESS": c.RateLimitAddress, "NEUROD_RATE_BURST_ADDRESS": c.RateBurstAddress,
	} {
		if n < 0 || n > maxRate {
			wrong(name, "must be from 0 to %d", maxRate)
		}
	}
	for name, n := range map[string]int{"NEUROD_STREAMS_PER_KEY": c.StreamsPerKey, "NEUROD_STREAMS_PER_PROJECT": c.StreamsPerProject,
		"NEUROD_CONNECTIONS_PER_ADDRESS": c.ConnectionsPerAddress, "NEUROD_SOCKETS_PER_USER": c.SocketsPerUser} {
		if n < 0 {
			wrong(name, "must not be negative; 0 is no limit")
		}
	}
	if c.RateLimitMax < 1 || c.RateLimitMax > maxRate {
		wrong("NEUROD_RATE_LIMIT_MAX", "must be from 1 to %d", maxRate)
	}
	if !models.License(c.LicenseMax).Valid() {
		wrong("NEUROD_LICENSE_MAX", "must be one of %v", models.Licenses())
	}
	for _, q := range c.quotas() {
		if *q.value == nil {
			n := q.production
			if c.Embedded() {
				n = 0
			}
			*q.value = &n
		}
		if **q.value < 0 {
			wrong(q.setting, "must not be negative; 0 is no limit")
		}
	}
	for _, d := range c.DeviceDrivers {
		if name, _, _ := strings.Cut(d, "="); !slices.Contains(drivers, name) {
			wrong("NEUROD_DEVICE_DRIVERS", "holds %q; the drivers are %s", d, strings.Join(drivers, ", "))
		}
	}
	for _, d := range c.DevicePorts {
		if name, _, _ := strings.Cut(d, "="); name == "" {
			wrong("NEUROD_DEVICE_PORTS", "holds %q, which names no port", d)
		} else if _, err := path.Match(name, ""); err != nil {
			wrong("NEUROD_DEVICE_PORTS", "holds %q, which is not a pattern as in /dev/ttyUSB*", d)
		}
	}
	if c.DeviceLSLPort < 0 || c.DeviceLSLPort > 65535-32 {
		wrong("NEUROD_DEVICE_LSL_PORT", "must be from 1 to %d", 65535-32)
	}
	if c.BlobURL != "" {
		if why := badBlobURL(c.BlobURL); why != "" {
			wrong("NEUROD_BLOB_URL", "%s", why)
		}
	}
	if c.BlobMinBytes < 0 {
		wrong("NEUROD_BLOB_MIN_BYTES", "must not be negative; 0 puts nothing there")
	}
	if c.AnalyticsQuota < 0 {
		wrong("NEUROD_ANALYTICS_QUOTA", "must not be negative")
	}
	if c.WorkerConcurrency < 0 {
		wrong("NEUROD_WORKER_CONCURRENCY", "must not be negative")
	}
	if c.WorkerTogether < 0 {
		wrong("NEUROD_WORKER_TOGETHER", "must not be negative")
	}
	if r := c.WorkerReserved; r != nil && (*r < 0 || c.WorkerConcurrency > 0 && *r >= c.WorkerConcurrency) {
		wrong("NEUROD_WORKER_RESERVED", "must be from 0 to one less than NEUROD_WORKER_CONCURRENCY")
	}
	switch {
	case c.WorkersMin < 0:
		wrong("NEUROD_WORKERS_MIN", "must not be negative")
	case c.WorkersMax < 0 || c.WorkersMax > maxWorkers:
		wrong("NEUROD_WORKERS_MAX", "must be from 1 to %d", maxWorkers)
	case c.WorkersMax > 0 && c.WorkersMin > c.WorkersMax:
		wrong("NEUROD_WORKERS_MIN", "is %d, more than NEUROD_WORKERS_MAX, %d", c.WorkersMin, c.WorkersMax)
	case c.WorkersMax > 0 && c.Embedded():
		wrong("NEUROD_WORKERS_MAX", "needs PostgreSQL and Redis (DATABASE_URL, REDIS_URL): the embedded pair is one process; NEUROD_WORKER_CONCURRENCY is how many jobs that runs at once")
	}
	if c.WorkersSpareMB < 0 {
		wrong("NEUROD_WORKERS_SPARE_MB", "must not be negative")
	}
	for name, d := range map[string]time.Duration{
		"NEUROD_WORKERS_GRACE":    c.WorkersGrace,
		"NEUROD_SHUTDOWN_TIMEOUT": c.ShutdownTimeout, "NEUROD_ACCESS_TTL": c.AccessTTL, "NEUROD_REFRESH_TTL": c.RefreshTTL,
		"NEUROD_REDIS_OUTAGE_LIMIT": c.RedisOutageLimit, "NEUROD_PAYLOAD_RETENTION": c.PayloadRetention,
		"NEUROD_RESULT_RETENTION": c.ResultRetention, "NEUROD_DEAD_LETTER_RETENTION": c.DeadLetterRetention,
		"NEUROD_IDEMPOTENCY_RETENTION": c.IdempotencyRetention, "NEUROD_ANALYTICS_RETENTION": c.AnalyticsRetention,
		"NEUROD_WEBHOOK_TIMEOUT": c.WebhookTimeout, "NEUROD_WEBHOOK_RETENTION": c.WebhookRetention,
	} {
		if d <= 0 {
			wrong(name, "must be longer than 0, such as 30s or 24h")
		}
	}
	if c.WebhookTimeout > maxWebhookTimeout {
		wrong("NEUROD_WEBHOOK_TIMEOUT", "must be at most %v", maxWebhookTimeout)
	}
	if c.WebhookSlots < 0 {
		wrong("NEUROD_WEBHOOK_SLOTS", "must not be negative; 0 sends none")
	}
	for _, a := range c.WebhookAllow {
		if strings.ContainsAny(a, " @?#[]*") || strings.Contains(a, "://") || a == "" {
			wrong("NEUROD_WEBHOOK_ALLOW", "holds %q, which is neither a host, an address nor a network", a)
		} else if _, err := netip.ParsePrefix(a); err != nil && strings.Contains(a, "/") {
			wrong("NEUROD_WEBHOOK_ALLOW", "holds %q, which is not a network as in 10.0.0.0/8", a)
		}
	}
	if c.AuditRetention < store.MinAuditRetention {
		wrong("NEUROD_AUDIT_RETENTION", "must be at least %v", store.MinAuditRetention)
	}
	if c.AccessTTL >= c.RefreshTTL {
		wrong("NEUROD_ACCESS_TTL", "must be shorter than NEUROD_REFRESH_TTL")
	}
	if len(errs) == 0 {
		return c, nil
	}
	slices.SortFunc(errs, func(a, b error) int { return strings.Compare(a.Error(), b.Error()) })
	return Config{}, fmt.Errorf("config: %w", errors.Join(errs...))
}

// hostName is a name that an authority can make a certificate for: two parts at least, of letters, digits and hyphens (RFC 1123, 2.1). An address is none.
var hostName = regexp.MustCompile(`^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]([a-z0-9-]{0,61}[a-z0-9])?$`)

// badBlobURL says what is wrong with the address of a store of objects, "" for nothing. It does not repeat it, which may hold a secret.
func badBlobURL(address string) string {
	u, err := url.Parse(address)
	switch {
	case err != nil:
		return "is not a URL"
	case u.User != nil:
		return "holds a user or password; credentials come from the environment"
	case u.Scheme == "file" && (u.Host != "" && u.Host != "." || len(u.Path) < 2 || u.RawQuery != "" || u.Fragment != ""):
		return "must name a folder, as in file:///var/lib/neurod/objects, without parameters"
	case u.Scheme == "file":
		return ""
	case u.Host == "" || !slices.Contains([]string{"s3", "gs", "azblob"}, u.Scheme):
		return "must be file:///PATH, s3://BUCKET, gs://BUCKET or azblob://CONTAINER"
	}
	return ""
}

// checkACME checks what is said of certificates by ACME.
func (c Config) checkACME(wrong func(name, format string, args ...any)) {
	for _, h := range c.ACMEHosts {
		if len(h) > 253 || !hostName.MatchString(h) {
			wrong("NEUROD_ACME_HOSTS", "holds %q, which is not a name such as eeg.example.org, in small letters, without a port or a star", h)
		}
	}
	if len(c.ACMEHosts) > 0 && c.TLSCert != "" {
		wrong("NEUROD_ACME_HOSTS", "and NEUROD_TLS_CERT are both set: certificates come by ACME or from files")
	}
	for name, set := range map[string]bool{"NEUROD_ACME_EMAIL": c.ACMEEmail != "", "NEUROD_ACME_DIRECTORY": c.ACMEDirectory != "", "NEUROD_ACME_CA": c.ACMECA != "",
		"NEUROD_ACME_KEY_ID": c.ACMEKeyID != "", "NEUROD_ACME_HTTP_ADDR": c.ACMEHTTPAddr != ""} {
		if set && len(c.ACMEHosts) == 0 {
			wrong(name, "is set, but NEUROD_ACME_HOSTS is not: it names what certificates are for")
		}
	}
	if u, err := url.Parse(c.ACMEDirectory); c.ACMEDirectory != "" && (err != nil || u.Scheme != "https" || u.Hostname() == "") {
		wrong("NEUROD_ACME_DIRECTORY", "must be an https address, such as https://acme-v02.api.letsencrypt.org/directory")
	}
	if (c.ACMEKeyID == "") != (c.ACMEKey == "") {
		wrong("NEUROD_ACME_KEY_ID", "and NEUROD_ACME_KEY go together")
	}
	if _, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(c.ACMEKey.Reveal(), "=")); err != nil {
		wrong("NEUROD_ACME_KEY", "must be base64url")
	}
}

// maxOIDCName is as much as a button says, in characters.
const maxOIDCName = 40

// checkOIDC checks what is said of logins through a provider.
func (c Config) checkOIDC(wrong func(name, format string, args ...any)) {
	const issuer = "NEUROD_OIDC_ISSUER"
	if c.OIDCIssuer == "" {
		for name, set := range map[string]bool{"NEUROD_OIDC_CLIENT_ID": c.OIDCClientID != "", "NEUROD_OIDC_CLIENT_SECRET": c.OIDCClientSecret != "", "NEUROD_OIDC_NAME": c.OIDCName != "",
			"NEUROD_OIDC_SIGNUP": c.OIDCSignup} {
			if set {
				wrong(name, "is set, but %s is not: it names the provider", issuer)
			}
		}
		if !c.PasswordLogin {
			wrong("NEUROD_PASSWORD_LOGIN", "is false, but %s is not set: nobody could log in", issuer)
		}
		return
	}
	switch u, err := url.Parse(c.OIDCIssuer); {
	case err != nil || u.Hostname() == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" || u.Scheme != "https" && u.Scheme != "http":
		wrong(issuer, "must be an address such as https://accounts.google.com, without a query")
	case u.Scheme == "http" && !Loopback(u.Hostname()):
		wrong(issuer, "must be https: whoever is on the way could say who logs in")
	}
	if c.OIDCClientID == "" {
		wrong("NEUROD_OIDC_CLIENT_ID", "is not set, but %s is: the provider gives one out", issuer)
	}
	if !slices.Contains(strings.Fields(c.OIDCScopes), "openid") {
		wrong("NEUROD_OIDC_SCOPES", "must have openid among them, and usually email")
	}
	if utf8.RuneCountInString(c.OIDCName) > maxOIDCName || strings.ContainsFunc(c.OIDCName, unicode.IsControl) {
		wrong("NEUROD_OIDC_NAME", "must have at most %d characters, and none that cannot be seen", maxOIDCName)
	}
	if c.PublicURL == "" && !c.Embedded() {
		wrong("NEUROD_PUBLIC_URL", "is not set, but %s is: the provider sends people back to it", issuer)
	}
}

// checkTraces checks what is said of traces.
func (c Config) checkTraces(wrong func(name, format string, args ...any)) {
	if !slices.Contains([]string{"", "otlp", "none"}, c.TracesExporter) {
		wrong("OTEL_TRACES_EXPORTER", "must be otlp or none")
	}
	protocols := []string{"", telemetry.OverHTTP, telemetry.OverGRPC}
	for _, p := range []struct{ name, value string }{{"OTEL_EXPORTER_OTLP_PROTOCOL", c.OTLPProtocol}, {"OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", c.OTLPTracesProtocol}} {
		if !slices.Contains(protocols, p.value) {
			wrong(p.name, "must be %s or %s", telemetry.OverHTTP, telemetry.OverGRPC)
		}
	}
	if _, err := telemetry.Endpoint("", c.OTLPEndpoint, telemetry.OverGRPC); err != nil {
		wrong("OTEL_EXPORTER_OTLP_ENDPOINT", "%s", err)
	}
	if _, err := telemetry.Endpoint(c.OTLPTracesEndpoint, "", telemetry.OverHTTP); err != nil {
		wrong("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "%s", err)
	}
	if !slices.Contains(telemetry.Samplers(), c.TracesSampler) {
		wrong("OTEL_TRACES_SAMPLER", "must be one of %s", strings.Join(telemetry.Samplers(), ", "))
	}
	if !(c.TracesRatio >= 0 && c.TracesRatio <= 1) {
		wrong("OTEL_TRACES_SAMPLER_ARG", "must be from 0 to 1")
	}
}

// Signup reports whether anyone may make an account.
func (c Config) Signup() bool {
	if c.SignupEnabled == nil {
		return c.Embedded()
	}
	return *c.SignupEnabled
}

// Embedded reports whether this is the embedded mode.
func (c Config) Embedded() bool {
	return c.RedisURL == "" && store.DialectOf(c.DatabaseURL.Reveal()) == store.SQLite
}

// SigningKey returns the key for access tokens: the configured one, or in the embedded mode one that is made once
// and kept in DataDir. Production without one is an error.
func (c Config) SigningKey() ([]byte, error) {
	switch {
	case c.JWTSecret != "":
		return []byte(c.JWTSecret.Reveal()), nil
	case !c.Embedded():
		return nil, errors.New("config: NEUROD_JWT_SECRET is not set; production has no default secret: openssl rand -hex 32 makes one")
	}
	return auth.SigningKeyFile(filepath.Join(c.DataDir, "signing.key"))
}

// PreviousKeys returns the keys that are good beside SigningKey.
func (c Config) PreviousKeys() [][]byte {
	var out [][]byte
	for _, s := range c.JWTPrevious {
		out = append(out, []byte(s.Reveal()))
	}
	return out
}

// drivers are those of devices that run inside the API; a test holds them to package devices/holder.
var drivers = []string{"synthetic", "playback", "lsl", "openbci", "ganglion"}

// Drivers lists the drivers of devices that NEUROD_DEVICE_DRIVERS may name.
func Drivers() []string { return slices.Clone(drivers) }

// maxWebhookTimeout leaves room in the lease of an attempt (models.DeliveryLease) for the database.
const maxWebhookTimeout = 30 * time.Second

// maxRate bounds rates: above 10,000 calls a second, µs are too coarse to count in.
const maxRate = 600_000

// RateLimits returns the rates of the families of routes.
func (c Config) RateLimits() map[models.LimitFamily]limit.Rate {
	rate := func(perMinute, burst int) limit.Rate {
		if burst == 0 {
			burst = 2 * perMinute
		}
		return limit.Rate{Requests: perMinute, Per: time.Minute, Burst: burst}
	}
	return map[models.LimitFamily]limit.Rate{
		models.LimitDecode:   rate(c.RateLimitDecode, c.RateBurstDecode),
		models.LimitSessions: rate(c.RateLimitSessions, c.RateBurstSessions),
		models.LimitAccounts: rate(c.RateLimitAccounts, c.RateBurstAccounts),
		models.LimitRegistry: rate(c.RateLimitRegistry, c.RateBurstRegistry),
		models.LimitDevices:  rate(c.RateLimitDevices, c.RateBurstDevices),
		models.LimitAddress:  rate(c.RateLimitAddress, c.RateBurstAddress),
	}
}

// quotaSetting is the setting of a quota.
type quotaSetting struct {
	name       models.QuotaName
	setting    string
	unit       int64
	value      **int
	production int // default
}

// quotas lists the settings of the table of quotas.
func (c *Config) quotas() []quotaSetting {
	fields := map[models.QuotaName]quotaSetting{
		models.QuotaStoredBytes:   {value: &c.QuotaStoredMB, production: 100 << 10},
		models.QuotaWaitingJobs:   {value: &c.QuotaWaitingJobs, production: 100_000},
		models.QuotaOpenSessions:  {value: &c.QuotaOpenSessions, production: 1000},
		models.QuotaWindowsPerDay: {value: &c.QuotaWindowsPerDay, production: 10_000_000},
		models.QuotaModels:        {value: &c.QuotaModels, production: 1000},
		models.QuotaWebhooks:      {value: &c.QuotaWebhooks, production: 20},
		models.QuotaDevices:       {value: &c.QuotaDevices, production: 200},
	}
	var out []quotaSetting
	for _, q := range models.Quotas() {
		s := fields[q.Name]
		s.name, s.setting, s.unit = q.Name, q.Setting, q.Unit
		out = append(out, s)
	}
	return out
}

// Quotas returns the limits of every project that has none of its own, 0 for none.
func (c Config) Quotas() map[models.QuotaName]int64 {
	out := map[models.QuotaName]int64{}
	for _, q := range c.quotas() {
		if *q.value != nil {
			out[q.name] = int64(**q.value) * q.unit
		}
	}
	return out
}

// Store returns the settings of the database.
func (c Config) Store() store.Config {
	return store.Config{DatabaseURL: c.DatabaseURL.Reveal(), DataDir: c.DataDir, MaxConns: c.DatabaseConns}
}

// Names lists the variables that are settings.
func Names() []string {
	t := reflect.TypeFor[Config]()
	out := make([]string, t.NumField())
	for i := range out {
		out[i] = t.Field(i).Tag.Get("env")
	}
	return out
}

// LogValue shows the settings by the names of their variables, without secrets.
func (c Config) LogValue() slog.Value {
	v := reflect.ValueOf(c)
	attrs := make([]slog.Attr, 0, v.NumField())
	for i := range v.NumField() {
		attrs = append(attrs, slog.Any(v.Type().Field(i).Tag.Get("env"), v.Field(i).Interface()))
	}
	return slog.GroupValue(attrs...)
}

// Loopback reports whether a host is this machine alone, by its address or as localhost.
func Loopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.IsLoopback()
}

// badOrigin says why a text is not an origin as browsers send them (RFC 6454, 7), "" when it is one.
func badOrigin(text string) string {
	if text == "*" {
		return ""
	}
	u, err := url.Parse(strings.Replace(text, "://*.", "://any.", 1))
	switch {
	case err != nil || u.Scheme == "" || u.Hostname() == "":
		return "which is not an origin, as in https://app.example.org"
	case u.Path != "" || u.RawQuery != "" || u.Fragment != "" || u.User != nil || u.ForceQuery:
		return "which has more than a scheme, a host and a port: browsers send no slash or path"
	case strings.Contains(u.Host, "*"):
		return "whose star is not the first part of the host"
	}
	return ""
}

// weak says why a secret is not a secret, "" when it may be one.
func weak(secret string) string {
	if len(secret) < auth.SigningKeySize {
		return fmt.Sprintf("has %d bytes and needs at least %d", len(secret), auth.SigningKeySize)
	}
	seen := map[byte]bool{}
	for i := range len(secret) {
		seen[secret[i]] = true
	}
	// 32 random hexadecimal digits show fewer than 6 of the 16 once in 10^12 times: C(16,5)·(5/16)^32.
	if len(seen) < 6 {
		return "repeats itself"
	}
	lower := strings.ToLower(secret)
	for _, word := range []string{"changeme", "change-me", "change_me", "replace-me", "your-secret", "default-secret", "insecure"} {
		if strings.Contains(lower, word) {
			return "is the one of an example"
		}
	}
	return ""
}

// explain names the variables that env could not parse instead of the struct's fields.
func explain(err error) error {
	var all env.AggregateError
	if !errors.As(err, &all) {
		return err
	}
	var out []error
	for _, e := range all.Errors {
		var parse env.ParseError
		if !errors.As(e, &parse) {
			out = append(out, e)
			continue
		}
		name := parse.Name
		if f, ok := reflect.TypeFor[Config]().FieldByName(parse.Name); ok {
			name = f.Tag.Get("env")
		}
		out = append(out, fmt.Errorf("%s is not a %s: %w", name, kind(parse.Type), parse.Err))
	}
	return errors.Join(out...)
}

// kind words a type for people.
func kind(t reflect.Type) string {
	switch t {
	case reflect.TypeFor[time.Duration]():
		return "duration"
	case reflect.TypeFor[slog.Level]():
		return "log level"
	}
	switch t.Kind() {
	case reflect.Bool:
		return "truth value"
	case reflect.Int:
		return "whole number"
	case reflect.Float64:
		return "number"
	}
	return t.String()
}
