package seizure_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"gonum.org/v1/gonum/mat"

	"github.com/neurod/neurod/decoders"
	"github.com/neurod/neurod/decoders/decodertest"
	"github.com/neurod/neurod/decoders/seizure"
	"github.com/neurod/neurod/decoders/synthetic"
	"github.com/neurod/neurod/eeg"
	"github.com/neurod/neurod/internal/testkit/golden"
)

type goldens struct {
	Seeded []struct {
		Rate     float64
		Data     []float64
		Evidence map[string]float64
	}
	Bonn struct {
		Clips   int `json:"clips_a_set"`
		Weights []float64
		Bias    float64
	}
	Scored []struct {
		Duration   float64
		Ref, Hyp   [][2]float64
		References int
		Hypotheses int
		TruePos    int `json:"true_positives"`
		FalsePos   int `json:"false_positives"`
	}
}

func load(t *testing.T) (g goldens) {
	t.Helper()
	g = golden.Read[goldens](t, "seizure")
	if len(g.Seeded) == 0 || len(g.Scored) == 0 || len(g.Bonn.Weights) == 0 {
		t.Fatal("the golden file lacks a part")
	}
	return g
}

func near(t *testing.T, what string, got, want, tol float64) {
	t.Helper()
	if !(math.Abs(got-want) <= tol*max(math.Abs(want), 1e-3)) {
		t.Errorf("%s = %.12g, want %.12g", what, got, want)
	}
}

func TestMeasuresEqualScipy(t *testing.T) {
	t.Parallel()
	for _, g := range load(t).Seeded {
		sig := decoders.Signal{Data: mat.NewDense(1, len(g.Data), g.Data), Channels: []string{"Cz"}, Rate: g.Rate}
		verdict, ev := seizure.Check(sig)
		if verdict == nil {
			t.Fatalf("%v Hz: no verdict: %s", g.Rate, ev.Reason)
		}
		b, err := json.Marshal(ev)
		if err != nil {
			t.Fatal(err)
		}
		var got map[string]any
		if err := json.Unmarshal(b, &got); err != nil {
			t.Fatal(err)
		}
		for name, want := range g.Evidence {
			near(t, name, got[name].(float64), want, 1e-6)
		}
	}
}

func TestModelEqualsScikitLearn(t *testing.T) {
	t.Parallel()
	g := load(t).Bonn
	clips, sets := bonn(t)
	taken := map[string]int{}
	var part []decoders.Signal
	var of []string
	for i, s := range sets {
		if taken[s]++; taken[s] <= g.Clips {
			part, of = append(part, clips[i]), append(of, s)
		}
	}
	m, err := seizure.IctalScore().Train(t.Context(), dataset(part, of), json.RawMessage(`{"folds":0}`))
	if err != nil {
		t.Fatal(err)
	}
	st := m.State()
	for i, w := range g.Weights {
		near(t, "weight", st.Arrays["weights"].Data[i], w, 1e-6)
	}
	near(t, "bias", st.Arrays["bias"].Data[0], g.Bias, 1e-6)
}

func events(pairs [][2]float64) []seizure.Event {
	var out []seizure.Event
	for _, p := range pairs {
		out = append(out, seizure.Event{Start: p[0], End: p[1]})
	}
	return out
}

func TestScoreEqualsSampleWiseCount(t *testing.T) {
	t.Parallel()
	for i, g := range load(t).Scored {
		s, err := seizure.ScoreEvents(events(g.Ref), events(g.Hyp), g.Duration)
		if err != nil {
			t.Fatal(err)
		}
		if s.References != g.References || s.Hypotheses != g.Hypotheses || s.TruePos != g.TruePos || s.FalsePos != g.FalsePos {
			t.Errorf("case %d: %+v, want %+v", i, s, g)
		}
	}
}

