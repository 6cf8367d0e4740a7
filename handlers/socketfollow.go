package handlers

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/coder/websocket"

	"github.com/neurod/neurod/eeg"
	"github.com/neurod/neurod/internal/compute"
	"github.com/neurod/neurod/internal/service/live"
	"github.com/neurod/neurod/internal/strictjson"
	"github.com/neurod/neurod/models"
)

// The topics, and what they are called beside.
const (
	topicSamples  = "neural_data"
	topicFeatures = "features"
	topicDecodes  = "decodes"
	topicEvents   = "events"
	topicDevices  = "device_status"

	topicCustom = "custom_events" // events, as the document's further pages call them
)

var topicNames = []string{topicSamples, topicFeatures, topicDecodes, topicEvents, topicCustom, topicDevices}

// The formats of samples, and what becomes of those that a client is too slow for.
const (
	formatSample = "sample" // one neural_data message an instant
	formatBatch  = "batch"  // neural_data_batch
	formatBinary = "binary" // frames of bytes

	dropNewest = "newest" // it goes on with the newest
	dropNone   = "none"   // none is left out; it gets them late
)

// maxAckWindow is how many messages may wait for their acknowledgement, and ackTime how long the client may leave it out.
const (
	maxAckWindow = 1000
	ackTime      = 60 * time.Second
)

// errNoAck ends a subscription whose client acknowledges nothing.
var errNoAck = errors.New("handlers: no acknowledgement came")

// subscription is one thing that a connection follows.
type subscription struct {
	id       string
	number   int
	topic    string
	asked    subscribeMessage
	types    []string // of events, none for all
	view     live.View
	channels []int // of the session, from 0; nil for all
	acks     *ackWindow
	stop     context.CancelFunc

	// Of the one who sends alone.
	session   models.Session
	pending   []*models.SessionMark // events that go with the next samples
	last      *live.Block           // that was sent
	encoded   encoded               // names what its messages depend on beside the samples
	lastEvent int                   // that was held for samples
}

// confirmation is what a subscription came to.
type confirmation struct {
	Number     int            `json:"number"`
	Format     string         `json:"format,omitempty"`
	SampleRate float64        `json:"sample_rate,omitempty"`
	Channels   []channelShown `json:"channels,omitempty"`
	Filters    *eeg.Filters   `json:"filters,omitempty"`
	Decimate   int            `json:"decimate,omitempty"`
	DropPolicy string         `json:"drop_policy,omitempty"`
	AckWindow  int            `json:"ack_window,omitempty"`
	AfterSeq   *int           `json:"after_seq,omitempty"`
}

type channelShown struct {
	Number int    `json:"number"`
	Label  string `json:"label"`
}

// droppedFields tell which samples a client was too slow for.
type droppedFields struct {
	FirstSeq     int   `json:"first_seq"`
	LastSeq      int   `json:"last_seq"`
	Samples      int64 `json:"samples"`
	TotalSamples int64 `json:"total_samples"`
}

// filterFields are those of a subscription to samples.
type filterFields struct {
	Notch    float64   `json:"notch"`
	Highpass float64   `json:"highpass"`
	Lowpass  float64   `json:"lowpass"`
	Bandpass []float64 `json:"bandpass"`
}

// eventFilter are those of a subscription to events.
type eventFilter struct {
	EventTypes []string `json:"event_types"`
	SessionID  string   `json:"session_id"`
}

// subscribe begins to follow.
func (s *socket) subscribe(ctx context.Context, m subscribeMessage) error {
	sub, err := newSubscription(m)
	if err != nil {
		return err
	}
	p, err := s.principal(ctx)
	if err != nil {
		return err
	}
	if err := s.enroll(sub); err != nil {
		return err
	}
	running, stop := context.WithCancel(ctx)
	sub.stop = stop
	if sub.topic == topicDevices {
		err = s.followDevices(running, p, sub)
	} else {
		err = s.followSession(running, p, sub)
	}
	if err != nil {
		stop()
		s.withdraw(sub)
	}
	return err
}

