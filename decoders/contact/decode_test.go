package contact_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"reflect"
	"strings"
	"sync"
	"testing"

	"gonum.org/v1/gonum/mat"

	"github.com/neurod/neurod/decoders"
	"github.com/neurod/neurod/decoders/catalog"
	"github.com/neurod/neurod/decoders/contact"
	"github.com/neurod/neurod/decoders/decodertest"
	"github.com/neurod/neurod/decoders/epoch"
	"github.com/neurod/neurod/decoders/motorimagery"
	"github.com/neurod/neurod/decoders/p300"
	"github.com/neurod/neurod/decoders/seizure"
	"github.com/neurod/neurod/decoders/ssvep"
	"github.com/neurod/neurod/decoders/synthetic"
	"github.com/neurod/neurod/eeg"
	"github.com/neurod/neurod/internal/testkit/race"
)

// question is a clip whose answer is known, and how sure the decoder was of the clean one.
type question struct {
	in    *decoders.Input
	want  string
	clean float64
}

// subject is a decoder with questions to it.
type subject struct {
	name      string
	decoder   func() decoders.Decoder // trained when it is first asked for
	questions []question
}

// tally is what a decoder answered.
type tally struct {
	asked, answered, right int
	confidence             float64 // sum
	among, clean           float64 // sums over those that are an answer: of its confidence and of that of the clean clip
}

func (t *tally) add(q question, r *decoders.Result) {
	t.asked++
	t.confidence += r.Classes[0].Probability
	if r.Classes[0].Name == string(eeg.Undetermined) {
		return
	}
	t.answered++
	t.among += r.Classes[0].Probability
	t.clean += q.clean
	if r.Classes[0].Name == q.want {
		t.right++
	}
}

func (t *tally) join(o tally) {
	t.asked, t.answered, t.right = t.asked+o.asked, t.answered+o.answered, t.right+o.right
	t.confidence, t.among, t.clean = t.confidence+o.confidence, t.among+o.among, t.clean+o.clean
}

func (t tally) accuracy() float64 { return float64(t.right) / float64(max(1, t.answered)) }
func (t tally) coverage() float64 { return float64(t.answered) / float64(t.asked) }
func (t tally) mean() float64     { return t.confidence / float64(t.asked) }

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// trained trains a pipeline once, when its decoder is asked for.
func trained(p decoders.Pipeline, ds *decoders.Dataset, options string) func() decoders.Decoder {
	return sync.OnceValue(func() decoders.Decoder { return must(p.Train(context.Background(), ds, json.RawMessage(options))) })
}

// imagerySubjects are all pipelines of motor imagery, and one that is aligned, on the montage of a Unicorn with weak imagery.
var imagerySubjects = sync.OnceValue(func() []subject {
	session := func(seed uint64, perClass int) synthetic.Session {
		return must(synthetic.MotorImagery(synthetic.Config{Channels: strings.Fields(montages["unicorn"]), Rate: 160, Seed: seed},
			synthetic.ImageryConfig{TrialsPerClass: perClass, Depth: 0.35, PauseSeconds: 1.5}))
	}
	ds := &decoders.Dataset{Paradigm: eeg.MotorImagery, Rate: 160, Cue: 1, Classes: []string{"left", "right"}}
	for k := range uint64(2) {
		s := session(10+k, 24)
		ds.Channels = s.Channels
		ds.Trials = append(ds.Trials, epoch.Cut(s.Signal, s.Events, func(e eeg.Event) int { return e.Code - 769 }, 1, 4, fmt.Sprintf("p%d/1", k))...)
	}
	s := session(20, 10)
	var questions []question
	rows, _ := s.Data.Dims()
	for i, e := range s.Events {
		from, to := int((e.Onset-1)*s.Rate), int((e.Onset+4)*s.Rate)
		questions = append(questions, question{&decoders.Input{
			Signal: decoders.Signal{Data: s.Data.Slice(0, rows, from, to).(*mat.Dense), Channels: s.Channels, Rate: s.Rate}, Events: []eeg.Event{{Onset: 1}}}, s.Labels[i], 0})
	}
	var out []subject
	for _, p := range []decoders.Pipeline{motorimagery.CSPLDA(), motorimagery.TSLR(), motorimagery.MDM(), motorimagery.FgMDM(), motorimagery.FBCSP(),
		motorimagery.CSPRxLDA(), motorimagery.CSPRxGMM()} {
		out = append(out, subject{p.Name(), trained(p, ds, ""), questions})
	}
	for _, p := range []decoders.Pipeline{motorimagery.TSLR(), motorimagery.CSPLDA()} {
		out = append(out, subject{p.Name() + " aligned", trained(p, ds, `{"align":true,"normalize":true,"mirror":false}`), questions})
	}
	return out
})

