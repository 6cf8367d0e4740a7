package results

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/neurod/neurod/internal/lab/evaluation"
)

// meanSubject is the subject of rows that are means over people.
const meanSubject = "all (mean)"

// pictures are the charts by file name; one whose figures are not there is left out.
func (r Results) pictures() map[string][]byte {
	out := map[string][]byte{}
	for name, c := range map[string]chart{
		"imagery-people.svg": r.imageryPeople(), "calibration-size.svg": r.sizes(), "coverage.svg": r.coverage(), "reliability.svg": r.reliability(),
		"letters.svg": r.letters(), "ssvep-windows.svg": r.windows(), "no-target-roc.svg": r.noTarget(), "seizure.svg": r.seizure(),
	} {
		if len(c.panels) > 0 {
			out[name] = c.svg()
		}
	}
	return out
}

// names returns the different values of a field of rows, in the order they came.
func names[T any](list []T, name func(T) (string, bool)) []string {
	var out []string
	for _, v := range list {
		if s, ok := name(v); ok && !slices.Contains(out, s) {
			out = append(out, s)
		}
	}
	return out
}

// unit is the panel of shares between two limits.
func unit(title, x, y string, low float64) panel {
	return panel{title: title, x: x, y: y, from: [2]float64{0, low}, to: [2]float64{1, 1}, xTicks: ticks(0, 1, .2), yTicks: ticks(low, 1, .1)}
}

// imageryPeople shows each person's accuracy with its interval, beside what the reference library reaches on the same folds.
func (r Results) imageryPeople() chart {
	const task, protocol = "left/right imagery", "5-fold"
	c := chart{
		title:       "Left/right motor imagery: accuracy of every person",
		description: "One panel a pipeline. Filled marks are neurod's accuracy in five folds with its 95 % interval (Wilson), hollow ones what MNE, pyRiemann and scikit-learn reach on the same folds. The dashed line is chance.",
		columns:     2,
	}
	pipelines := names(r.Rows, func(w evaluation.Row) (string, bool) {
		return w.Pipeline, w.Task == task && w.Protocol == protocol && w.Reference != nil && w.Subject != meanSubject
	})
	for _, pipeline := range pipelines {
		p := panel{title: pipeline, x: "person", y: "accuracy", from: [2]float64{0, 0}, yTicks: ticks(0, 1, .2), level: &tick{.5, "chance"}}
		ours, theirs := series{name: "neurod"}, series{name: "reference, same folds", hollow: true}
		for _, w := range r.Rows {
			if w.Task != task || w.Protocol != protocol || w.Pipeline != pipeline || w.Reference == nil || w.AccuracyCI == nil {
				continue
			}
			x := float64(len(ours.points) + 1)
			ours.points = append(ours.points, point{x - .12, w.Metrics["accuracy"], w.AccuracyCI.Low, w.AccuracyCI.High})
			theirs.points = append(theirs.points, point{x: x + .14, y: w.Reference.Value})
			p.xTicks = append(p.xTicks, tick{x, strings.TrimLeft(strings.TrimPrefix(w.Subject, "S"), "0")})
		}
		p.to = [2]float64{float64(len(ours.points)) + 1, 1}
		p.series = []series{ours, theirs}
		c.panels = append(c.panels, p)
	}
	return c
}

// sizes shows what is reached with few training trials.
func (r Results) sizes() chart {
	c := chart{
		title:       "What is reached with few training trials",
		description: "Mean over people of the accuracy (imagery) or the area under the ROC curve (flashes) with so many training trials of each class, on the same test trials. Pipelines of flashes refuse fewer than 20 trials without a target.",
		columns:     2,
	}
	for _, of := range []struct{ prefix, task, metric string }{
		{"motor_imagery/", "left/right imagery", "accuracy"}, {"motor_imagery/", "hands/feet imagery", "accuracy"}, {"p300/", "target/other flash", "auc"},
	} {
		p := panel{title: of.task, x: "training trials a class", y: of.metric, from: [2]float64{0, .45}, to: [2]float64{45, 1}, xTicks: []tick{{5, "5"}, {10, "10"}, {20, "20"}, {40, "40"}}, yTicks: ticks(.5, 1, .1)}
		many := names(r.Rows, func(w evaluation.Row) (string, bool) {
			return w.Dataset, strings.HasPrefix(w.Dataset, of.prefix) && w.Task == of.task && w.Subject == meanSubject && strings.HasSuffix(w.Protocol, "trials a class")
		})
		if len(many) == 0 {
			continue
		}
		byPipeline := map[string]*series{}
		var order []string
		for _, w := range r.Rows {
			n, err := strconv.Atoi(strings.TrimSuffix(w.Protocol, " trials a class"))
			if err != nil || w.Dataset != many[0] || w.Task != of.task || w.Subject != meanSubject {
				continue
			}
			if byPipeline[w.Pipeline] == nil {
				byPipeline[w.Pipeline] = &series{name: w.Pipeline, line: true}
				order = append(order, w.Pipeline)
			}
			byPipeline[w.Pipeline].points = append(byPipeline[w.Pipeline].points, point{x: float64(n), y: w.Metrics[of.metric]})
		}
		for _, name := range order {
			slices.SortFunc(byPipeline[name].points, func(a, b point) int { return int(a.x - b.x) })
			p.series = append(p.series, *byPipeline[name])
		}
		c.panels = append(c.panels, p)
	}
	return c
}

