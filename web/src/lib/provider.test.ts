import { describe, expect, it } from "vitest";
import { failureOf, leave } from "./provider";

describe("logging in through a provider", () => {
  it("leaves with the place to come back to", () => {
    expect(leave(false, {})).toBe("/v1/auth/oidc/login");
    expect(leave(true, { to: "#/p/1?x=y&z", error: "x" })).toBe("/v1/auth/oidc/login?page=admin&to=%23%2Fp%2F1%3Fx%3Dy%26z");
    expect(leave(false, { invitation: "inv_1" })).toBe("/v1/auth/oidc/login?invitation=inv_1");
    expect(leave(false, { to: "#/" + "ä".repeat(500) })).toBe("/v1/auth/oidc/login");
  });
  it("says what went wrong, and nothing that an address makes up", () => {
    expect(failureOf("login_canceled")).toContain("canceled");
    for (const code of ["", "x", "<b>", "toString", "__proto__"]) expect(failureOf(code)).toBe(failureOf("unknown"));
  });
});
