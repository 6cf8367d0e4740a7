// Logging in through a provider: the browser leaves for it, and comes back to the login page.

/** Where the browser leaves for the provider. What stands behind the # comes back as it is; it means nothing to the provider. */
export function leave(admin: boolean, query: Record<string, string>): string {
  const q = new URLSearchParams();
  if (admin) q.set("page", "admin");
  // An address that the server would refuse for its length is not worth a login.
  for (const [name, most] of [["to", 1000], ["invitation", 100]] as const) {
    const value = query[name];
    if (value && new TextEncoder().encode(value).length <= most) q.set(name, value);
  }
  const text = q.toString();
  return "/v1/auth/oidc/login" + (text && "?" + text);
}

const says: Record<string, string> = {
  login_expired: "This login was begun too long ago, or in another browser. Log in again.",
  login_canceled: "The login was canceled there.",
  login_refused: "What came back is not a login that this server takes. Log in again; if that does not help, tell an operator of the server.",
  provider_unavailable: "It does not answer. Try again in a moment.",
  email_unverified: "It does not say that your e-mail address is yours. Verify the address there, then log in again.",
  identity_conflict: "The account with your e-mail address belongs to somebody else there. An operator of this server can unlink it.",
  signup_disabled: "There is no account with your e-mail address on this server. An operator makes one, or the owner of a project invites you.",
  invitation_not_found: "There is no open invitation for your e-mail address with this link.",
  rate_limited: "That was too often. Try again later.",
  no_cookie: "This browser has not kept the login. It must take cookies of this server.",
};

/** What the code of a failed login means to people; whatever else an address says is not shown. */
export function failureOf(code: string): string {
  return Object.hasOwn(says, code) ? says[code]! : "The login has failed. Try again in a moment.";
}