// groups are the summaries that the charts of confidence show: a panel for each, a series for each pipeline.
func (r Results) groups(make func(title string) panel, points func(evaluation.Summary) []point) []panel {
	var out []panel
	for _, of := range []struct{ prefix, task, protocol string }{
		{"motor_imagery/", "left/right imagery", "5-fold"}, {"motor_imagery/", "hands/feet imagery", "5-fold"}, {"p300/", "target/other flash", "5-fold"},
		{"ssvep/", "3 targets, 2 s", "leave one block out"},
	} {
		datasets := names(r.Summaries, func(s evaluation.Summary) (string, bool) {
			return s.Dataset, strings.HasPrefix(s.Dataset, of.prefix) && s.Task == of.task && s.Protocol == of.protocol
		})
		if len(datasets) == 0 {
			continue
		}
		p := make(of.task + ", " + datasets[0])
		for _, s := range r.Summaries {
			if s.Dataset == datasets[0] && s.Task == of.task && s.Protocol == of.protocol {
				p.series = append(p.series, series{name: s.Pipeline, line: true, points: points(s)})
			}
		}
		out = append(out, p)
	}
	return out
}

func (r Results) coverage() chart {
	return chart{
		title:       "Accuracy when only the surest answers are given",
		description: "Over everybody's test trials together: the accuracy (vertical) of the surest 10, 20, ... 100 % of the answers (horizontal). A decoder that knows when it knows falls to the right.",
		columns:     2,
		panels: r.groups(func(title string) panel { return unit(title, "share of trials answered", "accuracy", .3) }, func(s evaluation.Summary) []point {
			var out []point
			for _, p := range s.Coverage {
				out = append(out, point{x: p.Coverage, y: p.Accuracy})
			}
			return out
		}),
	}
}

// fewest answers that a point of the reliability diagram stands for.
const reliable = 20

func (r Results) reliability() chart {
	return chart{
		title:       "Reliability of the probabilities",
		description: fmt.Sprintf("Over everybody's test trials together: how often the answers of about the same confidence are right. On the dashed line probabilities mean what they say; points stand for at least %d answers.", reliable),
		columns:     2,
		panels: r.groups(func(title string) panel {
			p := unit(title, "confidence", "share right", 0)
			p.yTicks, p.diagonal = ticks(0, 1, .2), true
			return p
		}, func(s evaluation.Summary) []point {
			var out []point
			for _, p := range s.Reliability {
				if p.N >= reliable {
					out = append(out, point{x: p.Confidence, y: p.Accuracy})
				}
			}
			return out
		}),
	}
}

// letters shows the letters right after each number of repetitions.
func (r Results) letters() chart {
	c := chart{
		title:       "Letters right for each number of repetitions",
		description: "BCI Competition II, data set IIb: letters of the test run that are right when only the first 1, 2, ... repetitions of the flashes are looked at, with each letter alike beforehand and with the language model.",
		columns:     2,
	}
	for _, task := range []string{"letters", "letters, language model"} {
		p := panel{y: "letters right", x: "repetitions", from: [2]float64{0, 0}}
		for _, w := range r.Rows {
			if w.Task != task || len(w.Curve) == 0 || p.title != "" && !strings.HasSuffix(p.title, w.Subject) {
				continue
			}
			p.title = task + ", " + w.Subject
			s := series{name: w.Pipeline, line: true}
			for n, v := range w.Curve {
				s.points = append(s.points, point{x: float64(n + 1), y: float64(v)})
			}
			p.to = [2]float64{float64(len(w.Curve)) + .5, float64(w.N) * 1.1}
			p.xTicks, p.yTicks = ticks(1, float64(len(w.Curve)), 2), ticks(0, float64(w.N), max(1, float64(w.N/5)))
			p.series = append(p.series, s)
		}
		if len(p.series) > 0 {
			c.panels = append(c.panels, p)
		}
	}
	return c
}

