// What stands on a model's card. A card is an open object: what is not there, or is of another kind, is left out.

export interface Evaluation {
  protocol: string;
  accuracy: number;
  accuracy_sd?: number;
  chance?: number;
  kappa?: number;
  auc?: number;
  subjects?: number;
  trials?: number;
}
export interface Calibration {
  protocol: string;
  method?: string;
  ece?: number;
  brier?: number;
  bins?: { confidence: number; accuracy: number; trials: number }[];
}
export interface LearningPoint {
  trials: number;
  accuracy: number;
  /** Of as many trials without what the training started from, where that was measured. */
  alone?: number;
}

const records = (v: unknown): Record<string, unknown>[] => (Array.isArray(v) ? v.filter((x): x is Record<string, unknown> => typeof x === "object" && x !== null) : []);
const number = (v: unknown): number | undefined => (typeof v === "number" && Number.isFinite(v) ? v : undefined);
export const texts = (v: unknown): string[] => (Array.isArray(v) ? v.filter((x): x is string => typeof x === "string") : typeof v === "string" ? [v] : []);

export function evaluations(card: Record<string, unknown>): Evaluation[] {
  return records(card.evaluations).flatMap((e) => (number(e.accuracy) === undefined ? [] : [{ ...e, protocol: String(e.protocol ?? "") } as Evaluation]));
}

export function calibrations(card: Record<string, unknown>): Calibration[] {
  return records(card.calibration).map((c) => ({
    ...(c as object), protocol: String(c.protocol ?? ""),
    bins: records(c.bins ?? c.reliability).flatMap((b) => {
      const [confidence, accuracy] = [number(b.confidence), number(b.accuracy)];
      return confidence === undefined || accuracy === undefined ? [] : [{ confidence, accuracy, trials: number(b.count) ?? number(b.trials) ?? 0 }];
    }).sort((a, b) => a.confidence - b.confidence),
  }));
}

export function learning(card: Record<string, unknown>): LearningPoint[] {
  return records(card.learning_curve).flatMap((p) => {
    const [trials, accuracy, alone] = [number(p.trials_per_class), number(p.accuracy), number(p.accuracy_alone)];
    return trials === undefined || accuracy === undefined ? [] : [{ trials, accuracy, ...(alone === undefined ? {} : { alone }) }];
  }).sort((a, b) => a.trials - b.trials);
}

/** The figure that stands in a list: the first protocol, which is the strictest that was possible. */
export const headline = (card: Record<string, unknown>): Evaluation | undefined => evaluations(card)[0];

export interface Source {
  name: string;
  licence: string;
  url: string | undefined;
  citation: string;
}
export function sources(card: Record<string, unknown>): Source[] {
  return records(card.data).map((d) => ({
    name: String(d.name ?? ""), licence: String(d.licence ?? ""), citation: String(d.citation ?? ""),
    // Cards come from files that people upload: no other scheme is made a link of.
    url: typeof d.source === "string" && /^https?:\/\//.test(d.source) ? d.source : undefined,
  }));
}
