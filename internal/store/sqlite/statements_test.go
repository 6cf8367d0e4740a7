package sqlite

import (
	"database/sql"
	"fmt"
	"net/url"
	"path/filepath"
	"testing"

	"gorm.io/gorm"
)

// testPool opens a database with one table and one connection.
func testPool(t *testing.T) *sql.DB {
	t.Helper()
	pool, err := openPool(filepath.Join(t.TempDir(), "t.db"), url.Values{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	pool.SetMaxOpenConns(1)
	t.Cleanup(func() {
		if err := pool.Close(); err != nil {
			t.Error(err)
		}
	})
	if _, err := pool.Exec("CREATE TABLE t (id integer PRIMARY KEY, name text UNIQUE)"); err != nil {
		t.Fatal(err)
	}
	return pool
}

// kept returns the statements that the pool's connection keeps.
func kept(t *testing.T, pool *sql.DB) (n int) {
	t.Helper()
	conn, err := pool.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.Raw(func(c any) error { n = len(c.(*keepingConn).kept); return nil }); err != nil {
		t.Fatal(err)
	}
	return n
}

// TestStatementsAreKept runs the same text many times, within itself too, and after errors, other schemas and many other texts.
func TestStatementsAreKept(t *testing.T) {
	t.Parallel()
	pool := testPool(t)
	const insert, list = "INSERT INTO t (id, name) VALUES (?, ?)", "SELECT name FROM t WHERE id >= ? ORDER BY id"
	for i := range 5 {
		if _, err := pool.Exec(insert, i, fmt.Sprint("n", i)); err != nil {
			t.Fatal(err)
		}
	}
	if n := kept(t, pool); n != 1 {
		t.Errorf("%d statements are kept after one text, want 1", n)
	}
	tx, err := pool.Begin()
	if err != nil {
		t.Fatal(err)
	}
	read := func(from int) (names []string) {
		rows, err := tx.Query(list, from)
		if err != nil {
			t.Fatal(err)
		}
		defer rows.Close()
		for rows.Next() {
			var name string
			if err := rows.Scan(&name); err != nil {
				t.Fatal(err)
			}
			names = append(names, name)
			if from == 0 { // the same text while its rows are being read
				var inner string
				if err := tx.QueryRow(list, 3).Scan(&inner); err != nil || inner != "n3" {
					t.Errorf("within: %q, %v", inner, err)
				}
			}
		}
		if err := rows.Err(); err != nil {
			t.Fatal(err)
		}
		return names
	}
	for range 2 {
		if got := read(0); fmt.Sprint(got) != "[n0 n1 n2 n3 n4]" {
			t.Errorf("read %v", got)
		}
	}
	if err := tx.Commit(); err != nil {
		t.Fatal(err)
	}

	_, err = pool.Exec(insert, 9, "n4")
	if (gormDialect{}).Translate(err) != gorm.ErrDuplicatedKey {
		t.Errorf("a name that is taken: %v", err)
	}
	if _, err := pool.Exec(insert, 9, "n9"); err != nil {
		t.Errorf("after an error: %v", err)
	}
	if _, err := pool.Exec("ALTER TABLE t ADD COLUMN more text DEFAULT 'm'"); err != nil {
		t.Fatal(err)
	}
	const all = "SELECT * FROM t WHERE id = ?"
	for _, want := range []int{3, 4} {
		rows, err := pool.Query(all, 9)
		if err != nil {
			t.Fatal(err)
		}
		columns, err := rows.Columns()
		if err != nil || len(columns) != want {
			t.Errorf("columns %v, %v, want %d", columns, err, want)
		}
		rows.Close()
		if want == 3 {
			if _, err := pool.Exec("ALTER TABLE t ADD COLUMN evenmore text"); err != nil {
				t.Fatal(err)
			}
		}
	}
	for i := range 2 * keptStatements {
		var n int
		if err := pool.QueryRow(fmt.Sprintf("SELECT count(*) + %d FROM t", i)).Scan(&n); err != nil || n != 6+i {
			t.Fatal(n, err)
		}
	}
	if n := kept(t, pool); n > keptStatements {
		t.Errorf("%d statements are kept, the most is %d", n, keptStatements)
	}
}

// TestWhatIsNotKept: what takes effect while it is compiled must run each time.
func TestWhatIsNotKept(t *testing.T) {
	t.Parallel()
	pool := testPool(t)
	for _, want := range []int{1, 2, 1, 2} {
		if _, err := pool.Exec(fmt.Sprintf("PRAGMA synchronous = %d", want)); err != nil {
			t.Fatal(err)
		}
		var got int
		if err := pool.QueryRow("PRAGMA synchronous").Scan(&got); err != nil || got != want {
			t.Errorf("synchronous is %d, %v, want %d", got, err, want)
		}
	}
	if n := kept(t, pool); n != 0 {
		t.Errorf("%d statements are kept, want none", n)
	}
}