// flashSubjects are all pipelines of flashes, spelling letters from eight repetitions.
var flashSubjects = sync.OnceValue(func() []subject {
	cfg := synthetic.Config{Channels: strings.Fields("Fz Cz P3 Pz P4 PO7 Oz PO8"), Rate: 128}
	cfg.Seed = 5
	train := must(synthetic.Speller(cfg, synthetic.SpellerConfig{Text: "QUICKFOX", Repetitions: 8, P300UV: 8}))
	ds := p300.NewDataset(train.Channels, train.Rate)
	ds.Trials = p300.Trials(train.Signal, train.Events, train.Targets, "a")
	cfg.Seed = 6
	s := must(synthetic.Speller(cfg, synthetic.SpellerConfig{Text: "JUMPSOVER", Repetitions: 8, P300UV: 8}))
	var questions []question
	rows, _ := s.Data.Dims()
	for i, letter := range s.Labels {
		events := s.Events[96*i : 96*(i+1)]
		from, to := int((events[0].Onset-1)*s.Rate), min(s.Samples(), int((events[95].Onset+1.2)*s.Rate))
		in := &decoders.Input{Signal: decoders.Signal{Data: s.Data.Slice(0, rows, from, to).(*mat.Dense), Channels: s.Channels, Rate: s.Rate}, Stimulus: s.Stimulus}
		for _, e := range events {
			e.Onset -= float64(from) / s.Rate
			in.Events = append(in.Events, e)
		}
		questions = append(questions, question{in, "letter_" + letter, 0})
	}
	var out []subject
	for _, p := range []decoders.Pipeline{p300.ERPLDA(), p300.XDAWNLDA(), p300.XDAWNRxLDA(), p300.XDAWNCov()} {
		out = append(out, subject{p.Name(), trained(p, ds, ""), questions})
	}
	return out
})

// flickerSubjects are the methods without training and all pipelines with calibration data.
var flickerSubjects = sync.OnceValue(func() []subject {
	targets := []eeg.Target{{Label: "9 Hz", Frequency: 9}, {Label: "11 Hz", Frequency: 11}, {Label: "13 Hz", Frequency: 13}}
	session := func(seed uint64, trials int) synthetic.Session {
		return must(synthetic.SSVEP(synthetic.Config{Channels: strings.Fields(montages["occipital"]), Rate: 250, Seed: seed},
			synthetic.FlickerConfig{Targets: targets, TrialsPerTarget: trials, TrialSeconds: 2.5, PauseSeconds: 2, AmplitudeUV: 6}))
	}
	s := session(31, 6)
	ds := &decoders.Dataset{Paradigm: eeg.SSVEP, Channels: s.Channels, Rate: s.Rate, Cue: 1, Classes: []string{"9 Hz", "11 Hz", "13 Hz"}}
	ds.Trials = epoch.Cut(s.Signal, s.Events, func(e eeg.Event) int { return e.Code - 1 }, 1, 2.4, "a")
	q := session(32, 5)
	var questions []question
	rows, _ := q.Data.Dims()
	for i, e := range q.Events {
		from, to := int((e.Onset-1)*q.Rate), int((e.Onset+2.5)*q.Rate)
		questions = append(questions, question{&decoders.Input{
			Signal: decoders.Signal{Data: q.Data.Slice(0, rows, from, to).(*mat.Dense), Channels: q.Channels, Rate: q.Rate},
			Events: []eeg.Event{{Onset: 1}}, Stimulus: decoders.Stimulus{Targets: targets}}, q.Labels[i], 0})
	}
	var out []subject
	for _, method := range []string{ssvep.CCA, ssvep.FBCCA} {
		out = append(out, subject{method, func() decoders.Decoder { return must(ssvep.New(ssvep.Config{Method: method, Seconds: 2})) }, questions})
	}
	for _, p := range catalog.Of(eeg.SSVEP) {
		out = append(out, subject{p.Name(), trained(p, ds, ""), questions})
	}
	return out
})

