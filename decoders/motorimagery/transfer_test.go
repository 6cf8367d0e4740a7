package motorimagery_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"testing"

	"gonum.org/v1/gonum/mat"

	"github.com/neurod/neurod/decoders"
	"github.com/neurod/neurod/decoders/epoch"
	"github.com/neurod/neurod/decoders/motorimagery"
	"github.com/neurod/neurod/eeg"
)

var peopleFront = motorimagery.PeopleFront{Low: 8, High: 30, Order: 4, Start: 0, End: 2}

// peopleOf are the statistics of a dataset, through their file.
func peopleOf(t testing.TB, ds *decoders.Dataset) *motorimagery.People {
	t.Helper()
	p, err := motorimagery.NewPeople(ds, peopleFront, false, motorimagery.PeopleSource{Name: "made up", Licence: "none"})
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := p.Write(&b); err != nil {
		t.Fatal(err)
	}
	if p, err = motorimagery.ParsePeople(b.Bytes()); err != nil {
		t.Fatal(err)
	}
	return p
}

func picked(t testing.TB, ds *decoders.Dataset, channels []string) *decoders.Dataset {
	t.Helper()
	rows, err := epoch.Rows(nil, ds.Channels, epoch.CanonicalNames(channels))
	if err != nil {
		t.Fatal(err)
	}
	out := *ds
	out.Channels, out.Trials = channels, slices.Clone(ds.Trials)
	for i, tr := range out.Trials {
		_, n := tr.Data.Dims()
		out.Trials[i].Data = mat.NewDense(len(rows), n, nil)
		for k, r := range rows {
			out.Trials[i].Data.SetRow(k, tr.Data.RawRowView(r))
		}
	}
	return &out
}

// TestPeopleAreTheirRecordings: a decoder of people alone, on any part of the electrodes, is the decoder that ts_lr makes of their
// recordings, to the digits that 16 bits keep.
func TestPeopleAreTheirRecordings(t *testing.T) {
	t.Parallel()
	all := strangers(4, 10, 11)
	people := peopleOf(t, all)
	for _, channels := range [][]string{names, names[:3], {names[4], names[1]}} {
		ds := picked(t, all, channels)
		got, err := onTop(t, people, picked(t, strangers(1, 5, 99), channels), nil)
		if err != nil {
			t.Fatal(err)
		}
		cfg := motorimagery.CrossSubject()
		cfg.Start, cfg.End, cfg.Align, cfg.Center, cfg.Mirror = 0, 2, true, motorimagery.CenterRiemann, false
		raw, err := json.Marshal(cfg)
		if err != nil {
			t.Fatal(err)
		}
		want, err := motorimagery.TSLR().Train(t.Context(), ds, raw)
		if err != nil {
			t.Fatal(err)
		}
		for i := range ds.Trials {
			in := trialInput(ds, i)
			a, errA := got.Decode(t.Context(), in)
			b, errB := want.Decode(t.Context(), in)
			if errA != nil || errB != nil {
				t.Fatal(errA, errB)
			}
			sa, sb := a.Evidence["scores"].([]float64), b.Evidence["scores"].([]float64)
			if math.Abs(sa[1]-sb[1]) > 0.03*max(1, math.Abs(sb[1])) {
				t.Errorf("%v, trial %d: score %v by the statistics, %v by the recordings", channels, i, sa, sb)
			}
		}
	}
}

// trialInput asks for a trial of a dataset.
func trialInput(ds *decoders.Dataset, i int) *decoders.Input {
	return &decoders.Input{Signal: decoders.Signal{Data: ds.Trials[i].Data, Channels: ds.Channels, Rate: ds.Rate}, Events: []eeg.Event{{Onset: ds.Cue, Code: 1}}}
}

