import { describe, expect, it } from "vitest";
import { timeline } from "./timeline";

const at = (s: number): string => `2026-05-04T10:00:${String(s).padStart(2, "0")}Z`;
const second = 1_777_888_800; // 2026-05-04T10:00:00Z; a job has its times in seconds, an attempt as texts
const job = { created_at: second, finished_at: null, status: "running", done: false } as const;
const read = (j: Parameters<typeof timeline>[0], a: Parameters<typeof timeline>[1]): string[] => timeline(j, a).map((s) => `${typeof s.at === "number" ? at(s.at - second) : (s.at ?? "awaited")} ${s.name}${s.note ? `: ${s.note}` : ""}${s.tone ? ` (${s.tone})` : ""}`);

describe("the time line of a job", () => {
  it("awaits what has not been", () => {
    expect(read({ ...job, status: "queued" }, [])).toEqual([`${at(0)} Accepted, in the queue`, "awaited Claimed by a worker", "awaited Finished"]);
  });
  it("tells each attempt, and why another one followed", () => {
    expect(read({ ...job, finished_at: second + 9, status: "failed", done: true, error: { type: "api_error", code: "retries_exhausted", message: "" } }, [
      { attempt: 1, started_at: at(1), ended_at: at(2), outcome: "handed_back", error_code: null },
      { attempt: 2, started_at: at(3), ended_at: at(4), outcome: "lost", error_code: "worker_lost" },
      { attempt: 3, started_at: at(5), ended_at: at(6), outcome: "retried", error_code: "store_unavailable" },
      { attempt: 4, started_at: at(7), ended_at: at(9), outcome: "failed", error_code: "retries_exhausted" },
    ] as Parameters<typeof timeline>[1])).toEqual([
      `${at(0)} Accepted, in the queue`, `${at(1)} Claimed by a worker`, `${at(2)} Handed back by its worker (warn)`,
      `${at(3)} Claimed by a worker, attempt 2`, `${at(4)} Its worker was lost: worker lost (warn)`, `${at(5)} Claimed by a worker, attempt 3`, `${at(6)} To be tried again: store unavailable (warn)`,
      `${at(7)} Claimed by a worker, attempt 4`, `${at(9)} Failed: retries_exhausted (bad)`,
    ]);
  });
  it("ends as the job did", () => {
    expect(read({ ...job, finished_at: second + 2, status: "completed", done: true }, [{ attempt: 1, started_at: at(1), ended_at: at(2), outcome: "completed" }] as Parameters<typeof timeline>[1]).at(-1)).toBe(`${at(2)} Completed (good)`);
    expect(read({ ...job, finished_at: second + 2, status: "canceled", done: true }, [])).toEqual([`${at(0)} Accepted, in the queue`, `${at(2)} Canceled`]);
  });
});
