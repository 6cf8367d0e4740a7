/** Hands a file to the browser to be kept. */
export function save(name: string, content: BlobPart | readonly BlobPart[], type: string): void {
  const url = URL.createObjectURL(new Blob(Array.isArray(content) ? [...content] : [content as BlobPart], { type }));
  const a = document.createElement("a");
  a.href = url;
  a.download = name;
  a.click();
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}

/** A name of a file out of any text. */
export const fileName = (text: string): string => text.normalize("NFKD").replace(/[^\w.-]+/g, "_").replace(/^[._]+|_+$/g, "").slice(0, 80) || "session";

/** A cell of CSV (RFC 4180) that no spreadsheet takes for a formula. */
export function cell(v: string | number | null | undefined): string {
  if (v === null || v === undefined) return "";
  if (typeof v === "number") return Number.isFinite(v) ? String(v) : "";
  const text = /^[=+\-@\t\r]/.test(v) ? "'" + v : v;
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
