import type { Query, RequestOptions, Transport } from "./http.js";

/** A page of a list. */
export interface Page<T> {
  data: T[];
  /** Whether more follow. */
  hasMore: boolean;
  /** The page after this one; undefined at the end. */
  next(): Promise<Page<T> | undefined>;
  response: Response;
}

/**
 * A list: awaited it is its first page, in a `for await` loop every entry of every page.
 */
export class List<T> implements PromiseLike<Page<T>>, AsyncIterable<T> {
  #first: Promise<Page<T>> | undefined;

  constructor(private readonly fetchFirst: () => Promise<Page<T>>) {}

  then<A = Page<T>, B = never>(ok?: ((page: Page<T>) => A | PromiseLike<A>) | null, bad?: ((reason: unknown) => B | PromiseLike<B>) | null): Promise<A | B> {
    return (this.#first ??= this.fetchFirst()).then(ok, bad);
  }

  /** The pages, one after the other. */
  async *pages(): AsyncGenerator<Page<T>, void, undefined> {
    for (let page: Page<T> | undefined = await this; page; page = await page.next()) yield page;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<T, void, undefined> {
    for await (const page of this.pages()) yield* page.data;
  }

  /** Every entry. */
  async all(): Promise<T[]> {
    const out: T[] = [];
    for await (const entry of this) out.push(entry);
    return out;
  }
}

/** Where the next page begins, as the answer tells; undefined where there is none. */
export type Next<T> = (entries: T[], response: Response, json: any) => Query | undefined;

export function list<T>(http: Transport, path: string, query: Query, options: RequestOptions, next: Next<T>, make: (entry: any, response: Response) => T = (e) => e as T): List<T> {
  const page = async (q: Query): Promise<Page<T>> => {
    const { data, response } = await http
      .call({ method: "GET", path, query: q }, options, (json) => json as any)
      .withResponse();
    const entries = ((Array.isArray(data) ? data : (data.data ?? data.items)) as unknown[]).map((e) => make(e, response));
    const more = next(entries, response, data);
    return { data: entries, hasMore: more !== undefined, next: async () => (more ? page({ ...q, ...more }) : undefined), response };
  };
  return new List(() => page(query));
}

/** Lists whose body names the next page. */
export const byBody: Next<any> = (_, __, json) => (json.next_cursor ? { cursor: json.next_cursor as string } : undefined);

/** Lists that name it in a header (RFC 8288). */
export const byHeader: Next<any> = (_, response) => {
  const next = /<([^>]*)>;\s*rel="?next"?/.exec(response.headers.get("link") ?? "")?.[1];
  const cursor = next && new URL(next, "http://server").searchParams.get("cursor");
  return cursor ? { cursor } : undefined;
};

/** Lists that go on behind a value of their last entry. */
export function after<T>(parameter: string, of: (last: T) => number): Next<T> {
  return (entries, response) => {
    const last = entries.at(-1);
    return last && response.headers.get("x-has-more") === "true" ? { [parameter]: of(last) } : undefined;
  };
}
