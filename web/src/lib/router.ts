// Addresses of the views. Everything that a view can be asked for stands behind the # of the address, so that a link leads to
// what its sender saw, and so that nothing of it is sent to any server.

/** Where one is: the parts of the path, and the parameters of the view. */
export interface Place {
  parts: string[];
  query: Record<string, string>;
}

const decode = (s: string): string => {
  try {
    return decodeURIComponent(s);
  } catch {
    return s; // a % that is none
  }
};

/** Reads what stands behind the #. Whatever it is gives a place; views answer what they do not know with "no such page". */
export function parse(hash: string): Place {
  const text = hash.replace(/^#?\/*/, "");
  const at = text.indexOf("?");
  const path = at < 0 ? text : text.slice(0, at);
  const query: Record<string, string> = Object.create(null);
  if (at >= 0) for (const [k, v] of new URLSearchParams(text.slice(at + 1))) query[k] = v;
  return { parts: path.split("/").filter(Boolean).map(decode), query };
}

/** Values of a query; what is undefined, null, false or "" is left out, so that an address without filters is short. */
export type Values = Record<string, string | number | boolean | undefined | null>;

/** The address of a place. */
export function href(parts: readonly string[], query: Values = {}): string {
  const q = new URLSearchParams();
  for (const [k, v] of Object.entries(query)) if (v !== undefined && v !== null && v !== "" && v !== false) q.set(k, String(v));
  const text = q.toString();
  return "#/" + parts.map(encodeURIComponent).join("/") + (text && "?" + text);
}

/** A number of a query within bounds; undefined where it is none. */
export function numberOf(text: string | undefined, low: number, high: number): number | undefined {
  if (text === undefined || text.trim() === "") return undefined;
  const n = Number(text);
  return Number.isFinite(n) && n >= low && n <= high ? n : undefined;
}

/** One of a list of words; the first where it is none of them. */
export function oneOf<T extends string>(text: string | undefined, words: readonly [T, ...T[]]): T {
  return words.includes(text as T) ? (text as T) : words[0];
}

/** Where one goes after a login: a place of this application, whatever the address asks for. */
export function safeReturn(to: string | undefined): string {
  return to && /^#\/[^\\]*$/.test(to) && !/^#\/(login|signup)\b/.test(to) ? to : "#/";
}
