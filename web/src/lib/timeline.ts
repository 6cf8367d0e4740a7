// What has happened to a job, step by step.
import type { Job, JobAttempt } from "@neurod/sdk";
import { words, type Time } from "./format";

export interface Step {
  name: string;
  /** When it was; null while it is awaited. */
  at: Time;
  note?: string;
  tone?: "good" | "bad" | "warn";
}

const interrupted: Partial<Record<JobAttempt["outcome"], string>> = { retried: "To be tried again", handed_back: "Handed back by its worker", lost: "Its worker was lost" };

/** The steps of a job with its attempts, oldest first; an attempt that a worker could not end has a step of its own for that. */
export function timeline(job: Pick<Job, "created_at" | "finished_at" | "status" | "done" | "error">, attempts: JobAttempt[]): Step[] {
  const out: Step[] = [{ name: "Accepted, in the queue", at: job.created_at }];
  for (const a of attempts) {
    out.push({ name: a.attempt > 1 ? `Claimed by a worker, attempt ${a.attempt}` : "Claimed by a worker", at: a.started_at });
    const what = interrupted[a.outcome];
    if (what) out.push({ name: what, at: a.ended_at, tone: "warn", ...(a.error_code ? { note: words(a.error_code) } : {}) });
  }
  if (!attempts.length && !job.done) out.push({ name: "Claimed by a worker", at: null });
  const at = job.finished_at;
  if (job.status === "completed") out.push({ name: "Completed", at, tone: "good" });
  else if (job.status === "failed") out.push({ name: "Failed", at, tone: "bad", note: job.error?.code ?? "" });
  else out.push({ name: job.status === "canceled" ? "Canceled" : "Finished", at });
  return out;
}
