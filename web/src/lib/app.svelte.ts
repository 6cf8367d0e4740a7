// What the whole application shares: where one is, who one is, and the client of the service.
import { AuthenticationError, NeurodClient, type Project } from "@neurod/sdk";
import { href, parse, safeReturn, type Place, type Values } from "./router";

/** The user as the service knows them. */
export interface User {
  id: string;
  email: string;
  operator: boolean;
  /** They have one; otherwise they log in through a provider. */
  password: boolean;
}

/** What may be known of a server before one logs in. */
export interface Server {
  version: string;
  signup: boolean;
  demo: boolean;
  password: boolean;
  provider: { name: string } | null;
}

/** A short message in the corner. */
export interface Toast {
  id: number;
  text: string;
  bad: boolean;
}

/** Whether this browser has a login; nothing of it is in here. */
const loggedIn = "neurod-login";

class App {
  place = $state.raw<Place>(parse(location.hash));
  /** How often one went somewhere: an address that leads to another place of the same view makes it anew. */
  moves = $state(0);
  user = $state.raw<User | undefined>();
  server = $state.raw<Server | undefined>();
  projects = $state.raw<Project[] | undefined>();
  /** Whether it is known if somebody is logged in. */
  ready = $state(false);
  toasts = $state.raw<Toast[]>([]);
  online = $state(navigator.onLine);
  /** Whether this is the page for operators. */
  readonly admin = /^\/admin(\/|$)/.test(location.pathname);
  readonly client = new NeurodClient({ baseUrl: location.origin, browserLogin: true, maxRetries: 3 });
  #clients = new Map<string, NeurodClient>();
  #toast = 0;

  /** Finds out who is logged in, and follows the address. */
  async start(): Promise<void> {
    addEventListener("hashchange", () => {
      this.place = parse(location.hash);
      this.moves++;
    });
    addEventListener("online", () => (this.online = true));
    addEventListener("offline", () => (this.online = false));
    // The browser does not say if it has a cookie of ours: it is noted when there is one, so that a visitor is not asked for a login that cannot be.
    // Whoever comes back from a provider has one.
    const back = this.place.parts[0] === "login" && this.place.query.entered !== undefined;
    const known = back || localStorage.getItem(loggedIn) !== null;
    const [server, user] = await Promise.allSettled([this.client.server(), known ? this.client.auth.restore() : undefined]);
    if (server.status === "fulfilled") this.server = server.value;
    if (known && user.status === "fulfilled" && !user.value) localStorage.removeItem(loggedIn);
    if (user.status === "fulfilled" && user.value) await this.#entered(user.value);
    else if (user.status === "rejected") this.say("The server does not answer: " + messageOf(user.reason), true);
    if (back) {
      // The login page is not a place to come back to.
      history.replaceState(null, "", this.user ? safeReturn(this.place.query.to) : href(["login"], { to: this.place.query.to, error: "no_cookie" }));
      this.place = parse(location.hash);
    }
    this.ready = true;
  }

