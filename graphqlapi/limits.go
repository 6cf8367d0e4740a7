package graphqlapi

import (
	"context"
	"strings"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/99designs/gqlgen/graphql/handler/extension"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"
	"github.com/vektah/gqlparser/v2/parser"

	"github.com/neurod/neurod/graphqlapi/entity"
	"github.com/neurod/neurod/graphqlapi/generated"
	"github.com/neurod/neurod/internal/service/sessions"
	"github.com/neurod/neurod/models"
)

// Limits are what one operation may ask for. They are looked at before anything runs.
type Limits struct {
	Bytes      int // of its text
	Tokens     int // of its text
	Depth      int // of fields within fields
	Schema     int // the same, of questions about the schema
	Aliases    int
	Fields     int // that are selected, those of a fragment as often as it is spread
	Complexity int // each field counts 1, what it reads more, and a list as often as it may be long
	Weight     int // so much complexity counts as one more query against the rate
	Streams    int // subscriptions of one connection
}

// DefaultLimits are those of a server: every query of the devices' document passes many times over.
func DefaultLimits() Limits {
	return Limits{Bytes: 32 << 10, Tokens: 2000, Depth: 8, Schema: 16, Aliases: 15, Fields: 500, Complexity: 10_000, Weight: 2500, Streams: 20}
}

// door holds an operation to its size before it is validated: comparing its fields with each other takes time with the square of their number.
type door struct{ s *Server }

var _ graphql.OperationParameterMutator = (*door)(nil)

// ExtensionName implements graphql.HandlerExtension.
func (*door) ExtensionName() string { return "Door" }

// Validate implements graphql.HandlerExtension.
func (*door) Validate(graphql.ExecutableSchema) error { return nil }

// MutateOperationParameters implements graphql.OperationParameterMutator. Every operation counts once, whatever becomes of it.
func (d *door) MutateOperationParameters(ctx context.Context, request *graphql.RawParams) *gqlerror.Error {
	if err := d.s.take(ctx, 1); err != nil {
		return asGraphQL(err)
	}
	if err := d.s.cfg.Limits.admit(request.Query); err != nil {
		return asGraphQL(err)
	}
	return nil
}

func (s *Server) take(ctx context.Context, n int) error {
	if s.cfg.Take == nil {
		return nil
	}
	_, err := s.cfg.Take(ctx, principal(ctx), n)
	return err
}

// tooComplex is the error of an operation that asks for too much of something.
func tooComplex(what string, most int) error {
	e := models.Errorf(models.QueryTooComplex, "The operation has more than %d %s, which is the most.", most, what)
	e.Details = map[string]any{"limit_of": what, "limit": most}
	return e
}

// admit judges the text of an operation. What cannot be read is left to the executor, which says why.
func (l Limits) admit(query string) error {
	if len(query) > l.Bytes {
		return tooComplex("bytes", l.Bytes)
	}
	doc, err := parser.ParseQueryWithTokenLimit(&ast.Source{Input: query}, l.Tokens)
	if err != nil {
		if strings.Contains(err.Error(), "exceeded token limit") {
			return tooComplex("tokens", l.Tokens)
		}
		return nil
	}
	w := walk{limits: l, fragments: map[string]*ast.FragmentDefinition{}, open: map[string]bool{}}
	for _, f := range doc.Fragments {
		w.fragments[f.Name] = f
	}
	for _, op := range doc.Operations {
		if err := w.selections(op.SelectionSet, 1, false); err != nil {
			return err
		}
	}
	for _, f := range doc.Fragments { // those that nobody spreads are validated, too
		// The question about the schema that clients ask has all its depth in a fragment on __Type.
		if err := w.selections(f.SelectionSet, 1, strings.HasPrefix(f.TypeCondition, "__")); err != nil {
			return err
		}
	}
	return nil
}

// walk counts what an operation selects. It ends at the first limit, so that it takes no longer than a limit allows.
type walk struct {
	limits    Limits
	fragments map[string]*ast.FragmentDefinition
	open      map[string]bool // fragments that it is in: one that spreads itself is refused by the validation
	fields    int
	aliases   int
}

