import type { Model } from "@neurod/sdk";
import { describe, expect, it } from "vitest";
import { bases, leftRight } from "./training";

describe("what a training starts from", () => {
  it("knows left and right hand by any of their names", () => {
    for (const two of [["left", "right"], ["right_hand", "left_hand"], ["Left fist", "right fist"], ["left-hand", " right"], ["imagined left hand", "RH"], ["left", "right", "left"]]) expect(leftRight(two), String(two)).toBe(true);
    for (const others of [[], ["left"], ["left", "left_hand"], ["left_foot", "right_foot"], ["left", "rest"], ["left", "right", "both_feet"], ["leftover", "right"]]) expect(leftRight(others), String(others)).toBe(false);
  });
  it("offers models of the project that were trained with alignment", () => {
    const model = (name: string, change: object = {}) => ({
      name, version: "2", source: "project", state: "active", pipeline: "ts_lr", classes: ["left", "right"], card: { trained_with: { config: { align: true, center: "riemann" } } }, ...change,
    }) as unknown as Model;
    const wild = [null, 5, {}, { config: null }, { config: { align: "yes", center: "riemann" } }, { config: { align: true } }].map((trained_with, i) => model(`wild-${i}`, { card: { trained_with } }));
    const none = [model("builtin", { source: "builtin" }), model("older", { state: "retired" }), model("csp", { pipeline: "csp_lda" }), model("feet", { classes: ["both_feet", "rest"] }), model("bare", { card: {} })];
    expect(bases([...wild, ...none, model("anna")])).toEqual(["anna@2"]);
  });
});
