package test

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/neurod/neurod/internal/auth"
	"github.com/neurod/neurod/internal/testkit"
	"github.com/neurod/neurod/models"
)

// right is what a route must answer to each kind of credential, stated here independently of the route table.
type right struct {
	takes string       // the credential that the call needs
	scope models.Scope // that a key needs
	also  models.Scope // and this one
	role  models.Role  // the least that a member of the project needs; every one above it will do
	self  models.Role  // the least where the call is about oneself; "" where it is all the same
	// absent is the code for who is not a member. Defaults to project_not_found.
	absent string
	body   string // {placeholders} are filled in
	media  string // media type of the body, "" for JSON
	query  string // added to the path
	good   int    // with the right credential
	// other is what the right kind of credential of another tenant gets: 404 where the path names something that is
	// not its own, good where everything that is reached is its own.
	other int
}

// What a route may take; see securitySchemes of the document.
const (
	authNone     = "none"
	authJWT      = "jwt"
	authMember   = "member"   // a user's token; the path names the project
	authOperator = "operator" // a user's token, of an operator
	authProject  = "project"  // a key, or a user's token with a project
	authQueryKey = "querykey" // as project, the key also in the query
	authBodyKey  = "bodykey"  // as project, the key also in the body
)

// deviceCodes are the names that the devices' document has for codes; others it has in capitals.
var deviceCodes = map[string]string{"missing_credentials": "INVALID_TOKEN", "invalid_token": "INVALID_TOKEN", "expired_token": "INVALID_TOKEN", "invalid_api_key": "INVALID_TOKEN",
	"expired_api_key": "INVALID_TOKEN", "insufficient_scope": "INSUFFICIENT_PERMISSIONS", "insufficient_role": "INSUFFICIENT_PERMISSIONS", "project_mismatch": "INSUFFICIENT_PERMISSIONS"}

// The limits of bodies in docs/reference/limits.md.
const smallBodyLimit, decodeBodyLimit = 64 << 10, 48 << 20

// boardBody makes a device that costs little.
const boardBody = `{"driver":"synthetic","settings":{"pattern":"sine","channels":["Cz"],"samples":50},"config":{"sample_rate":100}}`

