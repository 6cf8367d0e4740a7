package sessions

import (
	"github.com/neurod/neurod/eeg"
	"github.com/neurod/neurod/internal/service/validate"
	"github.com/neurod/neurod/models"
)

// What the content of a request may cost. The table of routes (handlers.Cost) holds bodies to bytes and values; these limits
// hold what the bytes stand for, because a few bytes can stand for much: a session with dense windows at a low rate makes one
// of each sample. Whoever adds a way to samples or windows goes through admitBatch and admitGrid.
const (
	// MaxBatchValues is how many samples of all channels together a batch may hold: 4 min of 64 channels at 250 Hz.
	MaxBatchValues = 4 << 20
	// MaxBatchWindows is how many feature windows a batch may make: 100 s at the shortest hop, an hour at the usual one.
	MaxBatchWindows = 2000
	// MaxBatchWork bounds what the windows and live decodes of a batch are computed of, in samples of all channels, each counted
	// in every window that it is in: less than a second of a slow processor.
	MaxBatchWork = 16 << 20
	// MaxLiveWork bounds what one live decode is computed of, in the same samples.
	MaxLiveWork = 32 << 20
	// MaxWindowValues is how many samples of all channels a feature window or a live decode may be computed of.
	MaxWindowValues = 4 << 20
)

// decodeWeight is what a sample costs in a live decode, in samples of a feature window.
func decodeWeight(d *models.LiveDecode) int64 {
	targets := 0
	if d.Stimulus != nil {
		targets = len(d.Stimulus.Targets)
	}
	return eeg.WorkWeight(d.Paradigm, targets)
}

// windowWork is what the feature windows of a session cost each, in samples of all channels.
func windowWork(ses models.Session) int64 {
	return (ses.WindowGrid().Samples() + eeg.FeatureWork(ses.Features)) * int64(len(ses.Channels))
}

// admitGrid holds a session to windows that can be computed.
func admitGrid(ses models.Session, wrong *validate.Fields) {
	channels := int64(len(ses.Channels))
	if n := ses.WindowGrid().Samples() * channels; n > MaxWindowValues {
		wrong.Add(models.At("channels"), "too_many_values", "at %g Hz a window of %d s would have %d samples of all channels; at most %d are allowed: use fewer channels or a lower rate",
			ses.SampleRateHz, models.WindowMS/1000, n, MaxWindowValues)
	}
	g, decoded := ses.DecodeGrid()
	if !decoded {
		return
	}
	if n := g.Samples() * channels * decodeWeight(ses.Decode); n > MaxLiveWork {
		wrong.Add(models.At("decode", "window_s"), "too_many_values", "one decode of %g s would cost as much as %d samples; at most %d are allowed: use a shorter window, fewer channels or fewer targets",
			float64(g.WindowMS)/1000, n, MaxLiveWork)
	}
}

// admitBatch holds a batch of so many samples a channel to what may be computed of it.
func admitBatch(ses models.Session, samples int64, wrong *validate.Fields) {
	channels := int64(len(ses.Channels))
	if n := samples * channels; n > MaxBatchValues {
		wrong.Add(models.At("data"), "too_many_values", "holds %d samples of %d channels, %d values; at most %d are allowed: send it in parts", samples, channels, n, MaxBatchValues)
		return
	}
	windows := ses.WindowGrid()
	n := windows.In(samples)
	if n > MaxBatchWindows {
		wrong.Add(models.At("data"), "too_many_windows", "lasts %.1f s, which makes %d windows at a hop of %g s; at most %d are allowed: send it in parts",
			float64(samples)/ses.SampleRateHz, n, float64(ses.HopMS)/1000, MaxBatchWindows)
		return
	}
	// One window and one decode are allowed whatever they cost: admitGrid has let them in.
	work, allowed := n*windowWork(ses), min(n, 1)*windowWork(ses)
	if g, decoded := ses.DecodeGrid(); decoded {
		decodes, each := g.In(samples), g.Samples()*channels*decodeWeight(ses.Decode)
		work, allowed = work+decodes*each, allowed+min(decodes, 1)*each
	}
	if work-allowed > MaxBatchWork {
		wrong.Add(models.At("data"), "too_much_work", "its windows and decodes would read %d samples, counting each in every one of them; at most %d are allowed: send it in parts", work, MaxBatchWork)
	}
}