// windows shows SSVEP accuracy over the length of the window.
func (r Results) windows() chart {
	const protocol = "leave one block out"
	c := chart{
		title:       "SSVEP accuracy over the length of the window",
		description: "Mean over people where there are several. cca and fbcca need no training; the others learned from the blocks that were left in.",
		columns:     2,
	}
	for _, dataset := range names(r.Rows, func(w evaluation.Row) (string, bool) { return w.Dataset, w.Protocol == protocol }) {
		several := slices.ContainsFunc(r.Rows, func(w evaluation.Row) bool {
			return w.Dataset == dataset && w.Protocol == protocol && w.Subject == meanSubject
		})
		p := panel{title: dataset, x: "window in s", y: "accuracy", from: [2]float64{0, 0}, to: [2]float64{0, 1}, yTicks: ticks(0, 1, .2)}
		byPipeline := map[string]int{}
		for _, w := range r.Rows {
			_, length, ok := strings.Cut(strings.TrimSuffix(w.Task, " s"), "targets, ")
			seconds, err := strconv.ParseFloat(length, 64)
			if w.Dataset != dataset || w.Protocol != protocol || !ok || err != nil || several != (w.Subject == meanSubject) {
				continue
			}
			k, seen := byPipeline[w.Pipeline]
			if !seen {
				k = len(p.series)
				byPipeline[w.Pipeline] = k
				p.series = append(p.series, series{name: w.Pipeline, line: true})
			}
			p.series[k].points = append(p.series[k].points, point{x: seconds, y: w.Metrics["accuracy"]})
			p.to[0] = max(p.to[0], seconds+.5)
			if !slices.ContainsFunc(p.xTicks, func(t tick) bool { return t.at == seconds }) {
				p.xTicks = append(p.xTicks, tick{seconds, length})
			}
		}
		if len(p.series) > 0 {
			c.panels = append(c.panels, p)
		}
	}
	return c
}

// curve is an ROC curve as points.
func curve(c evaluation.ROC) []point {
	var out []point
	for _, p := range c.Points {
		out = append(out, point{x: p.FalsePositive, y: p.TruePositive})
	}
	return out
}

func (r Results) noTarget() chart {
	c := chart{
		title:       "Is anybody looking at a target?",
		description: "ROC of the verdict \"no target\" over everybody: trials with a target that are accepted (vertical) against trials of rest that are accepted wrongly (horizontal). The methods other than cca and fbcca were trained without rest.",
		columns:     2,
	}
	for _, task := range slices.Sorted(slices.Values(names(r.ROCs, func(c evaluation.ROC) (string, bool) { return c.Task, strings.HasPrefix(c.Task, "no target") }))) {
		p := unit(task, "rest accepted", "targets accepted", 0)
		p.yTicks, p.diagonal = ticks(0, 1, .2), true
		for _, roc := range r.ROCs {
			if roc.Task == task {
				p.series = append(p.series, series{name: roc.Pipeline, line: true, points: curve(roc)})
			}
		}
		c.panels = append(c.panels, p)
	}
	return c
}

// seizure shows the ROC of the trained score on short clips, and where the detector of long recordings works.
func (r Results) seizure() chart {
	c := chart{
		title: "Seizure check: operating points",
		description: "Left: clips of Bonn, set S against the rest, in ten folds, with the amplitude and with every clip brought to the same one; the rules need no training. " +
			"Right: the detector on the recordings here, with what SzCORE reports of a classical and of the best open detector on whole data sets.",
		columns: 2,
	}
	left := unit("clips (Bonn)", "others called a seizure", "seizures found", 0)
	left.yTicks, left.diagonal = ticks(0, 1, .2), true
	for _, roc := range r.ROCs {
		if roc.Pipeline == "ictal_score" {
			left.series = append(left.series, series{name: strings.TrimPrefix(roc.Task, "S : rest, "), line: true, points: curve(roc)})
		}
	}
	right := panel{title: "long recordings", x: "false alarms a day", y: "seizures found", from: [2]float64{-10, 0}, to: [2]float64{300, 1.05}, xTicks: ticks(0, 300, 50), yTicks: ticks(0, 1, .2)}
	for _, w := range r.Rows {
		switch {
		case w.Pipeline == "seizure rules" && w.Protocol == "training-free":
			left.series = append(left.series, series{name: "rules", points: []point{{x: w.Metrics["false_accept"], y: w.Metrics["sensitivity"]}}})
		case w.Pipeline == "seizure detector":
			right.series = append(right.series, series{name: w.Subject, points: []point{{x: w.Metrics["false_alarms_day"], y: w.Metrics["sensitivity"]}}})
		}
	}
	if len(left.series) > 0 {
		c.panels = append(c.panels, left)
	}
	if len(right.series) > 0 {
		// SzCORE (Dan et al. 2024): a classical detector finds 0.91-0.99 at 240-280 false alarms a day, the best open model 0.37.
		right.series = append(right.series,
			series{name: "Gotman 1982", hollow: true, points: []point{{260, .95, .91, .99}}}, series{name: "best open model", hollow: true, points: []point{{x: 1.3, y: .37}}})
		c.panels = append(c.panels, right)
	}
	return c
}
