import { describe, expect, it } from "vitest";
import { cell, fileName } from "./download";

describe("files that are kept", () => {
  it("have names that every system takes", () => {
    expect(fileName("../../etc/passwd")).toBe("etc_passwd");
    expect(fileName("Ä b/<x>.edf")).not.toMatch(/[^\w.-]/);
    for (const text of ["", "...", "///", "<>"]) expect(fileName(text)).toBe("session");
  });
  it("hold texts that no spreadsheet runs", () => {
    expect(cell("=1+1")).toBe("'=1+1");
    expect(cell('a"b,c')).toBe('"a""b,c"');
    expect(cell(NaN)).toBe("");
    expect(cell(-1)).toBe("-1");
  });
});
