package sessions

import (
	"fmt"
	"time"

	"github.com/neurod/neurod/models"
)

const (
	// maxFuture is how far a client's clock may be ahead.
	maxFuture = 24 * time.Hour
	// clockSkew is how far a clock is ahead without it being worth a word.
	clockSkew = 5 * time.Minute
)

// year2000 is when EEG that comes over the network had not yet begun.
var year2000 = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)

// timeFault says what is wrong with a time in Unix ms, "" for nothing. A time that would lie between 2000 and a day from
// now if it counted seconds, microseconds or nanoseconds is refused with that unit; in ms such seconds are ten to twenty
// days of 1970.
func timeFault(ms int64, now time.Time) string {
	latest := now.Add(maxFuture).UnixMilli()
	unit, meant := likelyUnit(ms, now)
	switch {
	case unit != "":
		return fmt.Sprintf("must be Unix time in milliseconds; %d looks like %s (%s), which is %d ms", ms, unit, meant.UTC().Format(time.RFC3339), meant.UnixMilli())
	case ms < 0 || ms > latest:
		return fmt.Sprintf("must be Unix time in milliseconds, from 0 to a day from now (%d)", latest)
	}
	return ""
}

// likelyUnit returns the unit other than ms in which a number is a time that lies between 2000 and a day from now, and
// that time; "" where there is none. A number has at most one: the units lie a factor of 1000 apart, the years less than 3.
func likelyUnit(v int64, now time.Time) (unit string, meant time.Time) {
	latest := now.Add(maxFuture)
	for _, u := range []struct {
		name string
		time time.Time
	}{{"seconds", time.Unix(min(max(v, 0), latest.Unix()+1), 0)}, {"microseconds", time.UnixMicro(v)}, {"nanoseconds", time.Unix(0, v)}} {
		if !u.time.Before(year2000) && !u.time.After(latest) {
			return u.name, u.time
		}
	}
	return "", time.Time{}
}

// oddTime says what is strange about the time at which a recording begins, as the one who sent it should know, "" for
// nothing.
func oddTime(ms int64, now time.Time) string {
	at := time.UnixMilli(ms).UTC()
	switch {
	case at.Before(year2000):
		return fmt.Sprintf("The first batch is dated %s: t0_unix_ms is Unix time in milliseconds. Times counted from the start of the recording are kept as they are.", at.Format(time.RFC3339))
	case at.After(now.Add(clockSkew)):
		return fmt.Sprintf("The first batch is dated %s, %s from now: the clock of the device may be wrong, or set to another time zone.", at.Format(time.RFC3339), at.Sub(now).Round(time.Second))
	}
	return ""
}

// overlapText says what became of samples that lie where samples were before.
func overlapText(overlapped, samples int64) string {
	const remedy = "t0_unix_ms must be the time of the batch's own first sample, in milliseconds."
	if overlapped == samples {
		return fmt.Sprintf("All %d samples lie where the session already has samples; those that were accepted first are kept, and these are ignored: %s", samples, remedy)
	}
	return fmt.Sprintf("%d of %d samples lie where the session already has samples; those that were accepted first are kept: %s", overlapped, samples, remedy)
}

// warningsOf says what is strange about the times of a session's batches.
func warningsOf(ses models.Session) []string {
	var out []string
	if ses.OriginMS != nil && ses.BatchCount > 0 {
		if text := oddTime(*ses.OriginMS, ses.CreatedAt); text != "" {
			out = append(out, text)
		}
	}
	if ses.OverlapCount > 0 {
		out = append(out, overlapText(ses.OverlapCount, ses.SampleCount))
	}
	return out
}
