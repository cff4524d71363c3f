import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { readFileSync } from "node:fs";
import test from "node:test";
import { SignatureError, verifyCallback, WalletClient } from "purser-wallet";
import { answer, scripted } from "./faults.mjs";

const vector = (name) => readFileSync(new URL(`../../../testdata/vectors/${name}`, import.meta.url), "utf8");
const event = vector("callback.event");
const sign = vector("callback.sign").trim();
const key = vector("callback.pem");
const refused = (form, pem = key) => assert.rejects(verifyCallback(form, pem), SignatureError);

// A callback of 2012, signed by the real platform.
test("a callback is read in each form in which it may be at hand", async () => {
  const fields = new URLSearchParams({ event, sign });
  for (const form of [{ event, sign }, fields, fields.toString()]) {
    const read = await verifyCallback(form, key);
    assert.equal(read.type, "reserved");
    assert.equal(read.object, "transaction");
    assert.equal(read.data.payments[0].price, 501);
  }
});

test("a callback is held against each of several keys", async () => {
  assert.equal((await verifyCallback({ event, sign }, another + key)).type, "reserved");
  await refused({ event, sign }, another);
});

test("a key of another kind among them is passed over", async () => {
  const elliptic = generateKeyPairSync("ec", { namedCurve: "P-256" }).publicKey.export({ type: "spki", format: "pem" });
  assert.equal((await verifyCallback({ event, sign }, elliptic + key)).type, "reserved");
  await refused({ event, sign }, elliptic);
});

test("a callback that was not signed so is refused", async () => {
  await refused({ event: " " + event, sign });
  await refused({ event: JSON.stringify(JSON.parse(event)) + " ", sign });
  await refused({ event, sign: sign.slice(4) });
  await refused({ event, sign: "no base64!" });
  await refused({ event, sign: "" });
  await refused({ event });
  await refused("");
  await refused({ event: [event], sign });
});

test("a text without a key is a mistake, not a bad signature", async () => {
  await assert.rejects(verifyCallback({ event, sign }, "callback.pem"), TypeError);
});

const publish = (pem) => (_, response) => response.end(pem);
const another = generateKeyPairSync("rsa", { modulusLength: 2048 }).publicKey.export({ type: "spki", format: "pem" });

/** A client of a server that answers so when it is asked for its keys, by a clock that is moved. */
async function receiver(t, ...answers) {
  const server = await scripted(t, ...answers);
  const clock = { time: 0, now: () => clock.time, random: () => 0.5, sleep: async () => {} };
  const client = new WalletClient({ baseUrl: server.baseUrl, clock, retries: 0 });
  return { client, clock, requests: server.requests };
}

test("a client fetches its server's keys when they are needed, and keeps them", async (t) => {
  const { client, clock, requests } = await receiver(t, publish(key));
  const read = await Promise.all([1, 2, 3].map(() => client.verifyCallback({ event, sign })));
  assert.deepEqual(read.map(({ type }) => type), ["reserved", "reserved", "reserved"]);
  clock.time = 3_599_999;
  await client.inProject(5).verifyCallback(new URLSearchParams({ event, sign }).toString());
  assert.deepEqual(requests.map(({ method, url }) => `${method} ${url}`), ["GET /publickey"]);
  assert.equal(requests[0].headers.authorization, undefined);
  clock.time = 3_600_000;
  await client.verifyCallback({ event, sign });
  assert.equal(requests.length, 2);
});

test("keys are fetched anew when none of them fits, once a minute at most", async (t) => {
  const { client, clock, requests } = await receiver(t, publish(another), publish(key + another));
  const refusedNow = () => assert.rejects(client.verifyCallback({ event, sign }), SignatureError);
  await refusedNow();
  await refusedNow();
  assert.equal(requests.length, 1, "who sends nonsense does not have the server asked");
  clock.time = 60_000;
  assert.equal((await client.verifyCallback({ event, sign })).type, "reserved");
  assert.equal(requests.length, 2);
});

test("a callback whose keys cannot be had is not refused, but not read either", async (t) => {
  const { client, clock, requests } = await receiver(t, answer(503, {}), publish("no key"), publish(key), answer(503, {}));
  await assert.rejects(client.verifyCallback({ event, sign }), { name: "APIError", status: 503 });
  await assert.rejects(client.verifyCallback({ event, sign }), { name: "NetworkError" });
  await client.verifyCallback({ event, sign });
  clock.time = 3_600_000;
  await client.verifyCallback({ event, sign }); // by the old ones, which are better than none
  await client.verifyCallback({ event, sign });
  assert.equal(requests.length, 4);
});