func (w *walk) selections(set ast.SelectionSet, depth int, schema bool) error {
	for _, sel := range set {
		switch sel := sel.(type) {
		case *ast.Field:
			of := schema || sel.Name == "__schema" || sel.Name == "__type"
			most := w.limits.Depth
			if of {
				most = w.limits.Schema
			}
			if depth > most {
				return tooComplex("levels of fields", most)
			}
			if w.fields++; w.fields > w.limits.Fields {
				return tooComplex("fields", w.limits.Fields)
			}
			if sel.Alias != "" && sel.Alias != sel.Name {
				if w.aliases++; w.aliases > w.limits.Aliases {
					return tooComplex("aliases", w.limits.Aliases)
				}
			}
			if err := w.selections(sel.SelectionSet, depth+1, of); err != nil {
				return err
			}
		case *ast.InlineFragment:
			if err := w.selections(sel.SelectionSet, depth, schema); err != nil {
				return err
			}
		case *ast.FragmentSpread:
			f := w.fragments[sel.Name]
			if f == nil || w.open[sel.Name] {
				continue
			}
			if w.fields++; w.fields > w.limits.Fields { // one that selects nothing new costs time, too
				return tooComplex("fields", w.limits.Fields)
			}
			w.open[sel.Name] = true
			err := w.selections(f.SelectionSet, depth, schema)
			delete(w.open, sel.Name)
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// counter counts an operation by its complexity, beside the one that it has counted already.
type counter struct{ s *Server }

var _ graphql.OperationContextMutator = (*counter)(nil)

// ExtensionName implements graphql.HandlerExtension.
func (*counter) ExtensionName() string { return "Counter" }

// Validate implements graphql.HandlerExtension.
func (*counter) Validate(graphql.ExecutableSchema) error { return nil }

// MutateOperationContext implements graphql.OperationContextMutator.
func (c *counter) MutateOperationContext(ctx context.Context, op *graphql.OperationContext) *gqlerror.Error {
	stats := extension.GetComplexityStats(graphql.WithOperationContext(ctx, op))
	if stats == nil || stats.Complexity <= c.s.cfg.Limits.Weight {
		return nil
	}
	if err := c.s.take(ctx, (stats.Complexity-1)/c.s.cfg.Limits.Weight); err != nil {
		return asGraphQL(err)
	}
	return nil
}

// What fields cost beside those within them, and how long lists are taken to be of which nobody says how long they are.
const (
	readCost       = 5 // of a field that reads the windows of a recording
	usualDevices   = 10
	usualRecords   = 5
	usualArtifacts = 10
	usualAnalyses  = 5
	usualAnswers   = 20
	usualModels    = 20
)

// orElse is how long a list is asked to be. Whatever is asked for, products of several are numbers.
func orElse(v *int, fallback int) int {
	if v == nil {
		return fallback
	}
	return max(0, min(*v, 1000))
}

// complexities says what fields cost that are no plain value. A list costs what is in it, as often as it may be long.
func complexities() (c generated.ComplexityRoot) {
	list := func(n int) func(int) int { return func(child int) int { return 1 + n*child } }
	c.Query.Devices = func(child int, _ []string, _ *models.DeviceStatus, _ *models.DeviceType, _ *string) int {
		return 1 + usualDevices*child
	}
	c.Query.Sessions = func(child int, _ *entity.SessionFilters, first *int, _ *string, last *int, _ *string) int {
		n := orElse(first, sessions.DefaultSpan)
		if first == nil {
			n = orElse(last, n)
		}
		return 1 + n*child
	}
	c.Query.Models = func(child int, _ *string) int { return 1 + usualModels*child }
	c.Query.Jobs = func(child int, _ []models.JobState, _ []string, first *int, _ *string) int {
		return 1 + orElse(first, 20)*child
	}
	// What is in an edge is counted by the list that it is in.
	one := func(child int) int { return child }
	c.SessionConnection.Edges, c.SessionConnection.Nodes, c.JobConnection.Edges, c.JobConnection.Nodes = one, one, one, one
	c.Device.Sessions = func(child int, last *int) int { return 1 + orElse(last, 10)*child }
	c.Session.Recordings = func(child int, limit, _ *int) int { return 1 + min(orElse(limit, 100), usualRecords)*child }
	c.Session.Analysis = list(usualAnalyses)
	c.Session.Features = func(child int, last *int) int { return 1 + orElse(last, 10)*child }
	c.Session.Decodes = func(child int, last *int) int { return 1 + orElse(last, 10)*child }
	c.Session.Events = func(child int, limit, _ *int) int { return 1 + min(orElse(limit, 100), usualArtifacts)*child }
	c.Recording.Quality = func(child int) int { return readCost }
	c.Recording.PassedShare = func(child int) int { return readCost }
	c.Recording.Artifacts = func(child int, limit *int, _ *time.Time) int {
		return readCost + min(orElse(limit, 100), usualArtifacts)*child
	}
	c.Analysis.Predictions = list(usualAnswers)
	return c
}
