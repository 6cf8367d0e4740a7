package app

import (
	"database/sql"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/neurod/neurod/internal/testkit"
)

// TestErasureLeavesNothing erases one of two users and then searches every column of every table for what was theirs.
func TestErasureLeavesNothing(t *testing.T) {
	t.Parallel()
	testkit.Backends(t, func(t *testing.T, b testkit.Backend) {
		s := boot(t, b)
		_, _, foreign := s.account(t, "other@example.com")
		const gone = "patient/7 Ωmega"
		body := func(user string) string { return strings.Replace(recordedBody, "user_1", user, 1) }
		x := headset(5, 4*256)
		var sessions, jobs []string
		for i := range 2 {
			id := s.session(t, body(gone))
			a := s.call(t, "POST", "/v1/sessions/"+id+"/ingest", s.key, batch(x, 0, 4*256), fmt.Sprintf("Idempotency-Key: in-%d", i))
			end := s.json(t, 202, "POST", "/v1/sessions/"+id+"/end", s.key, nil, fmt.Sprintf("Idempotency-Key: end-%d", i))
			s.await(t, end["job_id"].(string))
			sessions, jobs = append(sessions, id), append(jobs, end["job_id"].(string), a.object(t)["job_id"].(string))
		}
		live := s.session(t, strings.Replace(sessionBody, "user_1", gone, 1))
		s.json(t, 200, "POST", "/v1/sessions/"+live+"/end", s.key, nil, "Idempotency-Key: live") // its answer has no job
		kept := s.session(t, body("user_2"))
		s.ingest(t, kept, batch(x, 0, 4*256))
		s.windows(t, kept, "")
		abroad := s.json(t, 201, "POST", "/v1/sessions", foreign, body(gone))["session_id"].(string)

		path := "/v1/users/patient%2F7%20%CE%A9mega"
		answer := s.json(t, 200, "DELETE", path, s.key, nil)
		audit := answer["audit_id"].(string)
		delete(answer, "audit_id")
		if d := cmp.Diff(object{"deleted_external_user_id": gone, "sessions_deleted": 3., "samples_deleted": 2048., "features_deleted": 4.}, answer); d != "" {
			t.Errorf("(-want +got):\n%s", d)
		}
		for _, id := range append(sessions, live) {
			if a := s.call(t, "GET", "/v1/sessions/"+id, s.key, nil); a.StatusCode != 404 {
				t.Errorf("session: %d", a.StatusCode)
			}
		}
		for _, id := range jobs {
			if a := s.call(t, "GET", "/api/v1/jobs/"+id, s.key, nil); a.StatusCode != 404 {
				t.Errorf("job: %d", a.StatusCode)
			}
		}
		if n := len(s.windows(t, kept, "")); n != 2 {
			t.Errorf("another user has %d windows", n)
		}
		s.json(t, 200, "GET", "/v1/sessions/"+abroad, foreign, nil)
		if again := s.json(t, 200, "DELETE", path, s.key, nil); again["sessions_deleted"] != 0. || again["audit_id"] == audit {
			t.Errorf("again: %v", again)
		}
		s.json(t, 200, "DELETE", path, foreign, nil) // so that the sweep may search for the name

		needles := append(append([]string{gone, live}, sessions...), jobs...)
		swept, found := sweep(t, b, needles)
		for _, f := range found {
			t.Error(f)
		}
		if !swept["audit_records"] || !swept["idempotency_records"] || !swept["sample_batches"] || len(swept) < 10 {
			t.Errorf("the sweep saw only %v", swept)
		}
		// The sweep finds what is there.
		if _, found := sweep(t, b, []string{kept}); len(found) < 3 {
			t.Errorf("the sweep found the kept session in %v", found)
		}
	})
}

// sweep searches every column of every table as text.
func sweep(t *testing.T, b testkit.Backend, needles []string) (tables map[string]bool, found []string) {
	t.Helper()
	driver, dsn := "pgx", b.Store.DatabaseURL
	list := "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = 'public'"
	cast := "coalesce(%[1]s::text, '')"
	if b.Embedded() {
		driver = "sqlite"
		list = "SELECT m.name, p.name FROM sqlite_master m, pragma_table_info(m.name) p WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite_%'"
		cast = "coalesce(CAST(%[1]s AS text), '')"
	}
	db, err := sql.Open(driver, dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	rows, err := db.Query(list)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var columns [][2]string
	for rows.Next() {
		var c [2]string
		if err := rows.Scan(&c[0], &c[1]); err != nil {
			t.Fatal(err)
		}
		columns = append(columns, c)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	tables = map[string]bool{}
	for _, c := range columns {
		tables[c[0]] = true
		column := cast
		if !b.Embedded() && isBytes[c] {
			column = "encode(%[1]s, 'escape')"
		}
		values, err := db.Query(fmt.Sprintf("SELECT "+column+" FROM %[2]s", `"`+c[1]+`"`, c[0]))
		if err != nil {
			t.Fatalf("%v: %v", c, err)
		}
		for values.Next() {
			var v string
			if err := values.Scan(&v); err != nil {
				t.Fatal(err)
			}
			for _, n := range needles {
				if strings.Contains(v, n) {
					found = append(found, fmt.Sprintf("%s.%s holds %s", c[0], c[1], n))
				}
			}
		}
		if err := values.Close(); err != nil {
			t.Fatal(err)
		}
	}
	return tables, found
}

// isBytes are the columns that PostgreSQL keeps as bytes.
var isBytes = map[[2]string]bool{
	{"job_payloads", "data"}: true, {"idempotency_records", "body"}: true, {"sample_batches", "data"}: true,
	{"project_models", "data"}: true,
}