// TestNoPipelineIsSurerForALostChannel loses each channel in each way before every pipeline of every paradigm. The mean confidence must not be
// above that of the clean clips, over all clips and, against the same clips, over those that still have an answer, and the answers that are left be
// right as often, to within what so few tell by chance. Without the mechanism it is not so, which the test shows too.
func TestNoPipelineIsSurerForALostChannel(t *testing.T) {
	t.Parallel()
	for paradigm, make := range map[string]func() []subject{"imagery": imagerySubjects, "flashes": flashSubjects, "flicker": flickerSubjects} {
		t.Run(paradigm, func(t *testing.T) {
			t.Parallel()
			surer := 0
			var table []string
			subjects := make()
			ways := faults[:7]
			if race.Enabled { // the sharing of memory is held; the statistics are those of the run without
				t.Log("the race detector is on: one pipeline of each paradigm, two faults; run without -race for all")
				subjects, ways = subjects[:1], faults[:2]
			}
			for _, s := range subjects {
				for i, q := range s.questions {
					s.questions[i].clean = must(s.decoder().Decode(t.Context(), q.in)).Classes[0].Probability
				}
				clean, plain := ask(t, s, s.questions, contact.Decode), ask(t, s, s.questions, decoderAlone)
				if clean != plain {
					t.Errorf("%s: clean clips are answered otherwise: %+v, alone %+v", s.name, clean, plain)
				}
				if clean.accuracy() < 0.5 {
					t.Fatalf("%s is right in %.2f: nothing to compare", s.name, clean.accuracy())
				}
				for f, fault := range ways {
					var got, alone tally
					for c, channel := range s.questions[0].in.Channels {
						if (c+f)%4 > 0 && (f > 0 || c%2 > 0) { // flat takes every other channel, the rest a quarter
							continue
						}
						var lost []question
						for i, q := range s.questions {
							if (i+c)%2 > 0 {
								continue
							}
							in := *q.in
							in.Signal = spoiled(t, in.Signal, fault.artifact, channel, uint64(i))
							lost = append(lost, question{&in, q.want, q.clean})
						}
						got.join(ask(t, s, lost, contact.Decode))
						alone.join(ask(t, s, lost, decoderAlone))
					}
					if alone.mean() > clean.mean() {
						surer++
					}
					table = append(table, fmt.Sprintf("%s, %s: accuracy %.2f of %.2f answered, confidence %.3f; clean %.2f, %.3f; alone %.2f, %.3f", s.name, fault.name,
						got.accuracy(), got.coverage(), got.mean(), clean.accuracy(), clean.mean(), alone.accuracy(), alone.mean()))
					if got.mean() > clean.mean() || got.among > got.clean {
						t.Errorf("%s, %s: mean confidence %.4f, clean %.4f; sum of %d answers %.4f, of the same clips clean %.4f", s.name, fault.name, got.mean(), clean.mean(),
							got.answered, got.among, got.clean)
					}
					p := float64(clean.right+1) / float64(clean.answered+2) // all right of so few is not a certainty
					if chance := 2.6 * math.Sqrt(p*(1-p)*(1/float64(max(1, got.answered))+1/float64(clean.answered))); got.answered > 0 && got.accuracy() < p-chance-0.01 {
						t.Errorf("%s, %s: %d of %d answers are right, clean %d of %d", s.name, fault.name, got.right, got.answered, clean.right, clean.answered)
					}
				}
			}
			if testing.Verbose() {
				t.Log(strings.Join(table, "\n"))
			}
			if surer == 0 && paradigm == "imagery" { // of the others few are
				t.Error("no decoder alone is surer for a lost channel: the test shows nothing")
			}
		})
	}
}

