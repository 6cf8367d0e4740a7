// What things of the service are called on the screen.
import { words } from "./format";

const kinds: Record<string, string> = {
  neuro_decode: "Decode", neuro_decode_batch: "Batch of decodes", session_windows: "Feature windows", session_import: "Import", user_erase: "Erasure of a person", project_delete: "Deletion of a project",
  model_train: "Training", model_calibrate: "Calibration",
};
/** A kind of job. */
export const kindName = (kind: string | null | undefined): string => kinds[kind ?? ""] ?? words(kind);

const paradigms: Record<string, string> = { motor_imagery: "Motor imagery", p300: "P300", ssvep: "SSVEP", seizure: "Seizure check", undetermined: "Undetermined", auto: "Automatic" };
export const paradigmName = (p: string | null | undefined): string => paradigms[p ?? ""] ?? words(p);

const sources: Record<string, string> = { project: "this project", builtin: "built in", training_free: "needs no training", directory: "installed by the operator" };
export const sourceName = (s: string | null | undefined): string => sources[s ?? ""] ?? words(s);