// onTop trains on the trials of a dataset of the given indices.
func onTop(t testing.TB, people *motorimagery.People, ds *decoders.Dataset, trials []int) (decoders.Trained, error) {
	t.Helper()
	p, err := motorimagery.OnTopOf(people).Prepare(ds, nil, nil)
	if err != nil {
		return nil, err
	}
	return p.Train(t.Context(), trials)
}

func accuracyOf(t testing.TB, d decoders.Decoder, ds *decoders.Dataset, test []int) float64 {
	t.Helper()
	right := 0
	for _, i := range test {
		res, err := d.Decode(t.Context(), trialInput(ds, i))
		if err != nil {
			t.Fatal(err)
		}
		if res.Classes[0].Name == ds.Classes[ds.Trials[i].Label] {
			right++
		}
	}
	return float64(right) / float64(len(test))
}

// balanced returns the first n trials of each class, and the rest.
func balanced(ds *decoders.Dataset, n int) (first, rest []int) {
	count := map[int]int{}
	for i, tr := range ds.Trials {
		if count[tr.Label]++; count[tr.Label] <= n {
			first = append(first, i)
		} else {
			rest = append(rest, i)
		}
	}
	return first, rest
}

// TestFewTrialsOnTopOfPeople: with two trials a class, of a person whose channels mix like nobody's, and with trials of one class
// alone, where the trials alone make no model at all.
func TestFewTrialsOnTopOfPeople(t *testing.T) {
	t.Parallel()
	people := peopleOf(t, strangers(5, 12, 3))
	ds := strangers(1, 20, 40)
	first, rest := balanced(ds, 2)
	d, err := onTop(t, people, ds, first)
	if err != nil {
		t.Fatal(err)
	}
	if got := accuracyOf(t, d, ds, rest); got < 0.8 {
		t.Errorf("two trials a class on top of people: accuracy %.3f", got)
	}
	none, err := onTop(t, people, ds, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("two trials a class %.3f, none %.3f", accuracyOf(t, d, ds, rest), accuracyOf(t, none, ds, rest))
	var one []int
	for _, i := range first {
		if ds.Trials[i].Label == 0 {
			one = append(one, i)
		}
	}
	if _, err := onTop(t, people, ds, one); err != nil {
		t.Errorf("trials of one class: %v", err)
	}
	// A person at another rate is treated alike: the decoder works at the people's.
	fast := dataset(2, 20, 250, 77)
	first, rest = balanced(fast, 2)
	d, err = onTop(t, people, fast, first)
	if err != nil {
		t.Fatal(err)
	}
	if got := accuracyOf(t, d, fast, rest); got < 0.8 || d.Info().Rate != 160 {
		t.Errorf("at 250 Hz: accuracy %.3f at %v Hz", got, d.Info().Rate)
	}
	first, rest = balanced(ds, 2)
	if d, err = onTop(t, people, ds, first); err != nil {
		t.Fatal(err)
	}
	// It is a model as any: stored and restored it answers the same, and it can be moved and trained on top of.
	again, err := motorimagery.TSLR().Restore("m", "1", d.State())
	if err != nil {
		t.Fatal(err)
	}
	if a, b := accuracyOf(t, d, ds, rest), accuracyOf(t, again, ds, rest); a != b || !again.Info().Aligned {
		t.Errorf("restored %v, was %v", b, a)
	}
	further, err := motorimagery.OnTopOfModel(again)
	if err != nil {
		t.Fatal(err)
	}
	// The classes may be called otherwise and stand in another order.
	renamed := *ds
	renamed.Classes, renamed.Trials = []string{ds.Classes[1], ds.Classes[0]}, slices.Clone(ds.Trials)
	for i := range renamed.Trials {
		renamed.Trials[i].Label = 1 - renamed.Trials[i].Label
	}
	p, err := further.Prepare(&renamed, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, trials := range [][]int{nil, one, first, rest[:len(rest)/2]} {
		m, err := p.Train(t.Context(), trials)
		if err != nil {
			t.Fatal(err)
		}
		if got := accuracyOf(t, m, &renamed, rest[len(rest)/2:]); got < 0.7 {
			t.Errorf("%d trials on top of a model: accuracy %.3f", len(trials), got)
		}
	}
}

// TestBasesRefuse what cannot start from them, with a code.
func TestBasesRefuse(t *testing.T) {
	t.Parallel()
	people := peopleOf(t, strangers(2, 5, 3))
	ds := strangers(1, 5, 40)
	other := *ds
	other.Classes = []string{"feet", "tongue"}
	third := *ds
	third.Classes = append(slices.Clone(ds.Classes), "tongue")
	strange := *ds
	strange.Channels = slices.Repeat([]string{"X"}, len(ds.Channels))
	for i := range strange.Channels {
		strange.Channels[i] = fmt.Sprintf("X%d", i)
	}
	for name, tc := range map[string]struct {
		ds      *decoders.Dataset
		options string
		code    string
	}{
		"other classes":    {&other, "", decoders.CodeModelIncompatible},
		"more classes":     {&third, "", decoders.CodeModelIncompatible},
		"unknown channels": {&strange, "", decoders.CodeMontageMismatch},
		"another band":     {ds, `{"low":4}`, decoders.CodeModelIncompatible},
		"another window":   {ds, `{"end":1}`, decoders.CodeModelIncompatible},
		"not aligned":      {ds, `{"align":false}`, decoders.CodeModelIncompatible},
		"negative weight":  {ds, `{"weight":-1}`, decoders.CodeModelIncompatible},
		"unknown option":   {ds, `{"nope":1}`, decoders.CodeModelIncompatible},
	} {
		_, err := motorimagery.OnTopOf(people).Prepare(tc.ds, json.RawMessage(tc.options), nil)
		var fault *decoders.Error
		if !errors.As(err, &fault) || fault.Code != tc.code {
			t.Errorf("%s: %v", name, err)
		}
	}
	plain, err := motorimagery.TSLR().Train(t.Context(), ds, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := motorimagery.OnTopOfModel(plain); err == nil {
		t.Error("a model that was not trained with alignment is started from")
	}
}

// TestPeopleFilesAreChecked: what is cut off, altered or lies about itself is refused.
func TestPeopleFilesAreChecked(t *testing.T) {
	t.Parallel()
	p, err := motorimagery.NewPeople(strangers(2, 3, 1), peopleFront, false)
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := p.Write(&b); err != nil {
		t.Fatal(err)
	}
	good := b.Bytes()
	if _, err := motorimagery.ParsePeople(good); err != nil {
		t.Fatal(err)
	}
	for name, bad := range map[string][]byte{
		"empty": nil, "cut off": good[:len(good)-5], "altered": flipped(good, len(good)/2), "another magic word": flipped(good, 0),
		"another version": resealed(flipped(good, 8)), "a header beyond the end": resealed(flipped(good, 18)),
		"without its last number":     resealed(good[:len(good)-sha256.Size-2]),
		"with a label of no class":    resealed(bytes.Replace(good, []byte(`"labels":[[0`), []byte(`"labels":[[9`), 1)),
		"with a band beyond its rate": resealed(bytes.Replace(good, []byte(`"high":30`), []byte(`"high":99`), 1)),
	} {
		if bytes.Equal(bad, good) {
			t.Fatalf("%s: nothing was changed", name)
		}
		if _, err := motorimagery.ParsePeople(bad); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func flipped(b []byte, at int) []byte {
	out := bytes.Clone(b)
	out[at] ^= 0x55
	return out
}

// resealed gives a file, or the body of one, a checksum that fits.
func resealed(b []byte) []byte {
	body := bytes.Clone(b)
	if len(body) > sha256.Size {
		body = body[:len(body)-sha256.Size]
	}
	sum := sha256.Sum256(body)
	return append(body, sum[:]...)
}
