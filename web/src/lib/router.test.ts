import { describe, expect, it } from "vitest";
import { href, numberOf, oneOf, parse, safeReturn } from "./router";

describe("addresses", () => {
  it("come back as they were written", () => {
    const names = ["a/b", "ä ö", "100%", "<script>", "?x=1", "#", "..", "😀"];
    for (const name of names) {
      const place = parse(href(["p", name], { q: name, empty: "", no: undefined, zero: 0 }));
      expect(place.parts).toEqual(["p", name]);
      expect({ ...place.query }).toEqual({ q: name, zero: "0" });
    }
  });
  it("are read whatever they are", () => {
    expect(parse("").parts).toEqual([]);
    expect(parse("#/p/%E0%A4%A/x").parts).toEqual(["p", "%E0%A4%A", "x"]);
    expect(parse("#/p?__proto__=1&a=b").query.a).toBe("b");
    expect(({} as Record<string, unknown>).a).toBeUndefined();
  });
  it("hold numbers and words to what they may be", () => {
    expect(numberOf("12", 0, 20)).toBe(12);
    for (const bad of ["", " ", "x", "1e9", "-1", undefined]) expect(numberOf(bad, 0, 20)).toBeUndefined();
    expect(oneOf("b", ["a", "b"])).toBe("b");
    expect(oneOf("c", ["a", "b"])).toBe("a");
  });
  it("lead after a login nowhere else", () => {
    expect(safeReturn("#/p/1/sessions?q=x")).toBe("#/p/1/sessions?q=x");
    for (const bad of ["https://evil.example", "//evil.example", "#//evil.example\\", "javascript:alert(1)", "#/login", undefined, ""]) {
      expect(safeReturn(bad)).toBe("#/");
    }
  });
});
