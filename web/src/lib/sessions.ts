// What sessions are in, in words.

interface Session {
  ingestion_mode: "STREAMING" | "RECORDED";
  processing_state: string | null;
  ended_at: string | null;
}

/** One word for how a session is doing. */
export function sessionState(s: Session): "live" | "ended" | "uploading" | "processing" | "complete" | "failed" {
  if (s.ingestion_mode === "STREAMING") return s.ended_at ? "ended" : "live";
  switch (s.processing_state) {
    case "COMPLETE": return "complete";
    case "FAILED": return "failed";
    case "PROCESSING": return "processing";
    default: return "uploading";
  }
}

/** Whether samples of it still come. */
export const isLive = (s: Session): boolean => sessionState(s) === "live";

/** Whether the words that are looked for are all in it. */
export function matches(texts: readonly (string | null | undefined)[], sought: string): boolean {
  const all = texts.filter(Boolean).join("\n").toLowerCase();
  return sought.toLowerCase().split(/\s+/).filter(Boolean).every((w) => all.includes(w));
}
