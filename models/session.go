package models

import (
	"encoding/json"
	"fmt"
	"math"
	"time"

	"github.com/neurod/neurod/eeg"
)

// IngestionMode says how the samples of a session come in.
type IngestionMode string

// The ingestion modes.
const (
	ModeStreaming IngestionMode = "STREAMING" // live: the session is open until it is ended
	ModeRecorded  IngestionMode = "RECORDED"  // an upload: ending it starts the last part of the processing
)

// Valid reports whether m is one of the modes.
func (m IngestionMode) Valid() bool { return m == ModeStreaming || m == ModeRecorded }

// First returns the state in which sessions of the mode begin.
func (m IngestionMode) First() SessionState {
	if m == ModeRecorded {
		return SessionUploading
	}
	return SessionOpen
}

// SessionState is the state of a session.
//
//	STREAMING   OPEN ── end ──► ENDED
//
//	RECORDED    UPLOADING ── end ──► PROCESSING ── every window written ──► COMPLETE
//	                                     └──────── its job failed ────────► FAILED
//
// Samples are taken in OPEN and UPLOADING only. Ending a session that has ended changes nothing.
type SessionState string

// The states of a session.
const (
	SessionOpen       SessionState = "OPEN"
	SessionEnded      SessionState = "ENDED"
	SessionUploading  SessionState = "UPLOADING"
	SessionProcessing SessionState = "PROCESSING"
	SessionComplete   SessionState = "COMPLETE"
	SessionFailed     SessionState = "FAILED"
)

// SessionTrigger is what moves a session from state to state. (The events of a session are its SessionMarks: cues and flashes.)
type SessionTrigger string

// The triggers.
const (
	TriggerIngest   SessionTrigger = "ingest"   // a new batch of samples
	TriggerEnd      SessionTrigger = "end"      // the caller ends the session
	TriggerWindowed SessionTrigger = "windowed" // every due window is written
	TriggerFailed   SessionTrigger = "failed"   // the job that writes the windows failed for good
)

// transitions is the state machine: what is not in it is refused.
var transitions = map[SessionState]map[SessionTrigger]SessionState{
	SessionOpen:       {TriggerIngest: SessionOpen, TriggerEnd: SessionEnded, TriggerWindowed: SessionOpen},
	SessionEnded:      {TriggerEnd: SessionEnded, TriggerWindowed: SessionEnded, TriggerFailed: SessionEnded},
	SessionUploading:  {TriggerIngest: SessionUploading, TriggerEnd: SessionProcessing, TriggerWindowed: SessionUploading},
	SessionProcessing: {TriggerEnd: SessionProcessing, TriggerWindowed: SessionComplete, TriggerFailed: SessionFailed},
	SessionComplete:   {TriggerEnd: SessionComplete},
	SessionFailed:     {TriggerEnd: SessionFailed},
}

// Next returns the state after a trigger, and false where it is refused in this state.
func (s SessionState) Next(e SessionTrigger) (SessionState, bool) {
	next, ok := transitions[s][e]
	return next, ok
}

// WindowMS is the length of a feature window in ms (2 s, as the sessions document has it).
const WindowMS = 2000

// Session is one recording from a device: a live stream or an upload.
type Session struct {
	ID             string
	ProjectID      string
	ExternalUserID string
	DeviceType     string
	SampleRateHz   float64
	Channels       []string // stored as JSON text
	IngestionMode  IngestionMode
	State          SessionState
	HopMS          int    // ms from the start of one feature window to the next
	JitterMS       int    // ms by which a batch's time may be off its neighbor and still continue it
	OriginMS       *int64 // Unix ms of sample 0 and of window 0; nil until the first batch or the caller sets it

	SampleCount  int64 // samples a channel that were accepted
	OverlapCount int64 // of them, those that lie where samples were before: the first are kept
	BatchCount   int   // batches that were accepted: the next batch's number
	SeenCount    int   // batches that the job that writes the windows has seen: those with a lower number
	LongestBatch int64 // samples a channel of the longest batch
	WindowCount  int   // windows written
	LastSeq      int   // number of the last window or decode that was written: where a reader of the live stream is when it has all

	TailStart *int64 // the last contiguous segment of samples; nil until the first batch
	TailEnd   *int64

	Decode      *LiveDecode // how the session is decoded as it runs, nil for not at all; stored as JSON text
	DecodeCount int         // decodes written

	Features []eeg.Feature // that its windows carry beside those that every window has; stored as JSON text

	JobID   *string // the latest job that writes the windows
	JobOpen bool    // that job has not yet found its work done

	// What its makers call it and say about it; "" for nothing.
	Name      string
	Tags      []string // stored as JSON text
	Metadata  string   // a JSON object
	Protocol  string   // of the experiment
	DeviceID  string   // the device of the project that it is recorded from
	PlannedMS *int64   // how long it is meant to last

	CreatedAt time.Time
	StartedAt time.Time
	EndedAt   *time.Time // nil, too, where the session was made of a file: see Ended
}

