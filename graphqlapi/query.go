package graphqlapi

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/neurod/neurod/eeg"
	"github.com/neurod/neurod/graphqlapi/entity"
	"github.com/neurod/neurod/graphqlapi/generated"
	"github.com/neurod/neurod/internal/service/decoding"
	"github.com/neurod/neurod/internal/service/registry"
	"github.com/neurod/neurod/internal/service/sessions"
	"github.com/neurod/neurod/models"
)

// resolvers are those of the three roots.
type resolvers struct{ s *Server }

var _ generated.ResolverRoot = (*resolvers)(nil)

// Query implements generated.ResolverRoot.
func (r *resolvers) Query() generated.QueryResolver { return query{r.s} }

// Mutation implements generated.ResolverRoot.
func (r *resolvers) Mutation() generated.MutationResolver { return mutation{r.s} }

// Subscription implements generated.ResolverRoot.
func (r *resolvers) Subscription() generated.SubscriptionResolver { return subscription{r.s} }

type query struct{ s *Server }

func value[T any](v *T) (out T) {
	if v != nil {
		out = *v
	}
	return out
}

// Devices is the field devices.
func (q query) Devices(ctx context.Context, ids []string, status *models.DeviceStatus, of *models.DeviceType, search *string) ([]*entity.Device, error) {
	all, err := q.s.cfg.Devices.All(ctx, principal(ctx))
	if err != nil {
		return nil, err
	}
	text := strings.ToLower(value(search))
	out := []*entity.Device{}
	for _, d := range all {
		if (ids == nil || slices.Contains(ids, d.ID)) && (status == nil || d.Status == *status) && (of == nil || d.Type == *of) &&
			strings.Contains(strings.ToLower(d.ID+"\n"+d.Name+"\n"+d.SerialNumber), text) {
			out = append(out, entity.DeviceOf(d))
		}
	}
	return out, nil
}

// Device is the field device.
func (q query) Device(ctx context.Context, id string) (*entity.Device, error) {
	d, err := q.s.cfg.Devices.Get(ctx, principal(ctx), id)
	if err != nil {
		return nil, err
	}
	return entity.DeviceOf(d), nil
}

// Sessions is the field sessions.
func (q query) Sessions(ctx context.Context, filters *entity.SessionFilters, first *int, after *string, last *int, before *string) (*entity.SessionConnection, error) {
	search := searchOf(value(filters))
	found, err := q.s.cfg.Sessions.Find(ctx, principal(ctx), search, sessions.Span{First: first, After: value(after), Last: last, Before: value(before)})
	if err != nil {
		return nil, err
	}
	return entity.ConnectionOf(search, found), nil
}

func searchOf(f entity.SessionFilters) sessions.Search {
	out := sessions.Search{Progress: value(f.Status), ExternalUserID: value(f.PatientID), DeviceIDs: f.DeviceIds, Tags: f.Tags, Text: value(f.Search), Protocol: value(f.Protocol),
		StartedFrom: f.StartTimeFrom, StartedBefore: f.StartTimeBefore}
	switch {
	case f.DeviceID != nil && f.DeviceIds == nil:
		out.DeviceIDs = []string{*f.DeviceID}
	case f.DeviceID != nil && !slices.Contains(f.DeviceIds, *f.DeviceID):
		out.DeviceIDs = []string{}
	case f.DeviceID != nil:
		out.DeviceIDs = []string{*f.DeviceID}
	}
	return out
}

// Session is the field session.
func (q query) Session(ctx context.Context, id string) (*entity.Session, error) {
	ses, err := q.s.cfg.Sessions.Get(ctx, principal(ctx), id)
	if err != nil {
		return nil, err
	}
	return entity.SessionOf(ses), nil
}

// Analysis is the field analysis.
func (q query) Analysis(ctx context.Context, id string) (*entity.Analysis, error) {
	a, err := q.s.cfg.Analyses.Get(ctx, principal(ctx), id)
	if err != nil {
		return nil, err
	}
	return entity.AnalysisOf(a), nil
}

// Jobs is the field jobs.
func (q query) Jobs(ctx context.Context, states []models.JobState, kinds []string, first *int, after *string) (*entity.JobConnection, error) {
	f := decoding.JobFilter{States: states, Limit: decoding.DefaultLimit, Cursor: value(after)}
	if first != nil {
		if f.Limit = *first; f.Limit < 1 || f.Limit > decoding.MaxLimit {
			return nil, argument("first", "out_of_range", "must be a whole number from 1 to %d", decoding.MaxLimit)
		}
	}
	for i, k := range kinds {
		if !slices.Contains(decoding.JobKinds(), models.JobKind(k)) {
			return nil, argument("kinds", "not_allowed", "has %q at %d; must be of %v", k, i, decoding.JobKinds())
		}
		f.Kinds = append(f.Kinds, models.JobKind(k))
	}
	page, err := q.s.cfg.Jobs.List(ctx, principal(ctx), f)
	if err != nil {
		return nil, err
	}
	out := &entity.JobConnection{Edges: []*entity.JobEdge{}, Nodes: []*entity.Job{}, PageInfo: &entity.PageInfo{HasNextPage: page.Next != "", HasPreviousPage: f.Cursor != ""}}
	for _, j := range page.Jobs {
		node := entity.JobOf(j)
		out.Nodes = append(out.Nodes, node)
		out.Edges = append(out.Edges, &entity.JobEdge{Cursor: decoding.JobCursor(j.ID), Node: node})
	}
	if n := len(out.Edges); n > 0 {
		out.PageInfo.StartCursor, out.PageInfo.EndCursor = &out.Edges[0].Cursor, &out.Edges[n-1].Cursor
	}
	return out, nil
}

// argument is the error of an argument.
func argument(name, code, format string, args ...any) error {
	return &models.Error{Code: models.InvalidParameter, Fields: []models.FieldError{{Path: models.At(name), Code: code, Message: fmt.Sprintf(format, args...)}}}
}

// Job is the field job.
func (q query) Job(ctx context.Context, id string) (*entity.Job, error) {
	v, err := q.s.cfg.Jobs.Get(ctx, principal(ctx), id)
	if err != nil {
		return nil, err
	}
	return entity.JobOf(v.Job), nil
}

// Models is the field models.
func (q query) Models(ctx context.Context, modelType *string) ([]*entity.Model, error) {
	list, err := q.s.cfg.Registry.Available(ctx, principal(ctx), registry.Filter{Paradigm: eeg.Paradigm(value(modelType))})
	if err != nil {
		return nil, err
	}
	out := make([]*entity.Model, len(list))
	for i, m := range list {
		out[i] = &entity.Model{ID: m.Name + "@" + m.Version, Name: m.Name, Version: m.Version, ModelType: string(m.Paradigm), Pipeline: m.Pipeline,
			Classes: append([]string{}, m.Classes...), Channels: append([]string{}, m.Channels...), Accuracy: m.MeasuredAccuracy(), Protocol: m.Protocol, Summary: m.Summary, Own: m.Own}
		if m.RateHz > 0 {
			out[i].SampleRate = &m.RateHz
		}
	}
	return out, nil
}