// matrix has a row for every route. A route without one fails the test.
var matrix = map[string]right{
	"POST /api/v1/neuro/decode":       {takes: "project", scope: models.ScopeDecode, role: "member", body: documentBody, good: 202, other: 202},
	"POST /api/v1/neuro/decode/batch": {takes: "project", scope: models.ScopeDecode, role: "member", body: `{"items":[` + documentBody + `]}`, good: 202, other: 202},
	"GET /api/v1/jobs":                {takes: "project", scope: models.ScopeJobsRead, role: "viewer", good: 200, other: 200},
	"GET /api/v1/jobs/:id":            {takes: "project", scope: models.ScopeJobsRead, role: "viewer", good: 200, other: 404},
	"GET /api/v1/jobs/:id/attempts":   {takes: "project", scope: models.ScopeJobsRead, role: "viewer", good: 200, other: 404},
	"POST /api/v1/jobs/:id/run-again": {takes: "project", scope: models.ScopeDecode, role: "member", also: models.ScopeJobsRead, good: 202, other: 404},
	"POST /api/v1/jobs/:id/cancel":    {takes: "project", scope: models.ScopeJobsWrite, role: "member", good: 200, other: 404},

	"POST /v1/projects":                                  {takes: "jwt", body: `{"name":"x"}`, good: 201, other: 201},
	"GET /v1/projects":                                   {takes: "jwt", good: 200, other: 200},
	"GET /v1/projects/:id":                               {takes: "member", role: "viewer", good: 200, other: 404},
	"POST /v1/projects/:id/keys":                         {takes: "member", role: "owner", body: `{"name":"x"}`, good: 201, other: 404},
	"GET /v1/projects/:id/usage":                         {takes: "member", role: "owner", good: 200, other: 404},
	"GET /v1/projects/:id/retention":                     {takes: "member", role: "owner", good: 200, other: 404},
	"PATCH /v1/projects/:id/retention":                   {takes: "member", role: "owner", body: `{"job_hours":24}`, good: 200, other: 404},
	"GET /v1/projects/:id/keys":                          {takes: "member", role: "owner", good: 200, other: 404},
	"DELETE /v1/projects/:id/keys/:key_id":               {takes: "jwt", role: "owner", absent: "key_not_found", good: 204, other: 404},
	"GET /v1/projects/:id/members":                       {takes: "member", role: "viewer", good: 200, other: 404},
	"PATCH /v1/projects/:id/members/:user_id":            {takes: "member", role: "owner", body: `{"role":"viewer"}`, good: 200, other: 404},
	"DELETE /v1/projects/:id/members/:user_id":           {takes: "member", role: "owner", self: "viewer", good: 204, other: 404},
	"POST /v1/projects/:id/invitations":                  {takes: "member", role: "owner", body: `{"email":"{fresh}@example.org","role":"viewer"}`, good: 201, other: 404},
	"GET /v1/projects/:id/invitations":                   {takes: "member", role: "owner", good: 200, other: 404},
	"DELETE /v1/projects/:id/invitations/:invitation_id": {takes: "member", role: "owner", good: 204, other: 404},
	"POST /v1/invitations/accept":                        {takes: "jwt", body: `{"token":"{invitation}"}`, good: 200, other: 404},
	"GET /api/v1/admin/queues":                           {takes: "operator", good: 200},
	"GET /api/v1/admin/stats":                            {takes: "operator", good: 200},
	"GET /api/v1/admin/workers":                          {takes: "operator", good: 200},
	"GET /api/v1/admin/scale":                            {takes: "operator", good: 200},
	"GET /api/v1/admin/jobs":                             {takes: "operator", good: 200},
	"GET /api/v1/admin/jobs/:id":                         {takes: "operator", good: 200},
	"POST /api/v1/admin/jobs/:id/retry":                  {takes: "operator", good: 200},
	"POST /api/v1/admin/jobs/:id/cancel":                 {takes: "operator", good: 409},
	"POST /api/v1/admin/jobs/:id/discard":                {takes: "operator", good: 409},
	"GET /api/v1/admin/dead-letters":                     {takes: "operator", good: 200},
	"POST /api/v1/admin/actions":                         {takes: "operator", body: `{"action":"retry","dry_run":true}`, good: 200},
	"GET /api/v1/admin/actions":                          {takes: "operator", good: 200},
	"GET /api/v1/admin/actions/:id":                      {takes: "operator", good: 404},
	"POST /api/v1/admin/actions/:id/cancel":              {takes: "operator", good: 404},
	"GET /api/v1/admin/load":                             {takes: "operator", good: 200},
	"GET /api/v1/admin/system":                           {takes: "operator", good: 200},
	"GET /api/v1/admin/audit":                            {takes: "operator", good: 200},
	"POST /api/v1/admin/queues/:queue/pause":             {takes: "operator", good: 404},
	"POST /api/v1/admin/queues/:queue/resume":            {takes: "operator", good: 404},
	"GET /api/v1/admin/projects":                         {takes: "operator", good: 200},
	"GET /v1/audit":                                      {takes: "jwt", good: 200, other: 200},
	"POST /v1/auth/signup":                               {takes: "none", body: `{"email":"{fresh}@example.com","password":"correct horse battery"}`, good: 201},
	"POST /v1/auth/login":                                {takes: "none", body: `{"email":"{email}","password":"correct horse battery"}`, good: 200},
	"POST /v1/auth/refresh":                              {takes: "none", body: `{"refresh_token":"{refresh}"}`, good: 200},
	"POST /v1/auth/logout":                               {takes: "none", body: `{"refresh_token":"{refresh}"}`, good: 204},
	"POST /v1/auth/browser/signup":                       {takes: "none", body: `{"email":"{fresh}@example.com","password":"correct horse battery"}`, good: 403}, // pages alone: see TestOtherPagesCannotUseTheCookie
	"POST /v1/auth/browser/login":                        {takes: "none", body: `{"email":"{email}","password":"correct horse battery"}`, good: 403},
	"POST /v1/auth/browser/refresh":                      {takes: "none", good: 403},
	"POST /v1/auth/browser/logout":                       {takes: "none", good: 403},
	"GET /v1/auth/oidc/login":                            {takes: "none", good: 503}, // this server has no provider: see TestOIDC of internal/app
	"GET /v1/auth/oidc/callback":                         {takes: "none", good: 503},
	"GET /v1/account":                                    {takes: "jwt", good: 200, other: 200},
	"POST /v1/account/logout":                            {takes: "jwt", good: 204, other: 204},
	"GET /api/v1/server":                                 {takes: "none", good: 200},
	"POST /v1/sessions":                                  {takes: "project", scope: models.ScopeSessions, role: "member", body: sessionBody, good: 201, other: 201},
	"POST /v1/sessions/import": {takes: "project", scope: models.ScopeSessions, role: "member", body: "Cz,Pz\n1,2\n3,4\n", media: "text/csv",
		query: "?external_user_id=u&sample_rate_hz=100", good: 202, other: 202},
	"GET /v1/sessions/:id/events":          {takes: "project", scope: models.ScopeSessions, role: "viewer", good: 200, other: 404},
	"POST /v1/sessions/:id/events":         {takes: "project", scope: models.ScopeSessions, role: "member", body: `{"events":[{"t_unix_ms":1000,"code":1}]}`, good: 201, other: 404},
	"GET /v1/sessions":                     {takes: "project", scope: models.ScopeSessions, role: "viewer", good: 200, other: 200},
	"GET /v1/sessions/:id":                 {takes: "project", scope: models.ScopeSessions, role: "viewer", good: 200, other: 404},
	"POST /v1/sessions/:id/ingest":         {takes: "project", scope: models.ScopeSessions, role: "member", body: ingestBody, good: 202, other: 404},
	"POST /v1/sessions/:id/end":            {takes: "project", scope: models.ScopeSessions, role: "member", body: `{}`, good: 200, other: 404},
	"GET /v1/sessions/:id/status":          {takes: "project", scope: models.ScopeSessions, role: "viewer", good: 200, other: 404},
	"GET /v1/sessions/:id/features":        {takes: "project", scope: models.ScopeSessions, role: "viewer", good: 200, other: 404},
	"GET /v1/sessions/:id/features/latest": {takes: "project", scope: models.ScopeSessions, role: "viewer", good: 404, other: 404}, // of a session without a window
	"PATCH /v1/sessions/:id/events/:seq":   {takes: "project", scope: models.ScopeSessions, role: "member", body: `{"label":"x"}`, good: 200, other: 404},
	"DELETE /v1/sessions/:id/events/:seq":  {takes: "project", scope: models.ScopeSessions, role: "member", good: 204, other: 404},
	"GET /v1/sessions/:id/event-changes":   {takes: "project", scope: models.ScopeSessions, role: "viewer", good: 200, other: 404},
	"GET /v1/sessions/:id/samples":         {takes: "project", scope: models.ScopeSessions, role: "viewer", good: 200, other: 404},
	"GET /v1/sessions/:id/export":          {takes: "project", scope: models.ScopeSessions, role: "viewer", good: 200, other: 404},
	"POST /v1/sessions/:id/ws-token":       {takes: "project", scope: models.ScopeSessions, role: "viewer", good: 200, other: 404},
	"GET /v1/sessions/:id/features/stream": {takes: "project", scope: models.ScopeSessions, role: "viewer", good: 200, other: 404},
	"GET /v1/sessions/:id/decodes":         {takes: "project", scope: models.ScopeSessions, role: "viewer", good: 200, other: 404},
	"GET /ws":                              {takes: "none", good: 426}, // its credential comes in a message: see TestTheSocketKnowsItsClient
	"GET /asyncapi.yaml":                   {takes: "none", good: 200},
	"GET /v1/ws":                           {takes: "none", good: 401},                                                         // takes stream tokens: see TestStreamTokensOpenTheirSessionAlone
	"DELETE /v1/users/:external_user_id":   {takes: "project", scope: models.ScopeErase, role: "owner", good: 200, other: 200}, // each within its project

	"POST /graphql":                          {takes: "project", role: "viewer", body: `{"query":"{devices{id}}"}`, good: 200, other: 200}, // of its fields: see TestGraphQLSecurityMatrix
	"GET /graphql":                           {takes: "project", role: "viewer", query: "?query=%7Bdevices%7Bid%7D%7D", good: 200, other: 200},
	"POST /v2/auth/login":                    {takes: "none", body: `{"email":"{email}","password":"correct horse battery"}`, good: 200},
	"POST /v2/auth/refresh":                  {takes: "none", body: `{"refresh_token":"{refresh}"}`, good: 200},
	"POST /v2/auth/logout":                   {takes: "none", body: `{"refresh_token":"{refresh}"}`, good: 204},
	"GET /v2/devices":                        {takes: "project", scope: models.ScopeDevicesRead, role: "viewer", good: 200, other: 200},
	"POST /v2/devices":                       {takes: "project", scope: models.ScopeDevicesManage, role: "member", body: boardBody, good: 201, other: 201},
	"GET /v2/devices/discover":               {takes: "project", scope: models.ScopeDevicesUse, role: "member", good: 200, other: 200},
	"GET /v2/devices/:id":                    {takes: "project", scope: models.ScopeDevicesRead, role: "viewer", good: 200, other: 404},
	"PATCH /v2/devices/:id":                  {takes: "project", scope: models.ScopeDevicesManage, role: "member", body: `{"name":"x"}`, good: 200, other: 404},
	"DELETE /v2/devices/:id":                 {takes: "project", scope: models.ScopeDevicesManage, role: "member", good: 204, other: 404},
	"PATCH /v2/devices/:id/config":           {takes: "project", scope: models.ScopeDevicesUse, role: "member", body: `{"sample_rate":100}`, good: 200, other: 404},
	"POST /v2/devices/:id/stream/start":      {takes: "project", scope: models.ScopeDevicesUse, role: "member", body: `{}`, good: 200, other: 404},
	"POST /v2/devices/:id/stream/stop":       {takes: "project", scope: models.ScopeDevicesUse, role: "member", body: `{}`, good: 409, other: 404}, // of one that does not stream
	"GET /v2/devices/:id/impedance":          {takes: "project", scope: models.ScopeDevicesUse, role: "member", good: 200, other: 404},
	"POST /v2/devices/:id/check":             {takes: "project", scope: models.ScopeDevicesUse, role: "member", body: `{"seconds":99}`, good: 422, other: 404}, // of a length that none has
	"POST /v2/agents/:name/sync":             {takes: "project", scope: models.ScopeDevicesRun, role: "member", body: `{"instance":"i","wait_s":0,"devices":[{"id":"d{fresh}","capabilities":{"channels":["Cz"],"sample_rates":[100]}}]}`, good: 200, other: 200},
	"POST /v2/sessions":                      {takes: "project", scope: models.ScopeSessions, role: "member", body: `{"patient_id":"u","device_type":"d","sample_rate":256,"channels":["Cz"]}`, good: 201, other: 201},
	"GET /v2/sessions":                       {takes: "project", scope: models.ScopeSessions, role: "viewer", good: 200, other: 200},
	"GET /v2/sessions/:id":                   {takes: "project", scope: models.ScopeSessions, role: "viewer", good: 200, other: 404},
	"PATCH /v2/sessions/:id":                 {takes: "project", scope: models.ScopeSessions, role: "member", body: `{"name":"x"}`, good: 200, other: 404},
	"DELETE /v2/sessions/:id":                {takes: "project", scope: models.ScopeErase, role: "owner", good: 200, other: 404},
	"GET /v2/sessions/:id/recordings":        {takes: "project", scope: models.ScopeSessions, role: "viewer", good: 200, other: 404},
	"GET /v2/data/timeseries":                {takes: "project", scope: models.ScopeSessions, role: "viewer", query: "?session_id={session}", good: 200, other: 404},
	"GET /v2/data/stream/:id":                {takes: "project", scope: models.ScopeSessions, role: "viewer", good: 200, other: 409},
	"POST /v2/data/export":                   {takes: "project", scope: models.ScopeSessions, role: "viewer", body: `{"session_id":"{session}","format":"csv"}`, good: 200, other: 404},
	"POST /v2/analysis/sessions/:id/analyze": {takes: "project", scope: models.ScopeDecode, also: models.ScopeSessions, role: "member", body: `{"model_type":"motor_imagery"}`, good: 202, other: 404},
	"GET /v2/analysis/results/:id":           {takes: "project", scope: models.ScopeJobsRead, also: models.ScopeSessions, role: "viewer", good: 200, other: 404},
	"GET /v2/analysis/models":                {takes: "project", scope: models.ScopeCatalogRead, role: "viewer", good: 200, other: 200},
	"POST /v2/analysis/models/deploy":        {takes: "project", scope: models.ScopeCatalogWrite, role: "member", body: `{"model_id":"{uploaded}"}`, good: 200, other: 404},

	"GET /v1/models/list":                                         {takes: "querykey", scope: models.ScopeCatalogRead, role: "viewer", good: 200, other: 200},
	"GET /v1/models/:name/versions/:version/download":             {takes: "querykey", scope: models.ScopeCatalogRead, role: "viewer", good: 200, other: 404},
	"POST /v1/analytics/log":                                      {takes: "bodykey", role: "member", body: `{"event_type":"inference"}`, good: 200, other: 200},
	"POST /v1/auth/validate":                                      {takes: "none", body: `{"api_key":"{passing}"}`, good: 200},
	"POST /v1/installer/github-token":                             {takes: "none", body: `{"api_key":"{passing}"}`, good: 503},
	"POST /v1/auth/revoke":                                        {takes: "none", body: `{"api_key":"{passing}"}`, good: 200},
	"POST /auth/validate":                                         {takes: "none", body: `{"api_key":"{passing}"}`, good: 200},
	"POST /auth/refresh":                                          {takes: "none", body: `{"refresh_token":"{refresh}"}`, good: 200},
	"POST /auth/revoke":                                           {takes: "none", body: `{"api_key":"{passing}"}`, good: 200},
	"POST /installer/github-token":                                {takes: "none", body: `{"api_key":"{passing}"}`, good: 503},
	"POST /api/v1/models":                                         {takes: "project", scope: models.ScopeCatalogWrite, role: "member", body: `{"file":"{model}"}`, good: 201, other: 201},
	"GET /api/v1/models":                                          {takes: "project", scope: models.ScopeCatalogRead, role: "viewer", good: 200, other: 200},
	"GET /api/v1/models/:name":                                    {takes: "project", scope: models.ScopeCatalogRead, role: "viewer", good: 200, other: 404},
	"DELETE /api/v1/models/:name":                                 {takes: "project", scope: models.ScopeCatalogWrite, role: "member", good: 204, other: 404},
	"POST /api/v1/models/:name/rollback":                          {takes: "project", scope: models.ScopeCatalogWrite, role: "member", body: `{"version":"1"}`, good: 200, other: 404},
	"POST /api/v1/models/train":                                   {takes: "project", scope: models.ScopeCatalogWrite, role: "member", body: `{"name":"m","paradigm":"motor_imagery","sessions":[{"session_id":"{session}"}],"classes":{"1":"a","2":"b"}}`, also: models.ScopeSessions, good: 202, other: 404},
	"POST /api/v1/models/:name/calibrate":                         {takes: "project", scope: models.ScopeCatalogWrite, role: "member", body: `{"sessions":[{"session_id":"{session}"}],"classes":{"1":"left_hand"}}`, also: models.ScopeSessions, good: 202, other: 404},
	"POST /api/v1/webhooks":                                       {takes: "project", scope: models.ScopeWebhooksWrite, role: "owner", body: `{"url":"https://hook.example/x"}`, good: 201, other: 201},
	"GET /api/v1/webhooks":                                        {takes: "project", scope: models.ScopeWebhooksRead, role: "member", good: 200, other: 200},
	"GET /api/v1/webhooks/:id":                                    {takes: "project", scope: models.ScopeWebhooksRead, role: "member", good: 200, other: 404},
	"PATCH /api/v1/webhooks/:id":                                  {takes: "project", scope: models.ScopeWebhooksWrite, role: "owner", body: `{"description":"x"}`, good: 200, other: 404},
	"DELETE /api/v1/webhooks/:id":                                 {takes: "project", scope: models.ScopeWebhooksWrite, role: "owner", good: 204, other: 404},
	"POST /api/v1/webhooks/:id/rotate":                            {takes: "project", scope: models.ScopeWebhooksWrite, role: "owner", good: 200, other: 404},
	"POST /api/v1/webhooks/:id/test":                              {takes: "project", scope: models.ScopeWebhooksWrite, role: "owner", good: 202, other: 404},
	"GET /api/v1/webhooks/:id/deliveries":                         {takes: "project", scope: models.ScopeWebhooksRead, role: "member", good: 200, other: 404},
	"POST /api/v1/webhooks/:id/deliveries/:delivery_id/redeliver": {takes: "project", scope: models.ScopeWebhooksWrite, role: "owner", good: 202, other: 404},
	"GET /healthz":                                                {takes: "none", good: 200},
	"GET /readyz":                                                 {takes: "none", good: 200},
	"GET /api/health":                                             {takes: "none", good: 200},
	"GET /metrics":                                                {takes: "none", good: 200},
	"GET /metrics/scale":                                          {takes: "none", good: 200},
	"DELETE /v1/projects/:id":                                     {takes: "member", role: "owner", good: 200, other: 404},
	"POST /v1/account/password":                                   {takes: "jwt", body: `{"current_password":"correct horse battery","new_password":"correct horse battery"}`, good: 200, other: 200},
	"POST /v1/account/delete":                                     {takes: "jwt", body: `{"password":"wrong"}`, good: 401, other: 401}, // the right one: see TestAccountsAreDeletedAndPasswordsChanged
	"GET /clients/":                                               {takes: "none", good: 200},
	"GET /docs":                                                   {takes: "none", good: 200},
	"GET /docs/:file":                                             {takes: "none", good: 404},
	"GET /proto/:package/:version/:file":                          {takes: "none", good: 404},
	"GET /clients/:file":                                          {takes: "none", good: 404},
	"GET /openapi.json":                                           {takes: "none", good: 200},
	"GET /openapi.yaml":                                           {takes: "none", good: 200},
}