// ProcessingState returns what callers see of the state: none for STREAMING.
func (s Session) ProcessingState() *SessionState {
	if s.IngestionMode == ModeStreaming {
		return nil
	}
	state := s.State
	return &state
}

// Began returns when the session began: the time of sample 0 where it is known, which is the clock of the one who sends the
// samples, else the time at which it was made, which is ours.
func (s Session) Began() time.Time {
	if s.OriginMS == nil {
		return s.StartedAt
	}
	return time.UnixMilli(*s.OriginMS)
}

// Ended returns when the session ended, nil while it has not. One that was made of a file has ended with its last sample,
// once the file is read.
func (s Session) Ended() *time.Time {
	if s.EndedAt != nil || (s.State != SessionComplete && s.State != SessionFailed) {
		return s.EndedAt
	}
	at := s.lastSample()
	return &at
}

// lastSample returns the end of the latest sample, or the beginning where there is none.
func (s Session) lastSample() time.Time {
	tail, ok := s.Tail()
	if !ok {
		return s.Began()
	}
	return time.UnixMilli(s.TimeOf(tail.End))
}

// otherClock is how far the times of live samples may be from ours and still be times of now.
const otherClock = 24 * time.Hour

// EndsBy returns when a session ends that is ended now, by one who does not say when: now where samples come as they are
// recorded, else with the last sample. It does not end before it began.
func (s Session) EndsBy(now time.Time) time.Time {
	last := s.lastSample()
	_, any := s.Tail()
	switch {
	case now.Before(last), any && s.IngestionMode == ModeRecorded, any && now.Sub(last) > otherClock:
		return last
	}
	return now
}

// Progress says in one word how far a session is, as clients see it that know nothing of modes.
type Progress string

// The words. Those of sessions that are over never change again.
const (
	ProgressPreparing Progress = "PREPARING" // no sample has come
	ProgressRecording Progress = "RECORDING" // samples come, or what they make is still being written
	ProgressPaused    Progress = "PAUSED"    // none has come for a while
	ProgressCompleted Progress = "COMPLETED"
	ProgressFailed    Progress = "FAILED"
)

// Progresses lists every word.
func Progresses() []Progress {
	return []Progress{ProgressPreparing, ProgressRecording, ProgressPaused, ProgressCompleted, ProgressFailed}
}

// PausedAfter is how long no batch may come until a session that takes samples is paused.
const PausedAfter = 30 * time.Second

// Progress returns how far the session is at a time. lastBatch is when its latest batch came, which matters only while it takes samples.
func (s Session) Progress(lastBatch, now time.Time) Progress {
	switch s.State {
	case SessionEnded, SessionComplete:
		return ProgressCompleted
	case SessionFailed:
		return ProgressFailed
	case SessionProcessing:
		return ProgressRecording
	case SessionOpen, SessionUploading:
	}
	switch {
	case s.BatchCount == 0:
		return ProgressPreparing
	case now.Sub(lastBatch) > PausedAfter:
		return ProgressPaused
	}
	return ProgressRecording
}

// Pending returns how many batches wait for the job that writes the windows.
func (s Session) Pending() int { return s.BatchCount - s.SeenCount }

// Tail returns the last contiguous segment of samples, and false before the first batch.
func (s Session) Tail() (Segment, bool) {
	if s.TailStart == nil || s.TailEnd == nil {
		return Segment{}, false
	}
	return Segment{Start: *s.TailStart, End: *s.TailEnd}, true
}

// Ending reports whether the session takes no more samples.
func (s Session) Ending() bool {
	_, takes := s.State.Next(TriggerIngest)
	return !takes
}

// Over reports whether the session has ended and no window will come by itself any more.
func (s Session) Over() bool {
	switch s.State {
	case SessionEnded:
		return s.Pending() == 0 || !s.JobOpen // what a job that was given up has left comes with the next end
	case SessionComplete, SessionFailed:
		return true
	}
	return false
}

// WindowsOutput is the output of a job that writes feature windows.
type WindowsOutput struct {
	SessionID string `json:"session_id"`
	Batches   int    `json:"batches"`           // looked at by the last attempt
	Windows   int    `json:"windows"`           // written by it
	Decodes   int    `json:"decodes,omitempty"` // written by it
}

// JSON returns the output as it is stored.
func (o WindowsOutput) JSON() json.RawMessage {
	b, err := json.Marshal(o)
	if err != nil {
		panic(err) // a string and whole numbers always encode
	}
	return b
}

// Grid is where the windows of a session lie: window k begins k hops after the origin.
type Grid struct {
	RateHz   float64
	WindowMS int
	HopMS    int
}

// WindowGrid is the grid of feature windows.
func (s Session) WindowGrid() Grid {
	return Grid{RateHz: s.SampleRateHz, WindowMS: WindowMS, HopMS: s.HopMS}
}

// DecodeGrid is the grid of live decodes; false where the session is not decoded as it runs.
func (s Session) DecodeGrid() (Grid, bool) {
	if s.Decode == nil {
		return Grid{}, false
	}
	return Grid{RateHz: s.SampleRateHz, WindowMS: s.Decode.WindowMS, HopMS: s.Decode.HopMS}, true
}