  async #entered(user: User): Promise<void> {
    this.user = user;
    localStorage.setItem(loggedIn, "yes");
    await this.reloadProjects();
  }

  async reloadProjects(): Promise<void> {
    this.projects = await this.client.projects.list();
  }

  async login(email: string, password: string, signup: boolean, invitation?: string): Promise<void> {
    const account = signup
      ? await this.client.auth.browserSignup({ email, password, ...(invitation ? { invitation } : {}) })
      : await this.client.auth.browserLogin({ email, password });
    await this.#entered(account);
    // An address of a view, opened without a login, leads there by itself now.
    if (["login", "signup"].includes(this.place.parts[0] ?? "")) location.hash = safeReturn(this.place.query.to);
  }

  async logout(everywhere = false): Promise<void> {
    if (everywhere) await this.client.auth.logoutEverywhere();
    await this.client.auth.browserLogout();
    this.#forget();
    location.hash = "#/login";
  }

  /** What is left of a login that has ended by itself: the place to come back to. */
  ended(): void {
    if (!this.user) return;
    this.#forget();
    const to = location.hash;
    location.hash = href(["login"], { to: to.startsWith("#/login") ? undefined : to });
    this.say("Your login has ended. Log in again to go on where you were.");
  }

  #forget(): void {
    localStorage.removeItem(loggedIn);
    this.user = this.projects = undefined;
    this.#clients.clear();
  }

  /** The client for a project. */
  project(id: string): NeurodClient {
    let c = this.#clients.get(id);
    if (!c) this.#clients.set(id, (c = this.client.with({ projectId: id })));
    return c;
  }

  say(text: string, bad = false): void {
    const id = ++this.#toast;
    this.toasts = [...this.toasts.slice(-3), { id, text, bad }];
    setTimeout(() => this.unsay(id), bad ? 12_000 : 5000);
  }

  unsay(id: number): void {
    this.toasts = this.toasts.filter((t) => t.id !== id);
  }

  /** Runs what a button does, and says what went wrong. */
  async try<T>(what: () => Promise<T>, done?: string): Promise<T | undefined> {
    try {
      const out = await what();
      if (done) this.say(done);
      return out;
    } catch (error) {
      if (error instanceof AuthenticationError) this.ended();
      else if (!aborted(error)) this.say(messageOf(error), true);
      return undefined;
    }
  }
}

export const app = new App();

/** Goes somewhere. With `replace` the place before is not kept: of filters that are typed only the last one is. */
export function go(parts: readonly string[], query: Values = {}, replace = false): void {
  const to = href(parts, query);
  if (!replace) {
    location.hash = to;
    return;
  }
  history.replaceState(null, "", to);
  app.place = parse(to);
}

/** Changes parameters of this view. */
export function setQuery(change: Values, replace = true): void {
  go(app.place.parts, { ...app.place.query, ...change }, replace);
}

export const aborted = (error: unknown): boolean => error instanceof DOMException && error.name === "AbortError";

/** What an error says to people. */
export function messageOf(error: unknown): string {
  if (error instanceof Error) return error.message || error.name;
  return String(error);
}

/** What a view reads: the answer, or the error, and whether it is on its way. */
export class Resource<T> {
  data = $state.raw<T | undefined>();
  error = $state.raw<unknown>();
  loading = $state(true);
  #running: AbortController | undefined;
  #again: (() => void) | undefined;

  /** Reads; an earlier reading that is not over is given up. */
  run(read: (signal: AbortSignal) => Promise<T>): () => void {
    this.#running?.abort();
    const running = (this.#running = new AbortController());
    this.#again = () => void this.run(read);
    this.loading = true;
    read(running.signal).then(
      (data) => {
        if (running.signal.aborted) return;
        this.data = data;
        this.error = undefined;
        this.loading = false;
      },
      (error: unknown) => {
        if (running.signal.aborted) return;
        this.loading = false;
        if (error instanceof AuthenticationError) app.ended();
        else this.error = error;
      },
    );
    return () => running.abort();
  }

  again = (): void => this.#again?.();
}

/** Does something every so often while the page is looked at. */
export function every(ms: number, what: () => void): () => void {
  const timer = setInterval(() => {
    if (!document.hidden) what();
  }, ms);
  return () => clearInterval(timer);
}

/** How the colours are chosen; kept in the browser, as nothing of a user is in it. */
export const themes = ["system", "light", "dark"] as const;
export type Theme = (typeof themes)[number];
export function theme(set?: Theme): Theme {
  if (set) {
    if (set === "system") localStorage.removeItem("neurod-theme");
    else localStorage.setItem("neurod-theme", set);
  }
  const now = (set ?? localStorage.getItem("neurod-theme") ?? "system") as Theme;
  if (now === "light" || now === "dark") document.documentElement.dataset.theme = now;
  else delete document.documentElement.dataset.theme;
  dispatchEvent(new Event("neurod-theme"));
  return now;
}