// tenant is a user with a project, a job and keys of every kind.
type tenant struct {
	userID, token, project string
	keys                   map[string]string       // by kind
	scoped                 map[models.Scope]string // keys with every scope but this one
	only                   map[models.Scope]string // and with this one alone
	roles                  map[models.Role]string  // tokens of members with each role
	removed                string                  // token of somebody who was a member
	job                    string
}

// user makes an account.
func (s *server) user(t testing.TB, email string) (id, token string) {
	t.Helper()
	u := s.json(t, 201, "POST", "/v1/auth/signup", "", object{"email": s.mail(email), "password": "correct horse battery"})
	return u["id"].(string), u["access_token"].(string)
}

// join makes a user a member of an owner's project.
func (s *server) join(t testing.TB, owner, project, email, token string, role models.Role) {
	t.Helper()
	i := s.json(t, 201, "POST", "/v1/projects/"+project+"/invitations", owner, object{"email": s.mail(email), "role": role})
	s.json(t, 200, "POST", "/v1/invitations/accept", token, object{"token": i["token"]})
}

func (s *server) tenant(t *testing.T, email string) tenant {
	t.Helper()
	u := s.json(t, 201, "POST", "/v1/auth/signup", "", object{"email": s.mail(email), "password": "correct horse battery"})
	n := tenant{userID: u["id"].(string), token: u["access_token"].(string), keys: map[string]string{}, scoped: map[models.Scope]string{},
		only: map[models.Scope]string{}, roles: map[models.Role]string{}}
	n.project = s.json(t, 201, "POST", "/v1/projects", n.token, object{"name": "P"})["id"].(string)
	create := func(body object) (id, raw string) {
		k := s.json(t, 201, "POST", "/v1/projects/"+n.project+"/keys", n.token, body)
		return k["id"].(string), k["raw_key"].(string)
	}
	_, n.keys["good"] = create(object{"name": "good"})
	id, revoked := create(object{"name": "revoked"})
	if a := s.call(t, "DELETE", "/v1/projects/"+n.project+"/keys/"+id, n.token, nil); a.StatusCode != 204 {
		t.Fatalf("revoke: %d %s", a.StatusCode, a.body)
	}
	n.keys["revoked"] = revoked
	for _, scope := range models.Scopes() { // a key with every scope but this one
		rest := slices.DeleteFunc(models.Scopes(), func(x models.Scope) bool { return x == scope })
		_, n.scoped[scope] = create(object{"name": "scoped", "scopes": rest})
		_, n.only[scope] = create(object{"name": "only", "scopes": []models.Scope{scope}})
	}
	n.keys["expired"] = s.expiredKey(t, n.project, n.token)
	n.job = s.json(t, 202, "POST", "/api/v1/neuro/decode", n.keys["good"], documentBody)["id"].(string)
	return n
}

