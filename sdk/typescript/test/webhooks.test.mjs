// The check of signatures, held to the public library of Standard Webhooks both ways, and to what the server sends.
import assert from "node:assert/strict";
import { createServer } from "node:http";
import { test } from "node:test";
import { InvalidRequestError, NotFoundError, verifyWebhook, WebhookVerificationError } from "@voxel/sdk";
import { client, looking, ssvep, tools } from "./helpers.mjs";

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

test("webhooks are made, told of events that verify, changed, rotated and deleted", { timeout: 300_000 }, async (t) => {
  const c = client();
  const got = [];
  let wake = () => {};
  const receiver = createServer(async (request, response) => {
    const parts = [];
    for await (const part of request) parts.push(part);
    got.push({ headers: request.headers, body: Buffer.concat(parts) });
    response.writeHead(204).end();
    wake();
  });
  await new Promise((resolve) => receiver.listen(0, "127.0.0.1", resolve));
  t.after(() => receiver.close());
  /** The next event of a type, with what it came with. */
  const next = async (type) => {
    for (;;) {
      const at = got.findIndex((g) => JSON.parse(g.body).type === type);
      if (at >= 0) return got.splice(at, 1)[0];
      await new Promise((resolve) => (wake = resolve));
    }
  };

  await assert.rejects(c.webhooks.create({ url: "gopher://example.org" }), (e) => e instanceof InvalidRequestError && e.fields[0].pointer === "/url");
  const hook = await c.webhooks.create({ url: `http://127.0.0.1:${receiver.address().port}/hook`, events: ["job.completed"], description: "of a test" });
  assert.match(hook.secret, /^whsec_/);
  assert.equal((await c.webhooks.get(hook.id)).secret, undefined);
  assert.ok((await c.webhooks.list()).some((w) => w.id === hook.id));

  const sent = await c.webhooks.test(hook.id);
  const ping = await next("ping");
  assert.equal((await verifyWebhook(ping.body, ping.headers, hook.secret)).data.webhook_id, hook.id);
  assert.equal(ping.headers["webhook-id"], sent.event_id);

  const job = await c.submit(looking(), ssvep);
  const told = await next("job.completed");
  const event = await verifyWebhook(told.body, told.headers, hook.secret);
  assert.equal(event.data.id, job.id);
  assert.equal(event.id, told.headers["webhook-id"]);
  assert.doesNotThrow(() => new Webhook(hook.secret).verify(told.body.toString(), told.headers));
  await assert.rejects(verifyWebhook(told.body, told.headers, secret), WebhookVerificationError);

  const rotated = await c.webhooks.rotate(hook.id);
  assert.notEqual(rotated.secret, hook.secret);
  await c.webhooks.test(hook.id);
  const both = await next("ping");
  for (const s of [hook.secret, rotated.secret]) assert.equal((await verifyWebhook(both.body, both.headers, s)).type, "ping");

  const delivered = [];
  for await (const d of c.webhooks.deliveries(hook.id, { limit: 2 })) delivered.push(d);
  assert.deepEqual(delivered.map((d) => d.event).sort(), ["job.completed", "ping", "ping"]);
  const of = delivered.find((d) => d.event === "job.completed");
  await c.webhooks.redeliver(hook.id, of.id);
  assert.equal((await next("job.completed")).headers["webhook-id"], event.id, "the same event again");

  assert.equal((await c.webhooks.update(hook.id, { enabled: false })).enabled, false);
  await assert.rejects(c.webhooks.test(hook.id), (e) => e.status === 409 && e.code === "webhook_disabled");
  await c.webhooks.delete(hook.id);
  await assert.rejects(c.webhooks.get(hook.id), NotFoundError);
});
