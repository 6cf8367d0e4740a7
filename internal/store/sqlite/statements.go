package sqlite

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strings"

	"modernc.org/sqlite"
)

// openPool opens connections to an SQLite database that keep their statements compiled: compiling takes longer than what most
// of ours do. database/sql's own prepared statements would have to be made before a transaction has the only writing connection.
func openPool(path string, params url.Values, trace func(string)) (*sql.DB, error) {
	params.Set("_time_format", "sqlite") // see timeFormat
	params.Set("_timezone", "UTC")
	c, err := sqlite.NewConnector(path + "?" + params.Encode())
	if err != nil {
		return nil, fmt.Errorf("store: %w", err)
	}
	return sql.OpenDB(connector{c, trace}), nil
}

type connector struct {
	driver.Connector
	trace func(string) // nil for nothing
}

func (c connector) Connect(ctx context.Context) (driver.Conn, error) {
	conn, err := c.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	bare, ok := conn.(bareConn)
	if !ok {
		return nil, errors.Join(fmt.Errorf("store: the driver's connection is a %T", conn), conn.Close())
	}
	return &keepingConn{bareConn: bare, trace: c.trace, kept: map[string]*keptStmt{}}, nil
}

// bareConn is a connection of the driver.
type bareConn interface {
	driver.Conn
	driver.ConnBeginTx
	driver.ConnPrepareContext
	driver.ExecerContext
	driver.QueryerContext
	driver.Pinger
	driver.SessionResetter
	driver.Validator
}

// keptStatements is how many compiled statements a connection keeps: more than the service has of fixed text. Those whose text is
// longer than keptText have lists in them and hardly ever come again.
const (
	keptStatements = 200
	keptText       = 4 << 10
)

// keepingConn is a connection that keeps its statements. database/sql lets one goroutine at a time use it.
type keepingConn struct {
	bareConn
	trace func(string) // nil for nothing
	kept  map[string]*keptStmt
	clock int
}

type keptStmt struct {
	driver.Stmt
	query string
	used  int  // when it was used last, by the connection's clock
	busy  bool // its rows are being read
}

// statement returns the compiled statement of a text that is to be run, nil for one that is not kept or that an outer query reads from.
func (c *keepingConn) statement(ctx context.Context, query string) (*keptStmt, error) {
	if c.trace != nil {
		c.trace(query)
	}
	if s := c.kept[query]; s != nil {
		if s.busy {
			return nil, nil
		}
		c.clock++
		s.used = c.clock
		return s, nil
	}
	if len(query) > keptText || !keepable(query) {
		return nil, nil
	}
	compiled, err := c.PrepareContext(ctx, query)
	if err != nil {
		return nil, err
	}
	if len(c.kept) >= keptStatements {
		if err := c.dropOldest(); err != nil {
			return nil, errors.Join(err, compiled.Close())
		}
	}
	c.clock++
	s := &keptStmt{Stmt: compiled, query: query, used: c.clock}
	c.kept[query] = s
	return s, nil
}

// keepable tells statements that are compiled and then run from those that take effect while they are compiled, such as PRAGMA.
func keepable(query string) bool {
	verb, _, _ := strings.Cut(strings.TrimLeft(query, " \t\n"), " ")
	switch strings.ToUpper(verb) {
	case "SELECT", "INSERT", "UPDATE", "DELETE", "WITH":
		return true
	}
	return false
}

func (c *keepingConn) dropOldest() error {
	var oldest *keptStmt
	for _, s := range c.kept {
		if !s.busy && (oldest == nil || s.used < oldest.used) {
			oldest = s
		}
	}
	if oldest == nil {
		return nil
	}
	return c.drop(oldest)
}

func (c *keepingConn) drop(s *keptStmt) error {
	delete(c.kept, s.query)
	return s.Close()
}

// ExecContext implements [driver.ExecerContext].
func (c *keepingConn) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	s, err := c.statement(ctx, query)
	if err != nil {
		return nil, err
	}
	if s == nil {
		return c.bareConn.ExecContext(ctx, query, args)
	}
	r, err := s.Stmt.(driver.StmtExecContext).ExecContext(ctx, args)
	if err != nil {
		return nil, errors.Join(err, c.drop(s))
	}
	return r, nil
}

// QueryContext implements [driver.QueryerContext].
func (c *keepingConn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	s, err := c.statement(ctx, query)
	if err != nil {
		return nil, err
	}
	if s == nil {
		return c.bareConn.QueryContext(ctx, query, args)
	}
	r, err := s.Stmt.(driver.StmtQueryContext).QueryContext(ctx, args)
	if err != nil {
		return nil, errors.Join(err, c.drop(s))
	}
	s.busy = true
	return &keptRows{bareRows: r.(bareRows), conn: c, stmt: s}, nil
}

// Close implements [driver.Conn].
func (c *keepingConn) Close() error {
	var errs []error
	for _, s := range c.kept {
		errs = append(errs, c.drop(s))
	}
	return errors.Join(append(errs, c.bareConn.Close())...)
}

// bareRows are rows of the driver.
type bareRows interface {
	driver.Rows
	driver.RowsColumnTypeDatabaseTypeName
	driver.RowsColumnTypeScanType
}

// keptRows gives its statement back when it is closed.
type keptRows struct {
	bareRows
	conn   *keepingConn
	stmt   *keptStmt
	failed bool
	closed bool
}

// Next implements [driver.Rows].
func (r *keptRows) Next(dest []driver.Value) error {
	err := r.bareRows.Next(dest)
	r.failed = r.failed || err != nil && !errors.Is(err, io.EOF)
	return err
}

// Close implements [driver.Rows]. A second call does nothing.
func (r *keptRows) Close() error {
	if r.closed {
		return nil
	}
	r.closed = true
	err := r.bareRows.Close()
	r.stmt.busy = false
	if err == nil && !r.failed {
		return nil
	}
	return errors.Join(err, r.conn.drop(r.stmt))
}