// expiredKey makes a key that has expired, which cannot be done over HTTP alone.
func (s *server) expiredKey(t *testing.T, project, token string) string {
	t.Helper()
	k := s.json(t, 201, "POST", "/v1/projects/"+project+"/keys", token, object{"name": "expired", "expires_in_days": 1})
	s.exec(t, "UPDATE api_keys SET created_at = $1, expires_at = $2 WHERE id = $3", time.Now().UTC().Add(-2*time.Hour), time.Now().UTC().Add(-time.Minute), k["id"])
	return k["raw_key"].(string)
}

// signingKey is what the server signs with.
func (s *server) signingKey(t testing.TB) []byte {
	t.Helper()
	if !s.backend.Embedded() {
		return []byte(signingSecret)
	}
	key, err := auth.SigningKeyFile(filepath.Join(s.backend.DataDir, "signing.key"))
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// people fills a tenant's project with a member of every role, and lets one go.
func (s *server) people(t *testing.T, n *tenant) {
	t.Helper()
	n.roles[models.RoleOwner] = n.token
	for _, role := range []models.Role{models.RoleMember, models.RoleViewer} {
		email := string(role) + "@example.com"
		_, n.roles[role] = s.user(t, email)
		s.join(t, n.token, n.project, email, n.roles[role], role)
	}
	id, token := s.user(t, "removed@example.com")
	s.join(t, n.token, n.project, "removed@example.com", token, models.RoleOwner)
	if a := s.call(t, "DELETE", "/v1/projects/"+n.project+"/members/"+id, n.token, nil); a.StatusCode != 204 {
		t.Fatalf("%d %s", a.StatusCode, a.body)
	}
	n.removed = token
}

// tokens returns access tokens that must not be taken, by what is wrong with them.
func (s *server) tokens(t *testing.T, userID string) map[string]string {
	t.Helper()
	key := s.signingKey(t)
	issue := func(cfg auth.TokenConfig) string {
		tokens, err := auth.NewTokens(cfg)
		if err != nil {
			t.Fatal(err)
		}
		raw, err := tokens.Issue(userID)
		if err != nil {
			t.Fatal(err)
		}
		return raw
	}
	good := issue(auth.TokenConfig{Key: key})
	parts := strings.Split(good, ".")
	none := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none","typ":"at+jwt"}`))
	return map[string]string{
		"expired token":              issue(auth.TokenConfig{Key: key, Now: func() time.Time { return time.Now().Add(-24 * time.Hour) }}),
		"token of another signer":    issue(auth.TokenConfig{Key: bytes.Repeat([]byte("another-key-"), 4)}),
		"token for another audience": issue(auth.TokenConfig{Key: key, Audience: "elsewhere"}),
		"token of another issuer":    issue(auth.TokenConfig{Key: key, Issuer: "elsewhere"}),
		"unsigned token":             none + "." + parts[1] + ".",
		"token without signature":    parts[0] + "." + parts[1] + ".",
	}
}

// TestSecurityMatrix calls every route with every kind of credential.
func TestSecurityMatrix(t *testing.T) {
	t.Parallel()
	// The document names every route, its credentials and its scope; package handlers holds it to what is mounted.
	credentials := map[string]string{authNone: "[]", authJWT: "[UserToken]", authMember: "[UserToken]", authOperator: "[UserToken]",
		authProject: "[ApiKey UserToken]", authQueryKey: "[ApiKey UserToken QueryKey]", authBodyKey: "[ApiKey UserToken]"}
	scope := regexp.MustCompile("`([a-z]+(:[a-z]+)?)`")
	all := operations(t)
	for name, op := range all {
		m, ok := matrix[name]
		if !ok {
			t.Errorf("%s has no row in the security matrix", name)
			continue
		}
		takes := []string{}
		if op.Security != nil {
			for _, one := range *op.Security {
				takes = append(takes, slices.Collect(maps.Keys(one))...)
			}
		}
		if fmt.Sprint(takes) != credentials[m.takes] {
			t.Errorf("%s takes %v, the matrix says %s", name, takes, m.takes)
		}
		var scopes []models.Scope
		for _, word := range scope.FindAllStringSubmatch(op.Description, -1) {
			if s := models.Scope(word[1]); slices.Contains(models.Scopes(), s) {
				scopes = append(scopes, s)
			}
		}
		if m.scope != "" && !slices.Contains(scopes, m.scope) || m.scope == "" && op.Responses.Value("403") != nil && len(scopes) > 0 {
			t.Errorf("%s names the scopes %v, the matrix says %q", name, scopes, m.scope)
		}
	}
	for name, m := range matrix {
		role := m.role
		if m.self != "" {
			role = m.self
		}
		if op := all[name]; op != nil && role != "" && m.takes != authJWT && !strings.Contains(op.Description, "`"+string(role)+"`") {
			t.Errorf("%s does not name the role %s", name, role)
		}
		if all[name] == nil {
			t.Errorf("%s has a row in the security matrix and is not in openapi.yaml", name)
		}
	}

	testkit.Backends(t, func(t *testing.T, b testkit.Backend) {
		s := boot(t, b, "NEUROD_SIGNUPS_PER_HOUR=1000", "NEUROD_QUOTA_WEBHOOKS=0", "NEUROD_QUOTA_DEVICES=0", "NEUROD_QUOTA_OPEN_SESSIONS=0", "NEUROD_WEBHOOK_SLOTS=0")
		mine, other := s.tenant(t, "mine@example.com"), s.tenant(t, "other@example.com")
		s.people(t, &mine)
		_, operator := s.user(t, "operator@example.com")
		s.command(t, "users", "operator", s.mail("operator@example.com"), "on")
		badTokens := s.tokens(t, mine.userID)
		badKey, last := mine.keys["good"][:len(mine.keys["good"])-1], "x"
		if strings.HasSuffix(mine.keys["good"], last) {
			last = "y"
		}
		badKey += last
		unknownKey := auth.NewKey()
		emails := 0

		for _, name := range slices.Sorted(maps.Keys(matrix)) {
			r := matrix[name]
			t.Run(name, func(t *testing.T) {
				method, path, _ := strings.Cut(name, " ")
				// fill makes a fresh request, so that a call that changes something does not spoil the next.
				fill := func() (string, string) {
					path, body := path, r.body
					if strings.Contains(path, ":key_id") {
						k := s.json(t, 201, "POST", "/v1/projects/"+mine.project+"/keys", mine.token, object{"name": "short-lived"})
						path = strings.Replace(path, ":key_id", k["id"].(string), 1)
						t.Cleanup(func() {
							s.call(t, "DELETE", "/v1/projects/"+mine.project+"/keys/"+k["id"].(string), mine.token, nil)
						})
					}
					if name == "DELETE /v1/projects/:id" {
						p := s.json(t, 201, "POST", "/v1/projects", mine.token, object{"name": "short-lived"})
						path = strings.Replace(path, ":id", p["id"].(string), 1)
						for role, token := range mine.roles {
							if token != mine.token {
								s.join(t, mine.token, p["id"].(string), string(role)+"@example.com", token, role)
							}
						}
					}
					if strings.Contains(path, ":user_id") {
						email := fmt.Sprintf("short-lived-%d@example.com", emails)
						id, token := s.user(t, email)
						s.join(t, mine.token, mine.project, email, token, models.RoleMember)
						path = strings.Replace(path, ":user_id", id, 1)
					}
					if strings.Contains(path, ":invitation_id") {
						i := s.json(t, 201, "POST", "/v1/projects/"+mine.project+"/invitations", mine.token, object{"email": "short-lived@example.org", "role": "viewer"})
						path = strings.Replace(path, ":invitation_id", i["id"].(string), 1)
					}
					if strings.Contains(body, "{invitation}") { // of the account whose project it is not
						p := s.json(t, 201, "POST", "/v1/projects", other.token, object{"name": "short-lived"})
						i := s.json(t, 201, "POST", "/v1/projects/"+p["id"].(string)+"/invitations", other.token, object{"email": s.mail("mine@example.com"), "role": "viewer"})
						body = strings.Replace(body, "{invitation}", i["token"].(string), 1)
					}
					if strings.HasPrefix(path, "/v1/projects/:id") {
						path = strings.Replace(path, ":id", mine.project, 1)
					}
					if strings.HasPrefix(path, "/v2/data/stream/") { // ends by itself when the session has ended
						session := s.json(t, 201, "POST", "/v1/sessions", mine.keys["good"], sessionBody)["session_id"].(string)
						s.json(t, 200, "POST", "/v1/sessions/"+session+"/end", mine.keys["good"], nil)
						path = strings.Replace(path, ":id", session, 1)
					}
					if strings.HasPrefix(path, "/v2/analysis/results/") {
						session := s.json(t, 201, "POST", "/v1/sessions", mine.keys["good"], sessionBody)["session_id"].(string)
						s.json(t, 202, "POST", "/v1/sessions/"+session+"/ingest", mine.keys["good"], ingestBody)
						path = strings.Replace(path, ":id", s.json(t, 202, "POST", "/v2/analysis/sessions/"+session+"/analyze", mine.keys["good"], object{})["analysis_id"].(string), 1)
					}
					if strings.Contains(path, "/sessions/:id") {
						session := s.json(t, 201, "POST", "/v1/sessions", mine.keys["good"], sessionBody)["session_id"].(string)
						if strings.HasSuffix(path, "/analyze") {
							s.json(t, 202, "POST", "/v1/sessions/"+session+"/ingest", mine.keys["good"], ingestBody)
						}
						if strings.HasSuffix(path, "/stream") { // ends by itself when the session has ended
							s.json(t, 200, "POST", "/v1/sessions/"+session+"/end", mine.keys["good"], nil)
						}
						path = strings.Replace(path, ":id", session, 1)
						if strings.Contains(path, ":seq") {
							if a := s.call(t, "POST", "/v1/sessions/"+session+"/events", mine.keys["good"], `{"events":[{"t_unix_ms":1000,"code":1}]}`); a.StatusCode != 201 {
								t.Fatalf("%d %s", a.StatusCode, a.body)
							}
							path = strings.Replace(path, ":seq", "1", 1)
						}
					}
					if strings.HasPrefix(path, "/v2/devices/:id") {
						path = strings.Replace(path, ":id", s.json(t, 201, "POST", "/v2/devices", mine.keys["good"], boardBody)["id"].(string), 1)
					}
					if strings.HasPrefix(path, "/v2/agents/") {
						path = strings.Replace(path, ":name", "lab", 1)
					}
					if strings.HasPrefix(path, "/api/v1/webhooks/:id") {
						hook := s.json(t, 201, "POST", "/api/v1/webhooks", mine.keys["good"], `{"url":"https://hook.example/x"}`)["id"].(string)
						path = strings.Replace(path, ":id", hook, 1)
						if strings.Contains(path, ":delivery_id") {
							d := s.json(t, 202, "POST", "/api/v1/webhooks/"+hook+"/test", mine.keys["good"], nil)
							path = strings.Replace(path, ":delivery_id", d["id"].(string), 1)
						}
					}
					path = strings.Replace(path, ":id", mine.job, 1) + r.query
					emails++
					if strings.Contains(path, ":name") {
						name := fmt.Sprintf("model-%d", emails)
						file := modelFile(t, name, "1", "")
						if strings.HasSuffix(path, "/calibrate") {
							file = adaptiveFile(t, name)
						}
						s.uploadModel(t, mine.keys["good"], file)
						path = strings.NewReplacer(":name", name, ":version", "1").Replace(path)
					}
					if strings.Contains(path+body, "{session}") {
						session := s.json(t, 201, "POST", "/v1/sessions", mine.keys["good"], sessionBody)["session_id"].(string)
						path, body = strings.Replace(path, "{session}", session, 1), strings.Replace(body, "{session}", session, 1)
					}
					if strings.Contains(body, "{uploaded}") {
						name := fmt.Sprintf("deployed-%d", emails)
						s.uploadModel(t, mine.keys["good"], modelFile(t, name, "1", ""))
						body = strings.Replace(body, "{uploaded}", name, 1)
					}
					if strings.Contains(body, "{model}") {
						file := modelFile(t, fmt.Sprintf("uploaded-%d", emails), "1", "")
						body = strings.Replace(body, "{model}", base64.StdEncoding.EncodeToString(file), 1)
					}
					if strings.Contains(body, "{passing}") {
						k := s.json(t, 201, "POST", "/v1/projects/"+mine.project+"/keys", mine.token, object{"name": "passing"})
						t.Cleanup(func() {
							s.call(t, "DELETE", "/v1/projects/"+mine.project+"/keys/"+k["id"].(string), mine.token, nil)
						})
						body = strings.Replace(body, "{passing}", k["raw_key"].(string), 1)
					}
					body = strings.NewReplacer("{fresh}", fmt.Sprintf("u%d", emails), "{email}", "mine@example.com").Replace(body)
					if strings.Contains(body, "{refresh}") {
						login := s.json(t, 200, "POST", "/v1/auth/login", "", object{"email": "mine@example.com", "password": "correct horse battery"})
						body = strings.Replace(body, "{refresh}", login["refresh_token"].(string), 1)
					}
					return path, body
				}
				check := func(what string, status int, code string, credential string, headers ...string) {
					t.Helper()
					path, text := fill()
					var body any
					if text != "" {
						body = text
					}
					var a answer
					if r.media == "" {
						a = s.call(t, method, path, credential, body, headers...)
					} else {
						if credential != "" {
							headers = append(headers, "Authorization: Bearer "+credential)
						}
						a = s.raw(t, method, path, append(headers, "Content-Type: "+r.media), []byte(text))
					}
					if a.StatusCode != status || code != "" && a.code() != code {
						t.Errorf("%s: %d %s, want %d %s", what, a.StatusCode, a.body, status, code)
					}
					if status == 401 && !strings.HasPrefix(a.Header.Get("WWW-Authenticate"), "Bearer ") {
						t.Errorf("%s: 401 without a challenge", what)
					}
				}

				// named spells a code as the route's family does.
				ofDevices := strings.HasPrefix(path, "/v2/") || path == "/graphql"
				named := func(code string) string {
					switch other, there := deviceCodes[code]; {
					case ofDevices && there:
						return other
					case ofDevices:
						return strings.ToUpper(code)
					}
					if r.takes == authQueryKey || r.takes == authBodyKey {
						return strings.ToUpper(code)
					}
					return code
				}
				// byRole calls as every kind of member, and as those who are none.
				byRole := func(headers ...string) {
					t.Helper()
					for role, token := range mine.roles {
						if slices.Index(models.Roles(), role) <= slices.Index(models.Roles(), r.role) {
							check("as "+string(role), r.good, "", token, headers...)
						} else {
							check("as "+string(role), 403, named("insufficient_role"), token, headers...)
						}
					}
					absent := named("project_not_found")
					if r.absent != "" {
						absent = r.absent
					}
					check("as one who was removed", 404, absent, mine.removed, headers...)
					check("as an operator of the server", 404, absent, operator, headers...)
				}
				switch r.takes {
				case authNone:
					check("nobody", r.good, "", "")
					check("a bad key", r.good, "", badKey)
					return
				case authQueryKey, authBodyKey:
					check("bad key", 400, "INVALID_FORMAT", badKey)
					check("unknown key", 401, "INVALID_KEY", unknownKey)
					check("expired key", 401, "KEY_EXPIRED", mine.keys["expired"])
					check("revoked key", 401, "INVALID_KEY", mine.keys["revoked"])
				case authProject:
					check("bad key", 401, named("invalid_api_key"), badKey)
					check("unknown key", 401, named("invalid_api_key"), unknownKey)
					check("expired key", 401, named("expired_api_key"), mine.keys["expired"])
					check("revoked key", 401, named("invalid_api_key"), mine.keys["revoked"])
				case authMember, authJWT, authOperator:
					for what, token := range badTokens {
						status := "invalid_token"
						if what == "expired token" {
							status = "expired_token"
						}
						check(what, 401, status, token)
					}
					check("key where a JWT is due", 401, "invalid_token", mine.keys["good"])
				}
				switch r.takes {
				case authProject, authQueryKey, authBodyKey:
					this := "X-Project-Id: " + mine.project
					for what, token := range badTokens {
						status := "invalid_token"
						if what == "expired token" {
							status = "expired_token"
						}
						check(what, 401, named(status), token, this)
					}
					if !ofDevices { // a user who is in one project needs to name none: see TestDevicesAsTheirDocumentHasThem
						check("token without a project", 400, named("project_required"), mine.token)
					}
					check("token and a project of another", 404, named("project_not_found"), mine.token, "X-Project-Id: "+other.project)
					check("token and no project's id", 404, named("project_not_found"), mine.token, "X-Project-Id: x")
					check("token of another and this project", 404, named("project_not_found"), other.token, this)
					check("token of another and its own project", r.other, "", other.token, "X-Project-Id: "+other.project)
					check("token and its project", r.good, "", mine.token, this)
					check("token and two projects", 400, named("invalid_parameter"), mine.token, this, "X-Project-Id: "+other.project)
					byRole(this)
					for scope := range mine.scoped {
						if scope == r.scope || scope == r.also {
							check("without scope "+string(scope), 403, named("insufficient_scope"), mine.scoped[scope])
						}
					}
					for scope, key := range mine.only {
						switch {
						case r.scope == "" || r.scope == scope && r.also == "":
							check("with scope "+string(scope)+" alone", r.good, "", key)
						default:
							check("with scope "+string(scope)+" alone", 403, named("insufficient_scope"), key)
						}
					}
					check("key of one project, header of another", 403, named("project_mismatch"), other.keys["good"], this)
					check("header that names no project", 403, named("project_mismatch"), mine.keys["good"], "X-Project-Id: x")
					check("key of another project", r.other, "", other.keys["good"])
					check("right key", r.good, "", mine.keys["good"])
					check("right key and header", r.good, "", mine.keys["good"], this)
				case authMember:
					check("token of another user", r.other, "project_not_found", other.token)
					check("right token", r.good, "", mine.token)
					byRole()
				case authJWT:
					check("token of another user", r.other, "", other.token)
					check("right token", r.good, "", mine.token)
					if r.role != "" {
						byRole()
					}
				case authOperator:
					for role, token := range mine.roles {
						check("as "+string(role)+" of a project", 403, "insufficient_role", token)
					}
					check("as an operator", r.good, "", operator)
				}
				if r.takes == authQueryKey || r.takes == authBodyKey {
					check("nobody", 400, "MISSING_KEY", "")
					check("other scheme", 400, "MISSING_KEY", "", "Authorization: Basic bWluZTptaW5l")
					check("two headers", 400, "MISSING_KEY", mine.keys["good"], "Authorization: Bearer "+mine.token)
					return
				}
				check("nobody", 401, named("missing_credentials"), "")
				check("other scheme", 401, named("missing_credentials"), "", "Authorization: Basic bWluZTptaW5l")
				check("no scheme", 401, named("missing_credentials"), "", "Authorization: "+mine.keys["good"])
				check("empty", 401, named("missing_credentials"), "", "Authorization: Bearer ")
				check("two headers", 401, named("missing_credentials"), mine.keys["good"], "Authorization: Bearer "+mine.token)
			})
		}

		t.Run("nothing secret in the log", func(t *testing.T) {
			log := s.logged(t)
			for what, secret := range map[string]string{
				"key": mine.keys["good"], "bad key": badKey, "token": mine.token, "password": "correct horse battery", "recording": "dGVzdA==",
			} {
				if strings.Contains(log, secret) {
					t.Errorf("the log holds a %s", what)
				}
			}
		})
	})
}

// TestRevokedKeyStopsAtOnce revokes a key that has just been used.
func TestRevokedKeyStopsAtOnce(t *testing.T) {
	t.Parallel()
	s := embedded(t)
	k := s.json(t, 201, "POST", "/v1/projects/"+s.project+"/keys", s.token, object{"name": "short"})
	s.json(t, 200, "GET", "/api/v1/jobs", k["raw_key"].(string), nil)
	s.call(t, "DELETE", "/v1/projects/"+s.project+"/keys/"+k["id"].(string), s.token, nil)
	if a := s.call(t, "GET", "/api/v1/jobs", k["raw_key"].(string), nil); a.StatusCode != 401 {
		t.Errorf("%d %s", a.StatusCode, a.body)
	}
}

// zipped returns n zero bytes inside gzip: about a thousandth of n.
func zipped(t *testing.T, n int64) []byte {
	t.Helper()
	var buf bytes.Buffer
	w, err := gzip.NewWriterLevel(&buf, gzip.BestSpeed)
	if err != nil {
		t.Fatal(err)
	}
	zeros := make([]byte, 1<<20)
	for ; n > 0; n -= int64(len(zeros)) {
		if _, err := w.Write(zeros[:min(n, int64(len(zeros)))]); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

// TestHostileBodies sends what no honest client sends. Every answer is a clear refusal, and the service goes on.
func TestHostileBodies(t *testing.T) {
	t.Parallel()
	s := boot(t, testkit.Backend{DataDir: t.TempDir()})
	with := func(from, to string) string {
		if !strings.Contains(documentBody, from) {
			t.Fatalf("the document has no %s", from)
		}
		return strings.Replace(documentBody, from, to, 1)
	}
	context := func(n int) string { // a context of n characters when serialized
		return with(`"locale": "en",
      "session_history": ["move_left", "rest", "move_right"],
      "ui_mode": "wheelchair_nav"`, `"note": "`+strings.Repeat("é", n-len(`{"note":""}`))+`"`)
	}
	recording := func(n int) string { return base64.StdEncoding.EncodeToString(make([]byte, n)) }
	var gz bytes.Buffer
	w := gzip.NewWriter(&gz)
	_, _ = io.WriteString(w, documentBody)
	_ = w.Close()

	tests := []struct {
		name    string
		body    string
		headers []string
		status  int
		code    string
	}{
		{"the document's own", documentBody, nil, 202, ""},
		{"the document's own in gzip", gz.String(), []string{"Content-Encoding: gzip"}, 202, ""},
		{"context of 16,000 characters", context(16_000), nil, 202, ""},
		{"context of 16,001 characters", context(16_001), nil, 400, "invalid_request_body"},
		{"recording of 32 MiB", with("dGVzdA==", recording(32<<20)), nil, 202, ""},
		{"recording of 32 MiB and a byte", with("dGVzdA==", recording(32<<20+1)), nil, 413, "payload_too_large"},
		{"body above the limit", strings.Repeat(" ", decodeBodyLimit+1), nil, 413, "payload_too_large"},
		{"gzip bomb", string(zipped(t, 4*decodeBodyLimit)), []string{"Content-Encoding: gzip"}, 413, "payload_too_large"},
		{"no gzip", documentBody, []string{"Content-Encoding: gzip"}, 400, "invalid_request_body"},
		{"unknown encoding", documentBody, []string{"Content-Encoding: zstd"}, 415, "unsupported_media_type"},
		{"bad base64", with("dGVzdA==", "dGVz@A=="), nil, 400, "invalid_request_body"},
		{"absurd channel count", with(`"channels": 8`, `"channels": 2147483647`), nil, 400, "invalid_request_body"},
		{"channel count beyond 64 bits", with(`"channels": 8`, `"channels": 99999999999999999999999`), nil, 400, "invalid_request_body"},
		{"fractional channel count", with(`"channels": 8`, `"channels": 8.5`), nil, 400, "invalid_request_body"},
		{"absurd rate", with(`"sample_rate": 250`, `"sample_rate": 1e308`), nil, 400, "invalid_request_body"},
		{"rate beyond doubles", with(`"sample_rate": 250`, `"sample_rate": 1e309`), nil, 400, "invalid_request_body"},
		{"rate of NaN", with(`"sample_rate": 250`, `"sample_rate": NaN`), nil, 400, "invalid_request_body"},
		{"rate of Infinity", with(`"sample_rate": 250`, `"sample_rate": Infinity`), nil, 400, "invalid_request_body"},
		{"100,000 arrays deep", with(`"locale": "en"`, `"deep": `+strings.Repeat("[", 100_000)+strings.Repeat("]", 100_000)), nil, 400, "invalid_request_body"},
		{"100,000 objects deep", strings.Repeat(`{"input":`, 100_000), nil, 400, "invalid_request_body"},
		{"trailing garbage", documentBody + "garbage", nil, 400, "invalid_request_body"},
		{"second document", documentBody + documentBody, nil, 400, "invalid_request_body"},
		{"truncated", documentBody[:len(documentBody)-3], nil, 400, "invalid_request_body"},
		{"not UTF-8", with("OpenBCI", "Open\xffBCI"), nil, 400, "invalid_request_body"},
		{"half a surrogate pair", with("OpenBCI", `Open\ud83eBCI`), nil, 400, "invalid_request_body"},
		{"U+0000", with("OpenBCI", `Open\u0000BCI`), nil, 400, "invalid_request_body"},
		{"control character in the recording", with("dGVzdA==", "dGVz\ndA=="), nil, 400, "invalid_request_body"},
		{"unknown key at the top", with(`"input": {`, `"trace": 7, "input": {`), nil, 400, "invalid_request_body"},
		{"unknown key below", with(`"type": "eeg",`, `"type": "eeg", "montage": {},`), nil, 400, "invalid_request_body"},
		{"key twice", with(`"type": "eeg",`, `"type": "ecg", "type": "eeg",`), nil, 202, ""},
		{"a hundred thousand small values", with(`"locale": "en"`, `"x": [`+strings.Repeat("1,", 100_000)+`1]`), nil, 400, "invalid_request_body"},
		{"null", "null", nil, 400, "invalid_request_body"},
		{"empty", "", nil, 400, "invalid_request_body"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			a := s.call(t, "POST", "/api/v1/neuro/decode", s.key, tt.body, tt.headers...)
			if a.StatusCode != tt.status || a.code() != tt.code {
				t.Errorf("%d %s, want %d %s", a.StatusCode, tail(string(a.body), 500), tt.status, tt.code)
			}
			if len(a.body) > 16<<10 {
				t.Errorf("the refusal has %d bytes", len(a.body))
			}
		})
	}
	for name, tt := range map[string]struct {
		headers []string
		body    string
		status  int
	}{
		"form":          {[]string{"Content-Type: application/x-www-form-urlencoded"}, documentBody, 415},
		"no media type": {nil, documentBody, 415},
		"chunked": {[]string{"Content-Type: application/json", "Transfer-Encoding: chunked"},
			fmt.Sprintf("%x\r\n%s\r\n0\r\n\r\n", len(documentBody), documentBody), 202},
		"chunks that are none": {[]string{"Content-Type: application/json", "Transfer-Encoding: chunked"}, "zz\r\n{}\r\n0\r\n\r\n", 400},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := s.raw(t, "POST", "/api/v1/neuro/decode", append(tt.headers, "Authorization: Bearer "+s.key), []byte(tt.body))
			if a.StatusCode != tt.status {
				t.Errorf("%d %s, want %d", a.StatusCode, a.body, tt.status)
			}
		})
	}
	t.Run("authentication comes before the body", func(t *testing.T) {
		t.Parallel()
		a := s.raw(t, "POST", "/api/v1/neuro/decode", []string{"Content-Type: application/json", "Expect: 100-continue"}, nil)
		if a.StatusCode != 401 {
			t.Errorf("%d %s", a.StatusCode, a.body)
		}
	})
	t.Run("headers without end", func(t *testing.T) {
		t.Parallel()
		a, err := s.tryRaw("GET", "/healthz", []string{"X-Long: " + strings.Repeat("x", 1<<20)}, nil)
		if err == nil && a.StatusCode != 431 {
			t.Errorf("%d", a.StatusCode)
		}
	})
	t.Cleanup(func() {
		if a := s.call(t, "GET", "/healthz", "", nil); a.StatusCode != 200 {
			t.Errorf("afterwards: %d", a.StatusCode)
		}
		if strings.Contains(s.logged(t), "panic") {
			t.Error("a handler panicked")
		}
	})
}