func TestScoreEvents(t *testing.T) {
	t.Parallel()
	ref := [][2]float64{{1000, 1100}}
	for _, tt := range []struct {
		name   string
		hyp    [][2]float64
		tp, fp int
		f1     float64
	}{
		{"nothing found", nil, 0, 0, 0},
		{"overlap", [][2]float64{{1050, 1060}}, 1, 0, 1},
		{"29 s early", [][2]float64{{961, 971}}, 1, 0, 1},
		{"31 s early", [][2]float64{{950, 969}}, 0, 1, 0},
		{"59 s late", [][2]float64{{1159, 1170}}, 1, 0, 1},
		{"61 s late", [][2]float64{{1161, 1170}}, 0, 1, 0},
		{"found twice", [][2]float64{{1000, 1010}, {1150, 1160}}, 1, 0, 1},
		{"found and a false alarm", [][2]float64{{1000, 1100}, {3000, 3010}}, 1, 1, 2.0 / 3},
		{"two alarms 60 s apart are one", [][2]float64{{3000, 3010}, {3070, 3080}}, 0, 1, 0},
		{"an alarm of 11 min is three", [][2]float64{{3000, 3660}}, 0, 3, 0},
	} {
		s, err := seizure.ScoreEvents(events(ref), events(tt.hyp), 7200)
		if err != nil {
			t.Fatal(err)
		}
		if s.TruePos != tt.tp || s.FalsePos != tt.fp || math.Abs(s.F1-tt.f1) > 1e-12 || s.PerDay != float64(tt.fp)*12 {
			t.Errorf("%s: %+v", tt.name, s)
		}
	}
	for name, bad := range map[string]seizure.Event{
		"empty": {Start: 5, End: 5}, "reversed": {Start: 9, End: 5}, "NaN": {Start: math.NaN(), End: 5}, "before": {Start: -1, End: 5}, "after": {Start: 5, End: 1e9},
	} {
		if _, err := seizure.ScoreEvents(nil, []seizure.Event{bad}, 7200); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	if _, err := seizure.ScoreEvents(nil, nil, 0); err == nil {
		t.Error("no duration: accepted")
	}
}

func session(t testing.TB) func(s synthetic.Session, err error) synthetic.Session {
	return func(s synthetic.Session, err error) synthetic.Session {
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
}

func ictal(t testing.TB, seed uint64) decoders.Signal {
	t.Helper()
	return session(t)(synthetic.Seizure(synthetic.Config{Seed: seed}, synthetic.SeizureConfig{Seconds: 30, Onset: 5, Duration: 20})).Signal
}

func TestVerdict(t *testing.T) {
	t.Parallel()
	for seed := range uint64(5) {
		verdict, ev := seizure.Check(ictal(t, seed))
		if verdict == nil || !*verdict {
			t.Errorf("seed %d: spike-and-wave of 20 s: %v %+v", seed, verdict, ev)
		}
		if len(ev.Channels) < 2 {
			t.Errorf("seed %d: shown on %v", seed, ev.Channels)
		}
		for name, closed := range map[string]bool{"eyes open": false, "eyes closed": true} {
			s := session(t)(synthetic.Rest(synthetic.Config{Seed: seed}, 30, closed))
			if verdict, ev := seizure.Check(s.Signal); verdict == nil || *verdict {
				t.Errorf("seed %d: %s: %v %+v", seed, name, verdict, ev)
			}
		}
		large := session(t)(synthetic.Rest(synthetic.Config{Seed: seed, AlphaUV: 20}, 30, true))
		if verdict, ev := seizure.Check(large.Signal); verdict != nil && *verdict {
			t.Errorf("seed %d: alpha of 100 µV RMS: %+v", seed, ev)
		}
	}
}

func TestNoVerdict(t *testing.T) {
	t.Parallel()
	good := ictal(t, 1)
	rows, _ := good.Data.Dims()
	cut := func(s float64) decoders.Signal {
		sig := good
		sig.Data = good.Data.Slice(0, rows, int(5*good.Rate), int((5+s)*good.Rate)).(*mat.Dense)
		return sig
	}
	changed := func(f func(i, j int, v float64) float64) decoders.Signal {
		sig := good
		sig.Data = mat.DenseCopyOf(good.Data)
		sig.Data.Apply(f, sig.Data)
		return sig
	}
	for name, tt := range map[string]struct {
		sig    decoders.Signal
		reason string
	}{
		"9.9 s":    {cut(9.9), seizure.ReasonTooShort},
		"1 s":      {cut(1), seizure.ReasonTooShort},
		"no data":  {decoders.Signal{}, seizure.ReasonTooShort},
		"flat":     {changed(func(_, _ int, _ float64) float64 { return 800 }), seizure.ReasonQuality},
		"most off": {changed(func(i, _ int, v float64) float64 { return v * float64(i/14) }), seizure.ReasonQuality},
		"railed":   {changed(func(_, _ int, v float64) float64 { return min(max(v, -40), 40) }), seizure.ReasonQuality},
		"hum": {changed(func(_, j int, v float64) float64 {
			return v + 2000*math.Sin(2*math.Pi*50*float64(j)/good.Rate)
		}), seizure.ReasonQuality},
		"NaN":  {changed(func(i, j int, v float64) float64 { return v / float64(min(i+j, 1)) * 0 / float64(min(i+j, 1)) }), seizure.ReasonInvalid},
		"rate": {decoders.Signal{Data: good.Data, Channels: good.Channels, Rate: 30}, seizure.ReasonInvalid},
	} {
		verdict, ev := seizure.Check(tt.sig)
		if verdict != nil || ev.Reason != tt.reason {
			t.Errorf("%s: verdict %v, reason %q, want %q", name, verdict, ev.Reason, tt.reason)
		}
		if _, err := json.Marshal(ev); err != nil {
			t.Errorf("%s: evidence: %v", name, err)
		}
	}
	if verdict, _ := seizure.Check(cut(10)); verdict == nil || !*verdict {
		t.Errorf("10 s of spike-and-wave: %v", verdict)
	}
}

// TestLooseElectrode: one channel alone, however wild, is not a verdict on the whole head.
func TestLooseElectrode(t *testing.T) {
	t.Parallel()
	sig := session(t)(synthetic.Rest(synthetic.Config{Seed: 3}, 30, false)).Signal
	src := ictal(t, 3)
	sig.Data.SetRow(4, src.Data.RawRowView(4))
	if verdict, ev := seizure.Check(sig); verdict == nil || *verdict {
		t.Errorf("verdict %v, %+v", verdict, ev)
	}
}

func TestDetectorFindsSyntheticSeizure(t *testing.T) {
	t.Parallel()
	d, err := seizure.NewDetector(seizure.DetectorConfig{})
	if err != nil {
		t.Fatal(err)
	}
	for seed := range uint64(2) {
		s := session(t)(synthetic.Seizure(synthetic.Config{Seed: seed, Channels: []string{"F3", "F4", "C3", "C4"}},
			synthetic.SeizureConfig{Seconds: 300, Onset: 150, Duration: 40}))
		found, err := d.Detect(s.Signal)
		if err != nil {
			t.Fatal(err)
		}
		if len(found) != 1 || math.Abs(found[0].Start-150) > 10 || math.Abs(found[0].End-190) > 10 || len(found[0].Channels) < 2 {
			t.Errorf("seed %d: %+v, want one event at 150-190 s", seed, found)
		}
	}
	_, err = d.Detect(ictal(t, 1))
	var de *decoders.Error
	if !errors.As(err, &de) || de.Code != decoders.CodePayloadTooShort || de.Details["samples_needed"] != 70*250 {
		t.Errorf("30 s without a background: %v", err)
	}
}

func TestNewDetectorRefusesBadOptions(t *testing.T) {
	t.Parallel()
	for _, cfg := range []seizure.DetectorConfig{
		{Background: 5}, {MinBackground: 400}, {Ratio: 1}, {Ratio: math.NaN()}, {Deviations: -1}, {MinChannels: -1}, {MergeGap: math.Inf(1)},
	} {
		if _, err := seizure.NewDetector(cfg); err == nil {
			t.Errorf("%+v: accepted", cfg)
		}
	}
}

// trained returns a model of seeded clips.
func trained(t testing.TB, config string) decoders.Trained {
	t.Helper()
	ds := &decoders.Dataset{
		Paradigm: eeg.Seizure, Channels: synthetic.TenTwenty()[:4], Rate: 250, Classes: []string{seizure.IctalLike, "other"},
	}
	cfg := synthetic.Config{Channels: ds.Channels}
	for seed := range uint64(8) {
		cfg.Seed = seed
		s := session(t)(synthetic.Seizure(cfg, synthetic.SeizureConfig{Seconds: 12, Onset: 0.5, Duration: 11}))
		r := session(t)(synthetic.Rest(cfg, 12, seed%2 == 0))
		ds.Trials = append(ds.Trials, decoders.Trial{Data: s.Data, Label: 0}, decoders.Trial{Data: r.Data, Label: 1})
	}
	m, err := seizure.IctalScore().Train(t.Context(), ds, json.RawMessage(config))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestModelNeedsTheRules(t *testing.T) {
	t.Parallel()
	m := trained(t, "")
	res, err := m.Decode(t.Context(), &decoders.Input{Signal: ictal(t, 50)})
	if err != nil {
		t.Fatal(err)
	}
	if res.Classes[0].Name != seizure.IctalLike || res.Seizure == nil || !*res.Seizure || !slices.Contains(res.Flags, seizure.FlagPossible) {
		t.Errorf("spike-and-wave: %+v", res)
	}
	// Twenty times the background is large, but noise.
	loud := session(t)(synthetic.Rest(synthetic.Config{Seed: 51, BackgroundUV: 200}, 30, false))
	if res, err = m.Decode(t.Context(), &decoders.Input{Signal: loud.Signal}); err != nil {
		t.Fatal(err)
	}
	t.Logf("noise of 200 µV: %+v %v", res.Classes, res.Flags)
	short := ictal(t, 52)
	rows, _ := short.Data.Dims()
	short.Data = short.Data.Slice(0, rows, 1250, 1250+4*250).(*mat.Dense)
	if res, err = m.Decode(t.Context(), &decoders.Input{Signal: short}); err != nil {
		t.Fatal(err)
	}
	if res.Seizure != nil || res.Classes[0].Name != seizure.IctalLike || !slices.Contains(res.Flags, seizure.FlagNoVerdict) {
		t.Errorf("4 s: %+v, want a class and no verdict", res)
	}
}

func TestTrainRefuses(t *testing.T) {
	t.Parallel()
	good := func() *decoders.Dataset {
		ds := &decoders.Dataset{Channels: []string{"Cz"}, Rate: 250, Classes: []string{seizure.NoPattern, seizure.IctalLike}}
		rng := rand.New(rand.NewPCG(1, 1))
		for i := range 10 {
			x := mat.NewDense(1, 1000, nil)
			for j := range 1000 {
				x.Set(0, j, rng.NormFloat64()*float64(10+90*(i%2)))
			}
			ds.Trials = append(ds.Trials, decoders.Trial{Data: x, Label: i % 2})
		}
		return ds
	}
	for name, tt := range map[string]struct {
		change func(*decoders.Dataset)
		config string
		code   string
	}{
		"one class":     {func(d *decoders.Dataset) { d.Classes = d.Classes[:1] }, "", decoders.CodeModelIncompatible},
		"other classes": {func(d *decoders.Dataset) { d.Classes = []string{"a", "b"} }, "", decoders.CodeModelIncompatible},
		"few trials":    {func(d *decoders.Dataset) { d.Trials = d.Trials[:5] }, "", decoders.CodeTooFewTrials},
		"wrong label":   {func(d *decoders.Dataset) { d.Trials[3].Label = 2 }, "", decoders.CodePayloadMalformed},
		"short trial":   {func(d *decoders.Dataset) { d.Trials[3].Data = mat.NewDense(1, 9, nil) }, "", decoders.CodePayloadTooShort},
		"two rows":      {func(d *decoders.Dataset) { d.Trials[3].Data = mat.NewDense(2, 1000, nil) }, "", decoders.CodePayloadMalformed},
		"rate":          {func(d *decoders.Dataset) { d.Rate = 10 }, "", decoders.CodeInvalidSignal},
		"NaN":           {func(d *decoders.Dataset) { d.Trials[3].Data.Set(0, 7, math.NaN()) }, "", decoders.CodeInvalidSignal},
		"option":        {func(*decoders.Dataset) {}, `{"colour":1}`, decoders.CodeModelIncompatible},
		"penalty":       {func(*decoders.Dataset) {}, `{"c":-1}`, decoders.CodeModelIncompatible},
	} {
		ds := good()
		tt.change(ds)
		_, err := seizure.IctalScore().Train(t.Context(), ds, json.RawMessage(tt.config))
		var de *decoders.Error
		if !errors.As(err, &de) || de.Code != tt.code {
			t.Errorf("%s: %v, want %s", name, err, tt.code)
		}
	}
	if _, err := seizure.IctalScore().Train(t.Context(), good(), nil); err != nil {
		t.Errorf("good: %v", err)
	}
}

// TestModelsFromBeforeKernels: a state that was stored without amplitude when every model had weights answers as it did.
func TestModelsFromBeforeKernels(t *testing.T) {
	t.Parallel()
	made := trained(t, `{"amplitude":false,"kernel":false,"c":1}`)
	st := made.State()
	if st.Config = bytes.Replace(st.Config, []byte(`"kernel":false,`), nil, 1); bytes.Contains(st.Config, []byte("kernel")) {
		t.Fatalf("options %s", st.Config)
	}
	old, err := seizure.IctalScore().Restore("old", "1", st)
	if err != nil {
		t.Fatal(err)
	}
	in := valid(t)(3)
	want, err := made.Decode(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	got, err := old.Decode(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want.Classes, got.Classes); d != "" {
		t.Errorf("the old model answers otherwise:\n%s", d)
	}
	again, err := seizure.IctalScore().Restore("old", "1", old.State())
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(old.State(), again.State()); d != "" {
		t.Errorf("stored again:\n%s", d)
	}
}

// TestKernelOfManyExamples: the examples of a model are no more than its fit can take, those of both classes among them, and the same
// data make the same model.
func TestKernelOfManyExamples(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(8, 8))
	ds := &decoders.Dataset{Rate: 128, Classes: []string{seizure.NoPattern, seizure.IctalLike}}
	for i := range 70 {
		ds.Channels = append(ds.Channels, fmt.Sprint("c", i))
	}
	for i := range 12 {
		x := mat.NewDense(70, 512, nil)
		for c := range 70 {
			for j := range 512 {
				v := 10 * r.NormFloat64()
				if i%2 == 1 {
					v += 60 * math.Pow(math.Sin(2*math.Pi*3*float64(j)/128), 5)
				}
				x.Set(c, j, v)
			}
		}
		ds.Trials = append(ds.Trials, decoders.Trial{Data: x, Label: i % 2})
	}
	train := func() decoders.Trained {
		m, err := seizure.IctalScore().Train(t.Context(), ds, json.RawMessage(`{"amplitude":false,"folds":0}`))
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	m := train()
	if n := len(m.State().Arrays["weights"].Data); n != 600 {
		t.Errorf("%d of 840 examples", n)
	}
	if d := cmp.Diff(m.State(), train().State()); d != "" {
		t.Errorf("the same data make another model:\n%s", d)
	}
	for _, tr := range ds.Trials[:4] {
		res, err := m.Decode(t.Context(), &decoders.Input{Signal: decoders.Signal{Data: tr.Data, Channels: ds.Channels, Rate: 128}})
		if err != nil {
			t.Fatal(err)
		}
		if p := res.Evidence["model_probability"].(float64); (p > 0.5) != (tr.Label == 1) {
			t.Errorf("class %d has a probability of %.3f", tr.Label, p)
		}
	}
}

// valid makes 12 s with spike-and-wave. Making one takes longer than decoding it, so the seeds asked for are kept.
func valid(t testing.TB) func(uint64) *decoders.Input {
	var mu sync.Mutex
	made := map[uint64]synthetic.Session{}
	return func(seed uint64) *decoders.Input {
		mu.Lock()
		defer mu.Unlock()
		s, ok := made[seed]
		if !ok {
			s = session(t)(synthetic.Seizure(synthetic.Config{Seed: seed, Channels: []string{"F3", "F4", "O1"}},
				synthetic.SeizureConfig{Seconds: 12, Onset: 1, Duration: 11}))
			made[seed] = s
		}
		in := s.Input()
		in.Data = mat.DenseCopyOf(s.Data)
		in.Channels, in.Events = slices.Clone(s.Channels), slices.Clone(s.Events)
		return in
	}
}

func TestConformance(t *testing.T) {
	t.Run("rules", func(t *testing.T) { decodertest.Run(t, decodertest.Case{Decoder: seizure.New(), Valid: valid(t)}) })
	for _, config := range []string{`{}`, `{"amplitude":false}`} {
		t.Run("ictal_score "+config, func(t *testing.T) {
			decodertest.Run(t, decodertest.Case{Decoder: trained(t, config), Pipeline: seizure.IctalScore(), Valid: valid(t)})
		})
	}
}

func FuzzRules(f *testing.F) {
	decodertest.Fuzz(f, decodertest.Case{Decoder: seizure.New(), Valid: valid(f)})
}

func BenchmarkCheck(b *testing.B) {
	sig := ictal(b, 1)
	sig.Data = sig.Data.Slice(0, 8, 0, 30*250).(*mat.Dense)
	sig.Channels = sig.Channels[:8]
	b.ReportAllocs()
	for b.Loop() {
		seizure.Check(sig)
	}
}
