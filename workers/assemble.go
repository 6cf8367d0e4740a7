package workers

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"gonum.org/v1/gonum/mat"

	"github.com/neurod/neurod/decoders"
	"github.com/neurod/neurod/decoders/epoch"
	"github.com/neurod/neurod/decoders/features"
	"github.com/neurod/neurod/decoders/recording"
	"github.com/neurod/neurod/eeg"
	"github.com/neurod/neurod/internal/compute"
	"github.com/neurod/neurod/internal/guarded"
	"github.com/neurod/neurod/internal/store"
	"github.com/neurod/neurod/models"
)

// assembler makes the rounds of an import out of the blocks of its file. What it makes follows from the file and the plan
// alone.
//
// Sample 0 of the session is the first of the file; a gap of the file is one on the session's grid. A sample of which a
// channel is not finite or beyond any amplifier's range is left out, which makes a gap, too.
type assembler struct {
	ses    models.Session
	plan   ImportPlan
	grid   models.Grid
	passed int // rounds that are written already
	stream *recording.Stream
	send   func(store.ImportRound) error
	// compute runs a part of the work when there is a processor for it.
	compute func(func() error) error

	rows    [][]float64 // channels × samples of the session [start, end), contiguous
	start   int64
	end     int64
	cut     int64   // samples before it are in batches
	window  int64   // index of the next window
	missing float64 // s of the file's gaps so far
	pieces  int
	taken   int64 // samples of the file so far, those left out among them
	bad     []bool

	windowers []*importWindower
	round     store.ImportRound
	rounds    int
	out       importOutput
}

// importWindower computes windows on one CPU.
type importWindower struct {
	extractor *features.Extractor
	window    features.Window
	x         *mat.Dense
}

// compute returns the window that begins at a sample of the rows, as JSON.
func (w *importWindower) compute(rows [][]float64, at int64) ([]byte, error) {
	for ch, row := range rows {
		copy(w.x.RawRowView(ch), row[at:])
	}
	if err := w.extractor.Compute(&w.window, w.x); err != nil {
		return nil, err
	}
	return json.Marshal(&w.window)
}

func newAssembler(ses models.Session, plan ImportPlan, passed int) (*assembler, error) {
	if len(plan.Picked) != len(ses.Channels) || plan.BatchSamples < 1 || plan.RoundBatches < 1 || ses.OriginMS == nil {
		return nil, fmt.Errorf("workers: the plan of session %s does not fit it", ses.ID)
	}
	a := &assembler{ses: ses, plan: plan, grid: ses.WindowGrid(), passed: passed, rows: make([][]float64, len(plan.Picked))}
	if w := plan.RoundWindows; w > 0 {
		a.plan.RoundBatches = max(1, min(plan.RoundBatches, w/max(1, int(a.grid.In(int64(plan.BatchSamples))))))
	}
	for range compute.Processors() {
		e, err := features.New(features.Config{Rate: ses.SampleRateHz, Channels: ses.Channels, Seconds: models.WindowMS / 1000., Features: ses.Features})
		if err != nil {
			return nil, models.Errorf(models.InvalidRequestBody, "no windows can be computed for this session: %v", err)
		}
		a.windowers = append(a.windowers, &importWindower{extractor: e, x: mat.NewDense(len(ses.Channels), e.Samples(), nil)})
	}
	a.begin(0)
	return a, nil
}