// newSubscription judges what is asked for.
//
//nolint:gocyclo // one guard for each field
func newSubscription(m subscribeMessage) (*subscription, error) {
	if !slices.Contains(topicNames, m.Topic) {
		return nil, notOneOf("topic", m.Topic, topicNames)
	}
	sub := &subscription{id: m.SubscriptionID, topic: m.Topic, asked: m}
	if sub.topic == topicCustom {
		sub.topic = topicEvents
	}
	if sub.topic != topicSamples && (m.Format != "" || len(m.Channels) > 0 || m.Decimate != 0 || m.AfterSample != nil || m.DropPolicy != "") {
		return nil, models.InvalidField(models.At("topic"), "not_applicable", "is not neural_data, which alone takes format, channels, decimate, after_sample and drop_policy")
	}
	if err := sub.readFilters(); err != nil {
		return nil, err
	}
	m = sub.asked
	var wrong []models.FieldError
	add := func(field, code, format string, args ...any) {
		wrong = append(wrong, models.FieldError{Path: models.At(field), Code: code, Message: fmt.Sprintf(format, args...)})
	}
	switch {
	case sub.topic == topicDevices && m.SessionID != "":
		add("session_id", "not_applicable", "is no device")
	case sub.topic != topicDevices && m.SessionID == "" && m.DeviceID == "":
		add("session_id", "required", "is required, or device_id")
	case m.SessionID != "" && m.DeviceID != "":
		add("device_id", "conflict", "is given beside session_id: one of them says what is followed")
	}
	if m.AfterSeq != nil && *m.AfterSeq < -1 {
		add("after_seq", "out_of_range", "must be the seq of a message, or -1 for all")
	}
	if m.AfterSample != nil && m.AfterSeq == nil {
		add("after_sample", "not_applicable", "goes with after_seq")
	}
	if m.AckWindow != nil {
		if *m.AckWindow < 1 || *m.AckWindow > maxAckWindow {
			add("ack_window", "out_of_range", "must be a whole number from 1 to %d", maxAckWindow)
		} else {
			sub.acks = newAckWindow(*m.AckWindow)
		}
	}
	if m.Decimate < 0 {
		add("decimate", "out_of_range", "must be a whole number from 1 on")
	}
	if len(wrong) > 0 {
		return nil, &models.Error{Code: models.InvalidRequestBody, Fields: wrong}
	}
	for field, of := range map[string]struct {
		value *string
		known []string
	}{"format": {&sub.asked.Format, []string{formatSample, formatBatch, formatBinary}}, "drop_policy": {&sub.asked.DropPolicy, []string{dropNewest, dropNone}}} {
		if *of.value == "" {
			*of.value = of.known[0]
		}
		if !slices.Contains(of.known, *of.value) {
			return nil, notOneOf(field, *of.value, of.known)
		}
	}
	sub.view.Decimate = m.Decimate
	return sub, nil
}

// readFilters reads the field that means something else for each topic.
func (sub *subscription) readFilters() error {
	b := bytes.TrimSpace(sub.asked.Filters)
	if len(b) == 0 || string(b) == "null" {
		return nil
	}
	switch sub.topic {
	case topicSamples:
		var f filterFields
		if err := readFields(b, &f, "filters"); err != nil {
			return err
		}
		sub.view.Filters = eeg.Filters{Notch: f.Notch, HighPass: f.Highpass, LowPass: f.Lowpass, BandPass: f.Bandpass}
	case topicEvents:
		var f eventFilter
		if err := readFields(b, &f, "filters"); err != nil {
			return err
		}
		sub.types = f.EventTypes
		if f.SessionID != "" {
			if sub.asked.SessionID != "" && sub.asked.SessionID != f.SessionID {
				return models.InvalidField(models.At("filters", "session_id"), "conflict", "is not the session_id beside the filters")
			}
			sub.asked.SessionID = f.SessionID
		}
	default:
		return models.InvalidField(models.At("filters"), "not_applicable", "goes with neural_data and events")
	}
	return nil
}

