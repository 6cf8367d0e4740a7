// Browsers do not tell how much of what `fetch` sends has gone out, and XMLHttpRequest does: a file goes by that one, through the client, whose credentials,
// errors and retries are the same.
import type { ImportFields, NeurodClient, Session } from "@neurod/sdk";

/** A `fetch` that tells how much has gone out. It knows what an import needs: a Blob to send, and an answer of text. */
export function tellingFetch(tell: (sent: number) => void): typeof fetch {
  return (input, init) => new Promise<Response>((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open(init?.method ?? "GET", String(input));
    for (const [name, value] of Object.entries((init?.headers ?? {}) as Record<string, string>)) request.setRequestHeader(name, value);
    request.responseType = "arraybuffer";
    request.upload.onprogress = (e) => tell(e.loaded);
    request.onload = () => {
      const headers = new Headers();
      for (const line of request.getAllResponseHeaders().trim().split(/[\r\n]+/)) {
        const at = line.indexOf(":");
        if (at > 0) headers.append(line.slice(0, at), line.slice(at + 1).trim());
      }
      resolve(new Response([204, 205, 304].includes(request.status) ? null : (request.response as ArrayBuffer), { status: request.status, statusText: request.statusText, headers }));
    };
    request.onerror = () => reject(new TypeError("the connection failed"));
    request.onabort = () => reject(new DOMException("stopped", "AbortError"));
    const signal = init?.signal;
    if (signal?.aborted) return reject(signal.reason as Error);
    signal?.addEventListener("abort", () => request.abort(), { once: true });
    request.send((init?.body ?? null) as XMLHttpRequestBodyInit | null);
  });
}

/** Imports a file, and tells how much of it has gone out. */
export function upload(client: NeurodClient, file: File, fields: ImportFields, tell: (sent: number) => void, signal: AbortSignal): Promise<Session> {
  return client.with({ fetch: tellingFetch(tell) }).sessions.import(file, fields, { signal });
}