// run reads the file to its end and sends the rounds that are not yet written. What computes for long goes through slot.
func (a *assembler) run(stream *recording.Stream, send func(store.ImportRound) error, slot func(func() error) error) error {
	a.stream, a.send, a.compute = stream, send, slot
	// As many blocks as are read in a turn; a large one is alone in its turn.
	var blocks [8]recording.Block
	for over := false; !over; {
		n := 0
		err := a.compute(func() error {
			for begun := time.Now(); n < len(blocks) && time.Since(begun) < compute.Turn; n++ {
				if err := stream.Next(&blocks[n]); err != nil {
					return err
				}
			}
			return nil
		})
		if over = errors.Is(err, io.EOF); err != nil && !over {
			return err
		}
		for i := range n {
			if err := a.block(&blocks[i]); err != nil {
				return err
			}
		}
	}
	if err := a.flush(); err != nil {
		return err
	}
	if a.out.Samples == 0 {
		return decoders.Errorf(decoders.CodeInvalidSignal, map[string]any{"samples": a.taken, "left_out": a.out.LeftOut},
			"no sample is usable: in each of %d at least one channel is not finite or beyond any amplifier's range; are the samples in µV?", a.taken)
	}
	a.out.Warnings = stream.Recording().Warnings
	if a.out.LeftOut > 0 {
		a.out.Warnings = append(a.out.Warnings, fmt.Sprintf("%d samples were left out: a channel is not finite or beyond any amplifier's range", a.out.LeftOut))
	}
	return a.close(true)
}

// block takes a block of the file.
func (a *assembler) block(b *recording.Block) error {
	if b.Gap > 0 {
		a.missing += b.Gap
		if err := a.jump(); err != nil {
			return err
		}
	}
	if err := a.add(b); err != nil {
		return err
	}
	a.mark(b)
	if len(a.round.Marks) >= roundMarks {
		return a.close(false)
	}
	return nil
}

// begin starts a contiguous segment at a sample of the session.
func (a *assembler) begin(at int64) {
	for k := range a.rows {
		a.rows[k] = a.rows[k][:0]
	}
	a.start, a.end, a.cut = at, at, at
	first, _ := a.grid.Over(at, at+1)
	for a.grid.Start(first) < at {
		first++
	}
	a.window = max(a.window, first)
}

// jump ends the segment and starts the next, where the file's clock says.
func (a *assembler) jump() error {
	at := a.taken + int64(math.Round(a.missing*a.ses.SampleRateHz))
	if at <= a.end {
		return nil // less than half a sample
	}
	if err := a.flush(); err != nil {
		return err
	}
	if a.pieces++; a.pieces > mostPieces {
		return decoders.Errorf(decoders.CodeInvalidSignal, map[string]any{"pieces_limit": mostPieces, "samples": a.taken, "left_out": a.out.LeftOut},
			"the recording falls into more than %d pieces", mostPieces)
	}
	a.begin(at)
	return nil
}

// mostPieces bounds the segments of a session that come of one file: a hostile one has a gap after every sample.
const mostPieces = 1 << 16

// add takes the samples of a block.
func (a *assembler) add(b *recording.Block) error {
	n := math.MaxInt
	for _, ch := range a.plan.Picked {
		n = min(n, len(b.Samples[ch]))
	}
	if n == 0 {
		return nil
	}
	if cap(a.bad) < n {
		a.bad = make([]bool, n)
	}
	bad, spoiled := a.bad[:n], false
	clear(bad)
	for _, ch := range a.plan.Picked {
		for i, v := range b.Samples[ch][:n] {
			if !(v >= -epoch.MaxAmplitude && v <= epoch.MaxAmplitude) { // NaN too
				bad[i], spoiled = true, true
			}
		}
	}
	if !spoiled {
		return a.take(b, 0, n)
	}
	for i := 0; i < n; {
		from := i
		for i < n && !bad[i] {
			i++
		}
		if err := a.take(b, from, i); err != nil {
			return err
		}
		for from = i; i < n && bad[i]; i++ {
		}
		if i > from {
			a.taken += int64(i - from)
			a.out.LeftOut += int64(i - from)
			if err := a.jump(); err != nil {
				return err
			}
		}
	}
	return nil
}