// readFields reads a part of a message, whose place in it is the path.
func readFields(b []byte, dst any, path ...string) error {
	found := strictjson.Decode(b, dst)
	for i := range found {
		found[i].Path = models.At(path...).Join(found[i].Path)
	}
	return mismatches(found)
}

// enroll gives a subscription its place in the connection. Errors: TooManyStreams, InvalidRequestBody for an id that is taken.
func (s *socket) enroll(sub *subscription) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.topics) >= socketSubscriptions {
		e := models.Errorf(models.TooManyStreams, "This connection has %d subscriptions; no more are allowed: end some.", socketSubscriptions)
		e.Details = map[string]any{"limit_of": "connection", "limit": socketSubscriptions}
		return e
	}
	s.made++
	sub.number = s.made
	if sub.id == "" {
		sub.id = "sub_" + strconv.Itoa(sub.number)
	}
	if s.topics[sub.id] != nil {
		return models.InvalidField(models.At("subscription_id"), "conflict", "is that of another subscription of this connection")
	}
	s.topics[sub.id] = sub
	return nil
}

// withdraw takes a subscription out of the connection, and reports whether it was there.
func (s *socket) withdraw(sub *subscription) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.topics[sub.id] != sub {
		return false
	}
	delete(s.topics, sub.id)
	return true
}

// unsubscribe ends the subscriptions that a message names: by id, or by topic and what is followed.
func (s *socket) unsubscribe(ctx context.Context, m unsubscribeMessage) error {
	if m.SubscriptionID == "" && m.Topic == "" {
		return models.InvalidField(models.At("subscription_id"), "required", "is required, or topic")
	}
	topic := m.Topic
	if topic == topicCustom {
		topic = topicEvents
	}
	ended := 0
	for _, sub := range s.subscriptions() {
		if (m.SubscriptionID == "" || sub.id == m.SubscriptionID) && (topic == "" || sub.topic == topic) &&
			(m.SessionID == "" || sub.asked.SessionID == m.SessionID) && (m.DeviceID == "" || sub.asked.DeviceID == m.DeviceID) {
			if s.withdraw(sub) {
				ended++
				sub.stop()
				s.answer(ctx, outbound{Type: "subscription_ended", ID: m.ID, SubscriptionID: sub.id, Topic: sub.topic, Reason: "unsubscribed"}.bytes())
			}
		}
	}
	if ended == 0 {
		return models.InvalidField(models.At("subscription_id"), "unknown", "is no subscription of this connection")
	}
	return nil
}

// ack takes the client's word of what it has.
func (s *socket) ack(m ackMessage) error {
	s.mu.Lock()
	sub := s.topics[m.SubscriptionID]
	s.mu.Unlock()
	if sub == nil {
		return models.InvalidField(models.At("subscription_id"), "unknown", "is no subscription of this connection")
	}
	if sub.acks == nil {
		return models.InvalidField(models.At("subscription_id"), "not_applicable", "is a subscription without ack_window")
	}
	sample := int64(math.MaxInt64)
	if m.Sample != nil {
		sample = *m.Sample
	}
	sub.acks.had(*m.Seq, sample)
	return nil
}

// ackWindow holds how many messages a client has not acknowledged.
type ackWindow struct {
	most int
	mu   sync.Mutex
	out  []ackMark
	room chan struct{}
}

// ackMark is what a message brings its client to.
type ackMark struct {
	seq    int
	sample int64
}

func newAckWindow(most int) *ackWindow { return &ackWindow{most: most, room: make(chan struct{}, 1)} }

