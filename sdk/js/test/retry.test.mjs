// What happens when there is no answer, or none of use.
import assert from "node:assert/strict";
import test from "node:test";
import { NetworkError, WalletClient } from "purser-wallet";
import { systemClock } from "../dist/transport.js";
import { answer, hangUp, sayNothing, scripted, seeded, stopHalfway, troubled } from "./faults.mjs";
import { clientOf, patientClock, userOf } from "./sandbox.mjs";

const project = answer(200, { id: 1221, title: "T" });
const badGateway = (_, response) => response.writeHead(502, { "Content-Type": "text/html" }).end("<html>");
const client = (server, options = {}) =>
  new WalletClient({ clientId: "id", macKey: "key", baseUrl: server.baseUrl, clock: patientClock(), ...options });
const nonce = ({ headers }) => /nonce="([^"]+)"/.exec(headers.authorization)[1];
const key = ({ headers }) => /idempotency_key=([^"&]+)/.exec(headers.authorization)?.[1];

test("reading is tried again, signed anew, with growing waits", async (t) => {
  const server = await scripted(t, badGateway, hangUp, answer(503, { error: "service_unavailable" }), project);
  const clock = patientClock();
  assert.equal((await client(server, { clock }).getProject(1221)).title, "T");
  assert.deepEqual(clock.waits, [100, 200, 400]);
  assert.equal(new Set(server.requests.map(nonce)).size, 4);
});

test("tries are bounded", async (t) => {
  const server = await scripted(t, badGateway);
  await assert.rejects(client(server).getProject(1), { name: "APIError", code: "", status: 502 });
  assert.equal(server.requests.length, 5);
  await assert.rejects(client(server, { retries: 0 }).getProject(1), { status: 502 });
  assert.equal(server.requests.length, 6);
});

test("what will not be better next time is not tried again", async (t) => {
  const server = await scripted(t, answer(404, { error: "not_found", error_description: "There is no project 1." }));
  await assert.rejects(client(server).getProject(1), { code: "not_found", status: 404, description: "There is no project 1." });
  assert.equal(server.requests.length, 1);
});

test("writing is tried again under one key, which the signature covers", async (t) => {
  const server = await scripted(t, hangUp, badGateway, answer(200, { transaction_key: "k" }));
  await client(server).createTransaction({ payments: [{ price: 100, currency: "EUR" }] });
  assert.equal(server.requests.length, 3);
  assert.equal(new Set(server.requests.map(key)).size, 1);
  assert.match(key(server.requests[0]), /^[0-9a-f-]{36}$/);
  await client(server).createTransaction({ payments: [] });
  assert.notEqual(key(server.requests[3]), key(server.requests[0]));
  await client(server).createTransaction({ payments: [] }, { idempotencyKey: "order-88" });
  assert.equal(key(server.requests[4]), "order-88");
});

test("a key that is said in a header is the one that is signed", async (t) => {
  const server = await scripted(t, answer(200, {}));
  const headers = { "idempotency-KEY": "order-89" };
  await client(server).request("/transaction", { method: "POST", body: {}, headers });
  await client(server).request("/transaction", { method: "POST", body: {}, headers, idempotencyKey: "order-90" });
  assert.deepEqual(server.requests.map(key), ["order-89", "order-90"]);
  for (const request of server.requests) assert.equal(request.headers["idempotency-key"], undefined);
});

test("what a proxy sent twice is signed anew", async (t) => {
  const twice = answer(401, { error: "unauthorized", error_description: "Nonce already used: sign anew." });
  const server = await scripted(t, twice, project, answer(401, { error: "unauthorized", error_description: "The MAC does not match." }));
  assert.equal((await client(server).getProject(1)).title, "T");
  assert.notEqual(nonce(server.requests[0]), nonce(server.requests[1]));
  await assert.rejects(client(server).getProject(1), { code: "unauthorized" });
  assert.equal(server.requests.length, 3);
});

test("a DELETE is tried again only where a repeat is said to be harmless", async (t) => {
  const server = await scripted(t, hangUp, hangUp, answer(200, {}));
  const shop = client(server);
  await assert.rejects(shop.request("/spot/1", { method: "DELETE" }), NetworkError);
  assert.equal(server.requests.length, 1);
  await shop.revokeTransaction("k");
  assert.equal(server.requests.length, 3);
  assert.equal(key(server.requests[2]), undefined);
});

test("who is asked to wait waits, and gives up where that is too long", async (t) => {
  const busy = (seconds) => answer(429, { error: "rate_limit_exceeded", error_description: "Too many." }, { "Retry-After": seconds });
  const server = await scripted(t, busy("3"), project, busy("3600"));
  const clock = patientClock();
  await client(server, { clock }).getProject(1);
  assert.deepEqual(clock.waits, [3100]);
  await assert.rejects(client(server, { clock }).getProject(1), { code: "rate_limit_exceeded", retryAfter: 3600 });
  assert.equal(server.requests.length, 3);
});

test("a try has its time, its body included", async (t) => {
  const server = await scripted(t, sayNothing, stopHalfway, project);
  assert.equal((await client(server, { timeout: 300 }).getProject(1)).title, "T");
  const silent = await scripted(t, sayNothing);
  let tries = 0;
  const counting = (...sent) => (tries++, fetch(...sent));
  const hasty = client(silent, { timeout: 20, retries: 1, fetch: counting });
  await assert.rejects(hasty.getProject(1), { name: "NetworkError", code: "timeout" });
  assert.equal(tries, 2);
});

test("a try that may take forever does", async (t) => {
  const server = await scripted(t, (...to) => setTimeout(() => project(...to), 50));
  assert.equal((await client(server, { timeout: Infinity, retries: 0 }).getProject(1)).title, "T");
});

test("whoever calls may give up: before the first try, during one, and between two", async (t) => {
  const stop = new AbortController();
  const silent = await scripted(t, () => stop.abort(new Error("enough")));
  await assert.rejects(client(silent).request("/server", { signal: stop.signal }), { message: "enough" });
  await assert.rejects(client(silent).request("/server", { signal: stop.signal }), { message: "enough" });
  assert.equal(silent.requests.length, 1);
  const failing = await scripted(t, badGateway);
  const waiting = new AbortController();
  const unhurried = { baseUrl: failing.baseUrl, clock: { ...systemClock, random: () => 1e6 } };
  const call = new WalletClient(unhurried).request("/server", { signal: waiting.signal });
  setTimeout(() => waiting.abort(new Error("enough")), 50);
  await assert.rejects(call, { message: "enough" });
  assert.ok(failing.requests.length <= 1);
});

test("an answer that leads elsewhere is not followed", async (t) => {
  const server = await scripted(t, (_, response) => response.writeHead(302, { Location: "/rest/v1/server" }).end());
  await assert.rejects(client(server).getProject(1), { status: 302 });
  assert.equal(server.requests.length, 1);
});

test("a clock that is wrong by years is put right once", async () => {
  const off = { ...patientClock(), now: () => Date.now() - 7e10 };
  let asked = 0;
  const fetch = (url, init) => (url.endsWith("/rest/v1/server") && asked++, globalThis.fetch(url, init));
  const shop = clientOf("shop", { clock: off, fetch });
  const calls = [shop, shop.inProject(1222), shop.inProject(123)].map((one) => one.getProject(1221));
  for (const { id } of await Promise.all(calls)) assert.equal(id, 1221);
  await shop.getClient();
  assert.equal(asked, 1);
});

test("whoever hears late that the clock is wrong signs by what was learnt meanwhile", async (t) => {
  const late = answer(401, { error: "invalid_timestamp", error_description: "Timestamp lifetime exceeded" });
  let hear;
  const slowly = (...to) => (hear = () => late(...to));
  const server = await scripted(t, slowly, late, answer(200, { time: 1 }), project);
  const shop = client(server);
  const first = shop.getProject(1);
  while (!hear) await new Promise((resolve) => setTimeout(resolve, 1));
  await shop.getProject(2);
  hear();
  await first;
  assert.deepEqual(server.requests.map(({ url }) => url.split("/").at(-1)), ["1", "2", "server", "2", "1"]);
});

test("a server whose clock does not help is asked once", async (t) => {
  const late = answer(401, { error: "invalid_timestamp", error_description: "Timestamp lifetime exceeded" });
  const server = await scripted(t, late, answer(200, { time: 1 }), late);
  await assert.rejects(client(server).getProject(1), { code: "invalid_timestamp" });
  assert.deepEqual(server.requests.map(({ url }) => url.split("/").at(-1)), ["1", "server", "1"]);
});

test("a server that does not tell the time leaves the clock as it is", async (t) => {
  const late = answer(401, { error: "invalid_timestamp", error_description: "Timestamp lifetime exceeded" });
  const server = await scripted(t, late, answer(200, {}), project);
  const shop = client(server);
  await assert.rejects(shop.getProject(1), { code: "invalid_timestamp" });
  await shop.getProject(1);
  assert.match(server.requests[2].headers.authorization, /ts="\d+"/);
});

test("whoever calls may give up while the time is asked for", async (t) => {
  const late = answer(401, { error: "invalid_timestamp", error_description: "Timestamp lifetime exceeded" });
  const stop = new AbortController();
  const server = await scripted(t, late, () => stop.abort(new Error("enough")));
  await assert.rejects(client(server).request("/project/1", { signal: stop.signal }), { message: "enough" });
  assert.equal(server.requests.length, 2);
});

test("payments happen exactly once, whatever gets lost", async (t) => {
  const random = seeded(8);
  const refusals = [badGateway, hangUp, answer(429, { error: "rate_limit_exceeded" }, { "Retry-After": "0" }), answer(500, { error: "internal_server_error" })];
  const baseUrl = await troubled(t, () => {
    const dice = random();
    if (dice < 0.15) return { after: true };
    if (dice < 0.3) return { before: refusals[Math.floor(random() * refusals.length)] };
  });
  const options = { baseUrl, retries: 15, clock: patientClock() };
  const shop = clientOf("shop", { ...options, projectId: 1223 });
  const paula = userOf(5678, options);
  const from = (await clientOf("shop").getServer()).time;
  const orders = Array.from({ length: Number(process.env.PURSER_TEST_PAYMENTS ?? 40) }, (_, i) => i);
  const before = (await userOf(5678).getBalance()).EUR.at_disposal;
  const waiting = [...orders];
  const till = async () => {
    for (let order; (order = waiting.shift()) !== undefined; ) {
      const { transaction_key } = await shop.createTransaction({ payments: [{ description: `Order ${order}`, price: 1, currency: "EUR" }] });
      await paula.reserveTransaction(transaction_key);
      assert.equal((await shop.confirmTransaction(transaction_key)).status, "confirmed");
    }
  };
  await Promise.all(Array.from({ length: 20 }, till));
  const made = [];
  for await (const { payments } of clientOf("shop").transactions({ project_id: 1223, from, limit: 7 })) made.push(payments[0].description);
  assert.deepEqual(made.sort(), orders.map((order) => `Order ${order}`).sort());
  assert.equal((await userOf(5678).getBalance()).EUR.at_disposal, before - orders.length);
});