// take adds the samples [from, to) of a block to the segment, and cuts batches off it.
func (a *assembler) take(b *recording.Block, from, to int) error {
	if from == to {
		return nil
	}
	for k, ch := range a.plan.Picked {
		samples := b.Samples[ch][from:to]
		row := slices.Grow(a.rows[k], len(samples))
		at := len(row)
		row = row[:at+len(samples)]
		for i, v := range samples {
			row[at+i] = float64(float32(v)) // as it is kept, so that windows fit what is exported
		}
		a.rows[k] = row
	}
	a.end += int64(to - from)
	a.taken += int64(to - from)
	for a.end-a.cut >= int64(a.plan.BatchSamples) {
		if err := a.batch(a.cut + int64(a.plan.BatchSamples)); err != nil {
			return err
		}
	}
	// What neither a batch nor a window needs any more goes.
	if keep := min(a.cut, a.grid.Start(a.window)); keep > a.start {
		for k, row := range a.rows {
			a.rows[k] = row[:copy(row, row[keep-a.start:])]
		}
		a.start = keep
	}
	return nil
}

// flush makes a batch of what is left of the segment.
func (a *assembler) flush() error {
	if a.end == a.cut {
		return nil
	}
	return a.batch(a.end)
}

// batch makes a batch of the samples up to one, and the windows that end in it.
func (a *assembler) batch(to int64) error {
	from := a.cut
	a.cut = to
	first := a.window
	for a.grid.Start(a.window)+a.grid.Samples() <= to {
		a.window++
	}
	a.out.Samples += to - from
	a.out.Batches++
	a.out.Windows += int(a.window - first)
	if most := importWindows + int(a.plan.File.Bytes/importWindowBytes); a.out.Windows > most {
		return decoders.Errorf(string(models.PayloadTooLarge), map[string]any{"limit_windows": most, "file_bytes": a.plan.File.Bytes, "hop_s": float64(a.ses.HopMS) / 1000},
			"the file of %d bytes makes more than %d windows at a hop of %g s; take a longer hop", a.plan.File.Bytes, most, float64(a.ses.HopMS)/1000)
	}
	if err := a.affordable(); err != nil {
		return err
	}
	if a.rounds >= a.passed {
		windows, err := a.windows(first, a.window)
		if err != nil {
			return err
		}
		a.round.Windows = append(a.round.Windows, windows...)
		var codec string
		var packed []byte
		var size int
		err = a.compute(func() error {
			codec, packed, size = a.pack(from, to)
			return nil
		})
		if err != nil {
			return err
		}
		a.round.Batches = append(a.round.Batches, models.SampleBatch{SessionID: a.ses.ID, BatchID: fmt.Sprintf("import-%06d", a.out.Batches),
			ProjectID: a.ses.ProjectID, StartMS: a.ses.TimeOf(from), StartSample: from, EndSample: to, Codec: codec, Size: size, Data: packed,
			CreatedAt: time.Now()})
	}
	if a.out.Batches%a.plan.RoundBatches == 0 {
		return a.close(false)
	}
	return nil
}

// What the features on request may cost in an import, in samples of all channels: so much, and so much for each byte of the file. The
// shortest windows that are worth it, of one channel of 64 Hz with 16 bits, cost 32 a byte.
const (
	importFeatureWork     = 64 << 20
	importFeatureByteWork = 64
)

// affordable holds the features on request to what the file may cost.
func (a *assembler) affordable() error {
	work := int64(a.out.Windows) * eeg.FeatureWork(a.ses.Features) * int64(len(a.plan.Picked))
	limit := importFeatureWork + importFeatureByteWork*a.plan.File.Bytes
	if work <= limit {
		return nil
	}
	return decoders.Errorf(string(models.PayloadTooLarge), map[string]any{"work": work, "limit_work": limit, "file_bytes": a.plan.File.Bytes, "hop_s": float64(a.ses.HopMS) / 1000},
		"the features asked for cost too much at a hop of %g s for a file of %d bytes; take a longer hop or fewer features", float64(a.ses.HopMS)/1000, a.plan.File.Bytes)
}