type decodeFunc func(context.Context, decoders.Decoder, *decoders.Input) (*decoders.Result, error)

func decoderAlone(ctx context.Context, d decoders.Decoder, in *decoders.Input) (*decoders.Result, error) {
	return d.Decode(ctx, in)
}

// ask decodes questions and checks what every answer must keep. A decoder alone that refuses a clip is not counted.
func ask(t *testing.T, s subject, questions []question, decode decodeFunc) tally {
	t.Helper()
	var sum tally
	for _, q := range questions {
		r, err := decode(t.Context(), s.decoder(), q.in)
		if err != nil {
			if reflect.ValueOf(decode).Pointer() != reflect.ValueOf(decodeFunc(decoderAlone)).Pointer() {
				t.Errorf("%s: %v", s.name, err)
			}
			continue
		}
		if r.Classes[0].Name != string(eeg.Undetermined) {
			if err := decodertest.CheckResult(s.decoder().Info(), r); err != nil {
				t.Errorf("%s: %v", s.name, err)
			}
		}
		sum.add(q, r)
	}
	return sum
}

// TestReport holds what an answer says of its bad channels, and that the same clip gives the same answer.
func TestReport(t *testing.T) {
	t.Parallel()
	for _, s := range append(imagerySubjects()[:2:2], flickerSubjects()[0]) {
		in := *s.questions[0].in
		if r := must(contact.Decode(t.Context(), s.decoder(), &in)); contact.Of(r) != nil {
			t.Errorf("%s: a clean clip has %+v", s.name, contact.Of(r))
		}
		one := in
		one.Signal = spoiled(t, in.Signal, synthetic.Artifact{Kind: synthetic.Flat}, "Oz", 1)
		r := must(contact.Decode(t.Context(), s.decoder(), &one))
		report := contact.Of(r)
		if report == nil || !reflect.DeepEqual(report.Bad, []eeg.BadChannel{{Name: "Oz", Fault: eeg.FaultFlat}}) || report.Method == contact.Untouched {
			t.Fatalf("%s without Oz: %+v", s.name, report)
		}
		if _, err := json.Marshal(r.Evidence); err != nil {
			t.Errorf("%s: %v", s.name, err)
		}
		if again := must(contact.Decode(t.Context(), s.decoder(), &one)); !reflect.DeepEqual(r.Classes, again.Classes) {
			t.Errorf("%s: %v, then %v", s.name, r.Classes, again.Classes)
		}
		most := one
		for _, c := range in.Channels[:5] {
			most.Signal = spoiled(t, most.Signal, synthetic.Artifact{Kind: synthetic.Flat}, c, 1)
		}
		r = must(contact.Decode(t.Context(), s.decoder(), &most))
		report = contact.Of(r)
		if !report.Undetermined || r.Classes[0].Name != string(eeg.Undetermined) || len(r.Classes) < 3 {
			t.Errorf("%s without most: %+v, %v", s.name, report, r.Classes)
		}
		for _, c := range r.Classes {
			if c.Probability != 1/float64(len(r.Classes)) {
				t.Errorf("%s without most: %v", s.name, r.Classes)
			}
		}
	}
}

