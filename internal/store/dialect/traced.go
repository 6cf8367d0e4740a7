package dialect

import (
	"errors"

	"go.opentelemetry.io/otel/attribute"
	"gorm.io/gorm"

	"github.com/neurod/neurod/internal/telemetry"
)

// traced shows the statements of gorm in the trace of their context, each by its verb and table: their texts and values stay here.
type traced struct{}

var _ gorm.Plugin = traced{}

// spanKey is where a statement has its span.
type spanKey struct{}

// Name implements gorm.Plugin.
func (traced) Name() string { return "telemetry" }

// Initialize implements gorm.Plugin.
func (traced) Initialize(db *gorm.DB) error {
	c := db.Callback()
	return errors.Join(
		c.Create().Before("*").Register("telemetry:begin", begin("INSERT")), c.Create().After("*").Register("telemetry:end", end),
		c.Query().Before("*").Register("telemetry:begin", begin("SELECT")), c.Query().After("*").Register("telemetry:end", end),
		c.Update().Before("*").Register("telemetry:begin", begin("UPDATE")), c.Update().After("*").Register("telemetry:end", end),
		c.Delete().Before("*").Register("telemetry:begin", begin("DELETE")), c.Delete().After("*").Register("telemetry:end", end),
		c.Row().Before("*").Register("telemetry:begin", begin("SELECT")), c.Row().After("*").Register("telemetry:end", end),
		c.Raw().Before("*").Register("telemetry:begin", begin("EXECUTE")), c.Raw().After("*").Register("telemetry:end", end),
	)
}

func begin(verb string) func(*gorm.DB) {
	return func(db *gorm.DB) {
		_, span := telemetry.Start(db.Statement.Context, verb, telemetry.Client)
		if !span.IsRecording() {
			return
		}
		system := db.Name()
		if system == "postgres" {
			system = "postgresql"
		}
		span.SetAttributes(attribute.String("db.system.name", system), attribute.String("db.operation.name", verb))
		if table := db.Statement.Table; table != "" {
			span.SetName(verb + " " + table)
			span.SetAttributes(attribute.String("db.collection.name", table))
		}
		db.Statement.Settings.Store(spanKey{}, span)
	}
}

func end(db *gorm.DB) {
	if !telemetry.Current(db.Statement.Context).SpanContext().IsSampled() {
		return
	}
	if span, ok := db.Statement.Settings.LoadAndDelete(spanKey{}); ok {
		err := db.Error
		if errors.Is(err, gorm.ErrRecordNotFound) {
			err = nil
		}
		telemetry.End(span.(telemetry.Span), err)
	}
}