// Samples returns the number of samples a channel of a window.
func (g Grid) Samples() int64 { return int64(math.Round(float64(g.WindowMS) * g.RateHz / 1000)) }

// Start returns the first sample of window k.
func (g Grid) Start(k int64) int64 {
	return int64(math.Round(float64(k) * float64(g.HopMS) * g.RateHz / 1000))
}

// In returns how many windows begin in so many samples, at most.
func (g Grid) In(samples int64) int64 {
	return int64(math.Ceil(float64(samples) * 1000 / (float64(g.HopMS) * g.RateHz)))
}

// Over returns the first and the last window that overlap the samples [start, end); last < first for none.
func (g Grid) Over(start, end int64) (first, last int64) {
	hop := float64(g.HopMS) * g.RateHz / 1000
	first = int64(math.Floor(float64(start-g.Samples())/hop)) - 1
	for g.Start(first)+g.Samples() <= start {
		first++
	}
	last = int64(math.Ceil(float64(end)/hop)) + 1
	for g.Start(last) >= end {
		last--
	}
	return first, last
}

// Completes reports whether some window that overlaps the samples [start, end) has all its samples in a segment.
func (g Grid) Completes(start, end int64, t Segment) bool {
	first, last := g.Over(start, end)
	for k := first; k <= last; k++ {
		if at := g.Start(k); at >= t.Start && at+g.Samples() <= t.End {
			return true
		}
	}
	return false
}

// Completes reports whether samples [start, end), which lie in a segment, may make a window or a live decode complete.
func (s Session) Completes(start, end int64, t Segment) bool {
	if s.WindowGrid().Completes(start, end, t) {
		return true
	}
	decodes, ok := s.DecodeGrid()
	return ok && decodes.Completes(start, end, t)
}

// farSample is further from any origin than a sample can lie, 446 years at 20 kHz, and so near that the bytes of 512 channels
// between two such numbers fit into 64 bits.
const farSample = 1 << 48

// SampleAt returns the number of the sample at a time: negative before the origin. It lies between -2⁴⁸ and 2⁴⁸, whatever
// the time.
func (s Session) SampleAt(unixMS int64) int64 {
	if s.OriginMS == nil {
		return 0
	}
	// As float64 the difference cannot wrap around.
	at := (float64(unixMS) - float64(*s.OriginMS)) * s.SampleRateHz / 1000
	return int64(math.Round(max(-farSample, min(at, farSample))))
}

// TimeOf returns the time of a sample, Unix ms.
func (s Session) TimeOf(sample int64) int64 {
	if s.OriginMS == nil {
		return 0
	}
	return *s.OriginMS + int64(math.Round(float64(sample)*1000/s.SampleRateHz))
}

// Nearest returns the sample that is nearest to a time in Unix ms, which need not be whole; 0 for a session without samples.
func (s Session) Nearest(ms float64) int64 {
	if s.OriginMS == nil {
		return 0
	}
	return int64(math.Round((ms - float64(*s.OriginMS)) * s.SampleRateHz / 1000))
}

// SeamSamples is how far a batch of so many samples may be off its neighbor and still continue it: the session's jitter,
// but not so far that a missing batch as long as this one would pass for a late clock, and at least the rounding of times
// to whole ms.
func (s Session) SeamSamples(samples int64) int64 {
	jitter := min(int64(float64(s.JitterMS)*s.SampleRateHz/1000), samples/2)
	return max(1, int64(math.Ceil(s.SampleRateHz/1000)), jitter)
}

// SampleBatch is a segment of samples of a session as it came in: float32 little-endian, sample-major, µV, compressed.
// Where batches overlap, the one that was accepted first keeps the sample.
type SampleBatch struct {
	SessionID   string
	BatchID     string // the caller's
	ProjectID   string
	Seq         int   // its number in the order of acceptance, from 0; the job has seen those below Session.SeenCount
	StartMS     int64 // Unix ms as the caller gave it
	StartSample int64 // number of its first sample, counted from the session's origin
	EndSample   int64 // number after its last sample
	JobID       string
	Digest      string // SHA-256 of time and samples, hex
	Codec       string // how Data is compressed
	Size        int    // bytes before compression
	Data        []byte
	CreatedAt   time.Time
}

// FeatureWindow is what was computed from one segment of contiguous samples. A session has each index at most once.
type FeatureWindow struct {
	SessionID   string
	WindowIndex int64 // position on the session's grid; negative before the origin
	ProjectID   string
	Seq         int // its number among the session's windows and decodes in the order of writing, from 1: where a reader of the live stream resumes
	StartMS     int64
	EndMS       int64
	Passed      bool   // the quality gate
	Data        string // JSON object: features, artifacts, quality, confidence, gate
	CreatedAt   time.Time
}

// ID returns the window's public id.
func (w FeatureWindow) ID() string { return fmt.Sprintf("wnd_%s_%d", w.SessionID, w.WindowIndex) }