// TestUnknownPathsAndMethods are refused in the family of their path.
func TestUnknownPathsAndMethods(t *testing.T) {
	t.Parallel()
	s := embedded(t)
	for _, tt := range []struct {
		method, path string
		status       int
		code, media  string
		allow        string
	}{
		{"GET", "/nothing", 404, "not_found", "application/json; charset=utf-8", ""},
		{"GET", "/api/v1/nothing", 404, "not_found", "application/json; charset=utf-8", ""},
		{"GET", "/api/v1/jobs/", 404, "not_found", "application/json; charset=utf-8", ""},
		{"GET", "/v2/nowhere", 404, "NOT_FOUND", "application/json; charset=utf-8", ""},
		{"GET", "/v1/nothing", 404, "not_found", "application/problem+json", ""},
		{"GET", "/v1/models/x", 404, "NOT_FOUND", "application/json; charset=utf-8", ""},
		{"POST", "/v1/models/list", 405, "METHOD_NOT_ALLOWED", "application/json; charset=utf-8", "GET"},
		{"GET", "/api/v1/jobs/a%2fb", 404, "job_not_found", "application/json; charset=utf-8", ""}, // an escaped slash is part of the id
		{"GET", "/api/v1/../../etc/passwd", 404, "not_found", "application/json; charset=utf-8", ""},
		{"GET", "/api/v1/neuro/decode", 405, "method_not_allowed", "application/json; charset=utf-8", "POST"},
		{"DELETE", "/api/v1/jobs", 405, "method_not_allowed", "application/json; charset=utf-8", "GET"},
		{"PATCH", "/v1/projects", 405, "method_not_allowed", "application/problem+json", "GET, POST"},
		{"POST", "/api/health", 405, "METHOD_NOT_ALLOWED", "application/json; charset=utf-8", "GET"},
		{"BREW", "/healthz", 405, "method_not_allowed", "application/json; charset=utf-8", "GET"},
	} {
		a := s.call(t, tt.method, tt.path, s.key, nil)
		if a.StatusCode != tt.status || a.code() != tt.code || a.Header.Get("Content-Type") != tt.media {
			t.Errorf("%s %s: %d %s %s", tt.method, tt.path, a.StatusCode, a.Header.Get("Content-Type"), a.body)
		}
		allowed := strings.Split(a.Header.Get("Allow"), ", ")
		slices.Sort(allowed)
		if got := strings.Join(allowed, ", "); got != tt.allow {
			t.Errorf("%s %s: Allow %q, want %q", tt.method, tt.path, got, tt.allow)
		}
		if a.Header.Get("X-Request-Id") == "" || a.Header.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s %s: headers %v", tt.method, tt.path, a.Header)
		}
	}
	for _, path := range []string{"/healthz", "/api/v1/jobs"} {
		if a := s.call(t, "HEAD", path, s.key, nil); a.StatusCode != 200 || len(a.body) != 0 {
			t.Errorf("HEAD %s: %d with %d bytes", path, a.StatusCode, len(a.body))
		}
	}
}

