// The check of signatures, held to the public library of Standard Webhooks both ways.
import assert from "node:assert/strict";
import { test } from "node:test";
import { verifyWebhook, WebhookVerificationError } from "@voxel/sdk";
import { tools } from "./helpers.mjs";

const { Webhook } = tools("standardwebhooks");
const secret = "whsec_" + Buffer.from("a secret of thirty-two bytes, ok").toString("base64");
const old = "whsec_" + Buffer.from("another secret, of thirty-two b.").toString("base64");
const body = JSON.stringify({ type: "job.completed", timestamp: "2026-01-31T12:00:00Z", data: { job_id: "µV" } });

const signed = (at = new Date(), s = secret, id = "msg_1") => ({
  "webhook-id": id, "webhook-timestamp": String(Math.floor(at / 1000)), "webhook-signature": new Webhook(s).sign(id, at, body),
});

test("what the public library signs is accepted", async () => {
  for (const payload of [body, new TextEncoder().encode(body)]) {
    for (const headers of [signed(), new Headers(signed()), { "Webhook-Id": signed()["webhook-id"], "WEBHOOK-TIMESTAMP": signed()["webhook-timestamp"], "Webhook-Signature": [signed()["webhook-signature"]] }]) {
      const event = await verifyWebhook(payload, headers, secret);
      assert.equal(event.type, "job.completed");
      assert.equal(event.data.job_id, "µV");
    }
  }
});

test("while a secret is exchanged both are good", async () => {
  const both = { ...signed(), "webhook-signature": new Webhook(old).sign("msg_1", new Date(), body) + " v1a,xyz " + signed()["webhook-signature"] };
  assert.equal((await verifyWebhook(body, both, secret)).type, "job.completed");
  assert.equal((await verifyWebhook(body, signed(new Date(), old), [secret, old])).type, "job.completed");
});

for (const [what, change] of Object.entries({
  "another body": () => [body + " ", signed()],
  "another secret": () => [body, signed(new Date(), old)],
  "another id": () => [body, { ...signed(), "webhook-id": "msg_2" }],
  "too old": () => [body, signed(new Date(Date.now() - 6 * 60_000))],
  "of the future": () => [body, signed(new Date(Date.now() + 6 * 60_000))],
  "another time": () => [body, { ...signed(), "webhook-timestamp": String(Math.floor(Date.now() / 1000) - 1) }],
  "no time": () => [body, { ...signed(), "webhook-timestamp": "now" }],
  "no signature": () => [body, { ...signed(), "webhook-signature": "" }],
  "no scheme": () => [body, { ...signed(), "webhook-signature": signed()["webhook-signature"].replace("v1,", "") }],
  "an empty one": () => [body, { ...signed(), "webhook-signature": "v1," }],
  "not base64": () => [body, { ...signed(), "webhook-signature": "v1,§§§" }],
})) {
  test(`refused: ${what}`, async () => {
    const [payload, headers] = change();
    await assert.rejects(verifyWebhook(payload, headers, secret), WebhookVerificationError);
  });
}
