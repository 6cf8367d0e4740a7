package sqlite

import (
	"errors"
	"strconv"
	"strings"

	"gorm.io/gorm"
	"gorm.io/gorm/callbacks"
	"gorm.io/gorm/clause"
	"gorm.io/gorm/logger"
	"gorm.io/gorm/schema"
)

// gormDialect is what gorm has to know of SQLite to build statements for a database that goose migrates. gorm's own dialect
// needs cgo, and the one without it a driver that compiles each statement anew.
type gormDialect struct{ conn gorm.ConnPool }

var (
	_ gorm.Dialector                     = gormDialect{}
	_ gorm.SavePointerDialectorInterface = gormDialect{}
	_ gorm.ErrorTranslator               = gormDialect{}
)

func (gormDialect) Name() string { return "sqlite" }

func (d gormDialect) Initialize(db *gorm.DB) error {
	db.ConnPool = d.conn
	callbacks.RegisterDefaultCallbacks(db, &callbacks.Config{
		CreateClauses:        []string{"INSERT", "VALUES", "ON CONFLICT", "RETURNING"},
		UpdateClauses:        []string{"UPDATE", "SET", "FROM", "WHERE", "RETURNING"},
		DeleteClauses:        []string{"DELETE", "FROM", "WHERE", "RETURNING"},
		LastInsertIDReversed: true,
	})
	// A transaction that writes has locked the whole database.
	db.ClauseBuilders["FOR"] = func(clause.Clause, clause.Builder) {}
	db.ClauseBuilders["LIMIT"] = func(c clause.Clause, b clause.Builder) {
		l, ok := c.Expression.(clause.Limit)
		if !ok {
			return
		}
		n := -1 // an offset needs a limit
		if l.Limit != nil && *l.Limit >= 0 {
			n = *l.Limit
		}
		if n >= 0 || l.Offset > 0 {
			b.WriteString("LIMIT " + strconv.Itoa(n))
		}
		if l.Offset > 0 {
			b.WriteString(" OFFSET " + strconv.Itoa(l.Offset))
		}
	}
	return nil
}

// Migrator is nil: goose migrates.
func (gormDialect) Migrator(*gorm.DB) gorm.Migrator { return nil }

// DataTypeOf is for migrations only.
func (gormDialect) DataTypeOf(*schema.Field) string { return "" }

func (gormDialect) DefaultValueOf(*schema.Field) clause.Expression { return clause.Expr{SQL: "NULL"} }

func (gormDialect) BindVarTo(w clause.Writer, _ *gorm.Statement, _ any) { w.WriteByte('?') }

// QuoteTo quotes a name, each part of it by itself.
func (gormDialect) QuoteTo(w clause.Writer, name string) {
	for i, part := range strings.Split(name, ".") {
		if i > 0 {
			w.WriteByte('.')
		}
		w.WriteString("`" + strings.ReplaceAll(strings.Trim(part, "`"), "`", "``") + "`")
	}
}

func (gormDialect) Explain(sql string, vars ...any) string {
	return logger.ExplainSQL(sql, nil, `"`, vars...)
}

func (gormDialect) SavePoint(tx *gorm.DB, name string) error {
	return tx.Exec("SAVEPOINT " + name).Error
}

func (gormDialect) RollbackTo(tx *gorm.DB, name string) error {
	return tx.Exec("ROLLBACK TO SAVEPOINT " + name).Error
}

// What SQLite says of rows that break a rule (https://sqlite.org/rescode.html).
const (
	foreignKey = 787
	primaryKey = 1555
	uniqueKey  = 2067
)

func (gormDialect) Translate(err error) error {
	var lite interface{ Code() int }
	if errors.As(err, &lite) {
		switch lite.Code() {
		case primaryKey, uniqueKey:
			return gorm.ErrDuplicatedKey
		case foreignKey:
			return gorm.ErrForeignKeyViolated
		}
	}
	return err
}