// TestAccountBodiesAreStrict sends wrong bodies to the routes of the problem family.
func TestAccountBodiesAreStrict(t *testing.T) {
	t.Parallel()
	s := embedded(t)
	for name, tt := range map[string]struct {
		path, body, pointer string
	}{
		"missing field":     {"/v1/projects", `{}`, "/name"},
		"wrong type":        {"/v1/projects", `{"name":7}`, "/name"},
		"unknown scope":     {"/v1/projects/" + s.project + "/keys", `{"name":"x","scopes":["decode","root"]}`, "/scopes/1"},
		"scope of no type":  {"/v1/projects/" + s.project + "/keys", `{"name":"x","scopes":["decode",7]}`, "/scopes/1"},
		"time of the past":  {"/v1/projects/" + s.project + "/keys", `{"name":"x","expires_at":"2001-01-01T00:00:00Z"}`, "/expires_at"},
		"time of no format": {"/v1/projects/" + s.project + "/keys", `{"name":"x","expires_at":"tomorrow"}`, "/expires_at"},
	} {
		a := s.call(t, "POST", tt.path, s.token, tt.body)
		var p struct {
			Status int
			Detail string
			Errors []struct{ Pointer string }
		}
		if err := json.Unmarshal(a.body, &p); err != nil || a.StatusCode != 400 || p.Status != 400 || p.Detail == "" {
			t.Errorf("%s: %d %s", name, a.StatusCode, a.body)
			continue
		}
		if len(p.Errors) != 1 || p.Errors[0].Pointer != tt.pointer {
			t.Errorf("%s: errors %v, want %s", name, p.Errors, tt.pointer)
		}
	}
	if a := s.call(t, "POST", "/v1/projects", s.token, `{"name":"`+strings.Repeat("x", smallBodyLimit)+`"}`); a.StatusCode != 413 || a.Header.Get("Content-Type") != "application/problem+json" {
		t.Errorf("large body: %d %s", a.StatusCode, a.body)
	}
}
