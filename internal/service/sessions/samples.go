package sessions

import (
	"cmp"
	"context"
	"encoding/binary"
	"math"
	"slices"

	"github.com/neurod/neurod/eeg"
	"github.com/neurod/neurod/internal/segment"
	"github.com/neurod/neurod/internal/service"
	"github.com/neurod/neurod/internal/service/validate"
	"github.com/neurod/neurod/internal/store"
	"github.com/neurod/neurod/models"
)

// samplesChunk is how many samples a channel are merged at once.
const samplesChunk = 16 << 10

// Samples returns the samples of a session of the project from startMS to before endMS; nil is the beginning of the last
// contiguous segment, and its end. Errors: SessionNotFound; InvalidRequestBody where the range is empty, was not recorded
// without a gap, or holds more than a decode may.
func (s *Service) Samples(ctx context.Context, projectID, sessionID string, startMS, endMS *int64, ask models.Room) (models.SessionSamples, error) {
	ses, err := s.get(ctx, projectID, sessionID)
	if err != nil {
		return models.SessionSamples{}, err
	}
	tail, any := ses.Tail()
	if !any {
		return models.SessionSamples{}, models.InvalidField(models.At("input", "session_id"), "no_samples", "names a session that has no samples yet")
	}
	from, to := tail.Start, tail.End
	if endMS != nil {
		to = ses.SampleAt(*endMS)
	}
	if startMS != nil {
		from = ses.SampleAt(*startMS)
	}
	if from >= to {
		return models.SessionSamples{}, models.InvalidField(models.At("input", "start_ms"), "out_of_range", "must be before the end of the range, %d", ses.TimeOf(to))
	}
	channels := len(ses.Channels)
	if n := (to - from) * int64(channels) * 4; n > eeg.MaxPayloadBytes { // a product of numbers of SampleAt and 512: it fits
		return models.SessionSamples{}, validate.TooLarge(int(n))
	}
	out := models.SessionSamples{SessionID: ses.ID, Channels: ses.Channels, Rate: ses.SampleRateHz}
	t := segment.New(channels)
	batches := store.BatchRange{ProjectID: projectID, SessionID: ses.ID, Before: ses.BatchCount, Longest: ses.LongestBatch}
	for at := from; at < to; at += samplesChunk {
		end := min(at+samplesChunk, to)
		t.Reset(at, end)
		if err := s.cfg.Store.EachBatchOver(ctx, batches, at, end, t.Add); err != nil {
			return models.SessionSamples{}, service.Unavailable(err)
		}
		for there, upTo := range t.Runs() {
			if there == at && upTo == end {
				break
			}
			missing := at
			if there == at {
				missing = upTo
			}
			return models.SessionSamples{}, gapFault(ses, missing)
		}
		if !t.Complete(at, end) { // there are none at all
			return models.SessionSamples{}, gapFault(ses, at)
		}
		if out.Data == nil { // the range begins with samples: room is made for what is there, not for what is asked for
			if err := ask((to - from) * int64(channels) * 4); err != nil {
				return models.SessionSamples{}, err
			}
			out.Data = make([]byte, 0, (to-from)*int64(channels)*4)
		}
		for i := range int(end - at) {
			for _, row := range t.Rows {
				out.Data = binary.LittleEndian.AppendUint32(out.Data, math.Float32bits(float32(row[i])))
			}
		}
	}
	out.Place = models.SessionPlace{Start: from, Batches: ses.BatchCount}
	if out.Events, out.Place.Cues, err = s.eventsOf(ctx, ses, from, to); err != nil {
		return models.SessionSamples{}, err
	}
	return out, nil
}

// eventsOf returns the events of a session in a range of its samples, the first as many as a decode may have, and the
// samples of the latest before the range.
func (s *Service) eventsOf(ctx context.Context, ses models.Session, from, to int64) ([]eeg.Event, []int64, error) {
	var out []eeg.Event
	var before []int64
	keep := func() { // the latest
		slices.Sort(before)
		before = slices.Delete(before, 0, max(0, len(before)-models.MaxPlaceCues))
	}
	err := s.eachEvent(ctx, ses.ProjectID, ses.ID, func(e ExportEvent) error {
		switch {
		case e.Sample < from:
			if before = append(before, e.Sample); len(before) >= 20*models.MaxPlaceCues {
				keep()
			}
		case e.Sample < to && len(out) < eeg.MaxEvents:
			out = append(out, eeg.Event{Onset: float64(e.Sample-from) / ses.SampleRateHz, Code: e.Code, Label: e.Label})
		}
		return nil
	})
	keep()
	slices.SortStableFunc(out, func(a, b eeg.Event) int { return cmp.Compare(a.Onset, b.Onset) })
	return out, before, err
}

// gapFault says where samples are missing.
func gapFault(ses models.Session, sample int64) error {
	return models.InvalidField(models.At("input", "start_ms"), "gap", "begins a range in which samples are missing: those from %d on", ses.TimeOf(sample))
}