// sent waits until one message more may be out, and counts it.
func (w *ackWindow) sent(ctx context.Context, m ackMark) error {
	var late <-chan time.Time
	for {
		w.mu.Lock()
		if len(w.out) < w.most {
			w.out = append(w.out, m)
			w.mu.Unlock()
			return nil
		}
		w.mu.Unlock()
		if late == nil {
			timer := time.NewTimer(ackTime)
			defer timer.Stop()
			late = timer.C
		}
		select {
		case <-w.room:
		case <-late:
			return errNoAck
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// had takes out what a client has.
func (w *ackWindow) had(seq int, sample int64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	n := 0
	for n < len(w.out) && (w.out[n].seq < seq || (w.out[n].seq == seq && w.out[n].sample <= sample)) {
		n++
	}
	w.out = slices.Delete(w.out, 0, n)
	select {
	case w.room <- struct{}{}:
	default:
	}
}

// kinds is what of a session a topic needs.
var kinds = map[string]live.Kinds{topicSamples: live.Samples | live.Events, topicFeatures: live.Windows, topicDecodes: live.Decodes, topicEvents: live.Events | live.Revisions}

// followSession begins a subscription to a session, or to the session that a device streams into.
func (s *socket) followSession(ctx context.Context, p models.Principal, sub *subscription) error {
	session := sub.asked.SessionID
	if sub.asked.DeviceID != "" {
		var err error
		if session, err = s.sessionOf(ctx, p, sub); err != nil {
			return err
		}
		if session == "" { // wait
			if err := s.confirm(ctx, sub, nil); err != nil {
				return err
			}
			s.group.Go(func() { s.waitForDevice(ctx, sub) })
			return nil
		}
	}
	f, err := s.begin(ctx, p, sub, session, fromAsked)
	if err != nil {
		return err
	}
	if err := s.confirm(ctx, sub, f); err != nil {
		f.Close()
		return err
	}
	s.group.Go(func() { s.follow(ctx, sub, f) })
	return nil
}

// origin is where a follower of a subscription begins.
type origin int

const (
	fromAsked origin = iota // where the client has asked for
	fromStart               // at the beginning of the session
	fromHere                // behind what was sent last
)

// configured reports whether a subscription shows samples with the filters that the stream is configured with.
func (sub *subscription) configured() bool {
	return sub.topic == topicSamples && len(bytes.TrimSpace(sub.asked.Filters)) == 0
}

// from sets where a follower begins.
func (sub *subscription) from(r *live.Request, o origin) {
	after := sub.asked.AfterSeq
	zero, all := 0, -1
	switch {
	case o == fromStart:
		r.AfterBatch, r.AfterResult, r.AfterEvent = &all, &zero, &zero
	case o == fromHere && sub.last != nil:
		r.AfterBatch, r.AfterSample = &sub.last.Seq, &sub.last.Through
	case o == fromHere || after == nil:
	case sub.topic == topicSamples:
		r.AfterBatch, r.AfterSample = after, sub.asked.AfterSample
	case sub.topic == topicEvents:
		n := max(0, *after)
		r.AfterEvent = &n
	default:
		n := max(0, *after)
		r.AfterResult = &n
	}
	switch {
	case o == fromHere && sub.lastEvent > 0:
		r.AfterEvent = &sub.lastEvent
	case o == fromAsked && sub.asked.AfterEvent != nil:
		r.AfterEvent = sub.asked.AfterEvent
	}
}

// begin makes the follower of a subscription.
func (s *socket) begin(ctx context.Context, p models.Principal, sub *subscription, session string, o origin) (*live.Follower, error) {
	r := live.Request{SessionID: session, Kinds: kinds[sub.topic], View: sub.view}
	if sub.asked.DropPolicy == dropNone {
		r.Loss = live.Every
	}
	sub.from(&r, o)
	if sub.configured() {
		ses, err := s.api.cfg.Sessions.Get(ctx, p, session)
		if err != nil {
			return nil, err
		}
		if sub.view.Filters, err = s.filtersOf(ctx, p, ses); err != nil {
			return nil, err
		}
		r.View = sub.view
	}
	f, err := s.api.cfg.Live.Follow(ctx, p, r)
	if err != nil {
		return nil, err
	}
	sub.session = f.Session()
	if err := sub.choose(); err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// choose finds the channels that were asked for.
func (sub *subscription) choose() error {
	sub.channels = nil
	for i, c := range sub.asked.Channels {
		at := c.number - 1
		if c.name != "" {
			at = slices.Index(sub.session.Channels, c.name)
		}
		if at < 0 || at >= len(sub.session.Channels) || slices.Contains(sub.channels, at) {
			return &models.Error{Code: models.InvalidRequestBody, Fields: []models.FieldError{{Path: models.At("channels").Index(i), Code: "not_allowed",
				Message: fmt.Sprintf("must be a channel of the session, each once: a number from 1 to %d or a name", len(sub.session.Channels))}}}
		}
		sub.channels = append(sub.channels, at)
	}
	sub.encoded = encoded{sub.asked.Format, sub.id, sub.number, fmt.Sprint(sub.channels), sub.session.DeviceID}
	return nil
}

// confirm tells the client what its subscription came to; f is nil while there is no session.
func (s *socket) confirm(ctx context.Context, sub *subscription, f *live.Follower) error {
	c := &confirmation{Number: sub.number}
	m := outbound{Type: "subscription_confirmed", ID: sub.asked.ID, SubscriptionID: sub.id, Topic: sub.topic, DeviceID: sub.asked.DeviceID, confirmation: c}
	if sub.acks != nil {
		c.AckWindow = sub.acks.most
	}
	if f != nil {
		m.SessionID = sub.session.ID
		if m.DeviceID == "" {
			m.DeviceID = sub.session.DeviceID
		}
	}
	if f != nil && sub.topic == topicSamples {
		c.Format, c.DropPolicy, c.Decimate = sub.asked.Format, sub.asked.DropPolicy, max(1, sub.view.Decimate)
		c.SampleRate = sub.session.SampleRateHz / float64(c.Decimate)
		if sub.view.Filters.Any() {
			shown := sub.view.Filters.Edges()
			c.Filters = &shown
		}
		for _, i := range sub.shown() {
			c.Channels = append(c.Channels, channelShown{i + 1, sub.session.Channels[i]})
		}
	}
	return s.send(ctx, m.bytes())
}

// shown lists the channels that are shown, from 0.
func (sub *subscription) shown() []int {
	if sub.channels != nil {
		return sub.channels
	}
	all := make([]int, len(sub.session.Channels))
	for i := range all {
		all[i] = i
	}
	return all
}

// follow sends what a subscription is about until its session has ended or something else ends it; one to a device goes on with its next session.
func (s *socket) follow(ctx context.Context, sub *subscription, f *live.Follower) {
	err := s.deliverAs(ctx, sub, f)
	switch {
	case ctx.Err() != nil, errors.Is(err, live.ErrDraining):
	case errors.Is(err, errRefilter):
		if f, err = s.begin(ctx, s.known(), sub, sub.session.ID, fromHere); err != nil {
			s.give(ctx, sub, err)
			return
		}
		if err = s.confirm(ctx, sub, f); err != nil {
			f.Close()
			return
		}
		s.follow(ctx, sub, f)
	case errors.Is(err, io.EOF) && sub.asked.DeviceID != "":
		s.waitForDevice(ctx, sub)
	default:
		s.give(ctx, sub, err)
	}
}

// errRefilter ends a delivery of which the filters have changed.
var errRefilter = errors.New("handlers: the filters have changed")

// deliverAs delivers until the filters change that the stream is configured with, where the subscription goes by them.
func (s *socket) deliverAs(ctx context.Context, sub *subscription, f *live.Follower) error {
	defer f.Close()
	if !sub.configured() || sub.session.DeviceID == "" {
		return s.deliver(ctx, sub, f)
	}
	as, changed := context.WithCancelCause(ctx)
	var watching sync.WaitGroup
	watching.Go(func() { s.refilter(as, sub, func() { changed(errRefilter) }) })
	err := s.deliver(as, sub, f)
	if errors.Is(context.Cause(as), errRefilter) {
		err = errRefilter
	}
	changed(nil)
	watching.Wait()
	return err
}

// give ends a subscription and says why.
func (s *socket) give(ctx context.Context, sub *subscription, err error) {
	reason := "session_ended"
	var known *models.Error
	switch {
	case errors.Is(err, io.EOF):
	case errors.Is(err, errNoAck):
		reason = "not_acknowledged"
	case errors.As(err, &known) && (known.Code == models.InvalidAPIKey || known.Code == models.InvalidToken):
		// The right that the connection came by has ended.
		s.answer(ctx, s.fault(err, inbound{SubscriptionID: sub.id, Topic: sub.topic}))
		s.end(err)
		return
	default:
		reason = "fault"
		s.answer(ctx, s.fault(err, inbound{SubscriptionID: sub.id, Topic: sub.topic, SessionID: sub.session.ID}))
	}
	if s.withdraw(sub) {
		s.answer(ctx, outbound{Type: "subscription_ended", SubscriptionID: sub.id, Topic: sub.topic, SessionID: sub.session.ID, Reason: reason}.bytes())
	}
}

// valuesAtOnce is how many values are written as instants at once, some 50 bytes each: more are never held for a client.
const valuesAtOnce = 512

// small returns items with blocks of which the messages are small.
func (sub *subscription) small(items []live.Item) []live.Item {
	if sub.asked.Format != formatSample || sub.topic != topicSamples {
		return items
	}
	out := make([]live.Item, 0, len(items))
	for _, i := range items {
		if i.Block == nil {
			out = append(out, i)
			continue
		}
		for _, part := range i.Block.Parts(max(1, valuesAtOnce/len(sub.session.Channels))) {
			out = append(out, live.Item{Block: part})
		}
	}
	return out
}

// About how long a value takes to be written as a part of a message.
const (
	textValue = 300 * time.Nanosecond
	byteValue = 50 * time.Nanosecond
)

// takes is about how long the samples of items take to be made messages.
func (sub *subscription) takes(items []live.Item) time.Duration {
	values := 0
	for _, i := range items {
		if i.Block != nil {
			values += len(i.Block.Data)
		}
	}
	if sub.asked.Format == formatSample {
		return time.Duration(values) * textValue
	}
	return time.Duration(values) * byteValue
}

// computing runs f, a part of what takes so long, when there is a slot for it. A follower that is behind makes messages without a pause until its
// client takes no more; many of them would keep every other call waiting.
func (s *socket) computing(ctx context.Context, sub *subscription, takes time.Duration, f func() error) error {
	if takes < compute.Turn/2 { // as soon done as asked for
		return f()
	}
	return s.api.cfg.Compute.Do(ctx, compute.Work{Project: sub.session.ProjectID, Takes: takes}, f)
}

// deliver sends what a follower is told. The error is io.EOF when its session has ended.
func (s *socket) deliver(ctx context.Context, sub *subscription, f *live.Follower) error {
	kind := websocket.MessageText
	if sub.topic == topicSamples && sub.asked.Format == formatBinary {
		kind = websocket.MessageBinary
	}
	sent := s.api.topics.sent.WithLabelValues(sub.topic)
	for {
		items, err := f.Next(ctx)
		if err != nil {
			return err
		}
		takes := time.Duration(0)
		if f.Behind() {
			takes = sub.takes(items)
		}
		for _, i := range sub.small(items) {
			var data [][]byte
			var marks func(int) ackMark
			err := s.computing(ctx, sub, takes, func() error {
				data, marks = sub.data(i)
				return nil
			})
			if err != nil {
				return err
			}
			sent.Add(float64(len(data)))
			if b := i.Block; b != nil && !b.AcceptedAt.IsZero() {
				s.api.topics.delay.Observe(time.Since(b.AcceptedAt).Seconds())
			}
			if sub.acks == nil {
				if err := s.write(ctx, kind, data); err != nil {
					return err
				}
			} else {
				for n := range data {
					if err := sub.acks.sent(ctx, marks(n)); err != nil {
						return err
					}
					if err := s.write(ctx, kind, data[n:n+1]); err != nil {
						return err
					}
				}
			}
			if d := i.Dropped; d != nil {
				s.api.topics.dropped.Add(float64(d.Samples))
			}
			if i.Block != nil {
				sub.last = i.Block
			}
			if told := sub.told(i); len(told) > 0 {
				if err := s.send(ctx, told...); err != nil {
					return err
				}
			}
		}
	}
}