// TestOthersOfTheRecording gives a model of two electrodes a recording of twelve: an electrode that the model does not read is named and changes
// nothing, and without one that it reads there is no answer that the other one alone would have to give.
func TestOthersOfTheRecording(t *testing.T) {
	t.Parallel()
	session := func(seed uint64, trials int) synthetic.Session {
		return must(synthetic.MotorImagery(synthetic.Config{Channels: strings.Fields("C3 C4 FC3 C5 CP3 C1 FC4 C6 CP4 C2 Cz Pz"), Rate: 160, Seed: seed},
			synthetic.ImageryConfig{TrialsPerClass: trials, Depth: 0.7}))
	}
	cut := func(s synthetic.Session) []decoders.Trial {
		return epoch.Cut(s.Signal, s.Events, func(e eeg.Event) int { return e.Code - 769 }, 1, 4, "a")
	}
	s := session(1, 20)
	ds := &decoders.Dataset{Paradigm: eeg.MotorImagery, Channels: []string{"C3", "C4"}, Rate: 160, Cue: 1, Classes: []string{"left", "right"}}
	for _, tr := range cut(s) {
		tr.Data = tr.Data.Slice(0, 2, 0, tr.Data.RawMatrix().Cols).(*mat.Dense)
		ds.Trials = append(ds.Trials, tr)
	}
	d := must(motorimagery.TSLR().Train(t.Context(), ds, nil))
	test := session(2, 10)
	var whole, pair tally
	for i, tr := range cut(test) {
		in := &decoders.Input{Signal: decoders.Signal{Data: tr.Data, Channels: test.Channels, Rate: 160}, Events: []eeg.Event{{Onset: 1}}}
		clean := must(contact.Decode(t.Context(), d, in))
		other := *in
		other.Signal = spoiled(t, in.Signal, synthetic.Artifact{Kind: synthetic.Rail}, "Pz", 1)
		r := must(contact.Decode(t.Context(), d, &other))
		if report := contact.Of(r); report == nil || len(report.Bad) != 0 || len(report.Unread) != 1 || report.Method != contact.Untouched || !reflect.DeepEqual(r.Classes, clean.Classes) {
			t.Errorf("without Pz, which is not read: %+v, %v, clean %v", report, r.Classes, clean.Classes)
		}
		lost := *in
		lost.Signal = spoiled(t, in.Signal, synthetic.Artifact{Kind: synthetic.Flat}, "C3", 1)
		whole.add(question{want: test.Labels[i]}, must(contact.Decode(t.Context(), d, &lost)))
		lost.Data, lost.Channels = lost.Data.Slice(0, 2, 0, lost.Samples()).(*mat.Dense), lost.Channels[:2]
		pair.add(question{want: test.Labels[i]}, must(contact.Decode(t.Context(), d, &lost)))
	}
	if whole.answered > 0 && whole.accuracy() < 0.8 {
		t.Errorf("C3 told by its neighbors: %d of %d right", whole.right, whole.answered)
	}
	if pair.answered > 0 {
		t.Errorf("C3 told by C4 alone: %d answers", pair.answered)
	}
}

// TestSeizureCheckIsLeftAlone holds that the seizure check, which leaves channels out window by window, answers as it does alone, and that the
// channels are named.
func TestSeizureCheckIsLeftAlone(t *testing.T) {
	t.Parallel()
	sig := spoiled(t, rest(t, montages["10-20"], 250, 12, 4), synthetic.Artifact{Kind: synthetic.Rail}, "T8", 1)
	alone := must(seizure.New().Decode(t.Context(), &decoders.Input{Signal: sig}))
	r := must(contact.Decode(t.Context(), seizure.New(), &decoders.Input{Signal: sig}))
	if !reflect.DeepEqual(alone.Classes, r.Classes) || *alone.Seizure != *r.Seizure {
		t.Errorf("%v, alone %v", r.Classes, alone.Classes)
	}
	if report := contact.Of(r); report == nil || len(report.Bad) != 1 || report.Bad[0].Name != "T8" {
		t.Errorf("report %+v", report)
	}
}

// TestMend stands in for what a lost channel may have held, for means over clips.
func TestMend(t *testing.T) {
	t.Parallel()
	s := imagerySubjects()[1]
	in := *s.questions[0].in
	if same, ok := contact.Mend(s.decoder(), &in); !ok || same != &in {
		t.Error("a clean clip is changed")
	}
	in.Signal = spoiled(t, in.Signal, synthetic.Artifact{Kind: synthetic.Flat}, "Cz", 1)
	mended, ok := contact.Mend(s.decoder(), &in)
	if !ok || mended.Samples() != in.Samples() {
		t.Fatal("no mended clip")
	}
	for _, f := range contact.Assess(mended.Signal, nil) {
		if f != "" {
			t.Errorf("a mended channel is %q", f)
		}
	}
	for _, c := range in.Channels[2:7] {
		in.Signal = spoiled(t, in.Signal, synthetic.Artifact{Kind: synthetic.Flat}, c, 1)
	}
	if _, ok := contact.Mend(s.decoder(), &in); ok {
		t.Error("most channels are lost and the clip is mended")
	}
}
