import { describe, expect, it } from "vitest";
import { calibrations, evaluations, headline, learning, sources } from "./card";

describe("a model's card", () => {
  it("is read as far as it goes, whatever is in it", () => {
    const wild: Record<string, unknown>[] = [{}, { evaluations: 5, data: "x", learning_curve: {}, calibration: null }, { evaluations: [null, 1, { accuracy: "high" }], data: [null], learning_curve: [{ trials_per_class: 1 }], calibration: [{ bins: [{}] }] }];
    for (const card of wild) {
      expect(evaluations(card)).toEqual([]);
      expect(headline(card)).toBeUndefined();
      expect(learning(card)).toEqual([]);
      expect(sources(card)).toEqual([]);
      for (const c of calibrations(card)) expect(c.bins).toEqual([]);
    }
  });
  it("makes links of addresses alone", () => {
    const urls = sources({ data: [{ name: "a", source: "javascript:alert(1)" }, { name: "b", source: "https://physionet.org/x" }, { name: "c", source: "data:text/html,x" }, { name: "d", source: 5 }] }).map((s) => s.url);
    expect(urls).toEqual([undefined, "https://physionet.org/x", undefined, undefined]);
  });
  it("has the bins of its reliability, the least sure first", () => {
    const [c] = calibrations({ calibration: [{ protocol: "5-fold", ece: 0.04, bins: [{ from: 0.9, to: 1, count: 30, confidence: 0.96, accuracy: 0.9 }, { from: 0.5, to: 0.6, count: 8, confidence: 0.55, accuracy: 0.5 }, { count: 3 }] }] });
    expect(c!.bins).toEqual([{ confidence: 0.55, accuracy: 0.5, trials: 8 }, { confidence: 0.96, accuracy: 0.9, trials: 30 }]);
  });
  it("has its learning curve in order", () => {
    expect(learning({ learning_curve: [{ trials_per_class: 40, accuracy: 0.9 }, { trials_per_class: 5, accuracy: 0.6 }] }).map((p) => p.trials)).toEqual([5, 40]);
  });
  it("has what the trials alone reach beside it, where that was measured", () => {
    const points = learning({ learning_curve: [{ trials_per_class: 0, accuracy: 0.7 }, { trials_per_class: 5, accuracy: 0.8, accuracy_alone: 0.6 }, { trials_per_class: 10, accuracy: 0.9, accuracy_alone: "high" }] });
    expect(points).toEqual([{ trials: 0, accuracy: 0.7 }, { trials: 5, accuracy: 0.8, alone: 0.6 }, { trials: 10, accuracy: 0.9 }]);
  });
});
