// What a training may start from.
import type { Model } from "@neurod/sdk";

const fillers = ["imagery", "imagine", "imagined", "motor", "mi", "movement", "move", "cue", "onset", "start", "gdf", "ovtk", "task", "trial"];
const sides: Record<string, string> = { left: "left", hand_left: "left", lh: "left", lefthand: "left", right: "right", hand_right: "right", rh: "right", righthand: "right" };
/** The hand that a class is of, as the server reads it: "left", "left_hand" and "imagined Left fist" are one; "" of another movement. */
const side = (name: string): string => {
  const words = name.toLowerCase().split(/[^\p{L}\p{N}]+/u).filter((w) => w && !fillers.includes(w)).map((w) => (w === "fist" || w === "arm" ? "hand" : w));
  return sides[words.sort().join("_")] ?? "";
};

/** Whether classes are left and right hand, whatever they are called. */
export const leftRight = (classes: readonly string[]): boolean => {
  const sides = [...new Set(classes)].map(side);
  return sides.length === 2 && sides.includes("left") && sides.includes("right");
};

/** Models of the project, as name@version, that a training of left and right hand may start from: of `ts_lr`, trained with alignment around Riemannian means. */
export function bases(models: readonly Model[]): string[] {
  return models.filter((m) => {
    const config = ((m.card.trained_with ?? {}) as { config?: { align?: unknown; center?: unknown } | null }).config;
    return m.source === "project" && m.state === "active" && m.pipeline === "ts_lr" && leftRight(m.classes) && config?.align === true && config.center === "riemann";
  }).map((m) => `${m.name}@${m.version}`);
}