// pack returns samples as they are stored: float32 little-endian, sample-major.
func (a *assembler) pack(from, to int64) (codec string, data []byte, size int) {
	channels := len(a.rows)
	raw := make([]byte, 4*channels*int(to-from))
	for k, row := range a.rows {
		at := 4 * k
		for _, v := range row[from-a.start : to-a.start] {
			binary.LittleEndian.PutUint32(raw[at:], math.Float32bits(float32(v)))
			at += 4 * channels
		}
	}
	codec, data = store.PackSamples(raw)
	return codec, data, len(raw)
}

// windows computes the windows [first, end) that lie in the segment, on all CPUs.
func (a *assembler) windows(first, end int64) ([]models.FeatureWindow, error) {
	if first >= end {
		return nil, nil
	}
	out := make([]models.FeatureWindow, end-first)
	var group guarded.Group
	for i, w := range a.windowers {
		group.Go(func() error {
			step := int64(len(a.windowers))
			for k := first + int64(i); k < end; {
				err := a.compute(func() error {
					for begun := time.Now(); k < end && time.Since(begun) < compute.Turn; k += step {
						data, err := w.compute(a.rows, a.grid.Start(k)-a.start)
						if err != nil {
							return err
						}
						startMS := *a.ses.OriginMS + k*int64(a.ses.HopMS)
						out[k-first] = models.FeatureWindow{SessionID: a.ses.ID, WindowIndex: k, ProjectID: a.ses.ProjectID, StartMS: startMS,
							EndMS: startMS + models.WindowMS, Passed: w.window.Gate.Passed, Data: string(data), CreatedAt: time.Now()}
					}
					return nil
				})
				if err != nil {
					return err
				}
			}
			return nil
		})
	}
	return out, group.Wait()
}

// roundMarks is how many events end a round.
const roundMarks = 20_000

// maxEventLabel is how much of an event's text is kept, in characters.
const maxEventLabel = 1000

// mark takes the events of a block.
func (a *assembler) mark(b *recording.Block) {
	add := func(elapsed, duration float64, code int, label string, target *bool) {
		a.out.Events++
		if a.rounds < a.passed {
			a.round.Marks = append(a.round.Marks, models.SessionMark{}) // they count
			return
		}
		at := float64(*a.ses.OriginMS) + elapsed*1000
		if math.IsNaN(at) || math.Abs(at) > 1e15 { // no time that a calendar has
			at = float64(*a.ses.OriginMS)
		}
		a.round.Marks = append(a.round.Marks, models.SessionMark{SessionID: a.ses.ID, ProjectID: a.ses.ProjectID, AtMS: at,
			DurationMS: min(duration*1000, 1e15), Code: code, Label: cleanLabel(label), Target: target, Source: models.EventFromFile})
	}
	for i, e := range b.Events {
		duration := 0.0
		if b.Durations != nil {
			duration = b.Durations[i]
		}
		var target *bool
		if len(b.Targets) == len(b.Events) {
			attended := b.Targets[i] // the block is filled again
			target = &attended
		}
		add(e.Onset+a.missing, duration, e.Code, e.Label, target)
	}
	for _, n := range b.Annotations {
		add(n.Onset, n.Duration, n.Code(), n.Label, nil)
	}
}

// cleanLabel returns a text as databases take it, and no more than maxEventLabel characters of it.
func cleanLabel(s string) string {
	s = strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "\x00", "\uFFFD")
	if utf8.RuneCountInString(s) > maxEventLabel {
		s = string([]rune(s)[:maxEventLabel])
	}
	return s
}

// close ends a round and sends it if it is not yet written.
func (a *assembler) close(last bool) error {
	r := a.round
	r.ProjectID, r.SessionID, r.Round, r.DoneBytes, r.Last = a.ses.ProjectID, a.ses.ID, a.rounds, a.stream.Offset(), last
	a.round = store.ImportRound{}
	a.rounds++
	if r.Round < a.passed {
		return nil
	}
	if last {
		r.DoneBytes = a.plan.File.Bytes
	}
	return a.send(r)
}
