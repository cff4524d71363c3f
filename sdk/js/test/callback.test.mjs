import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { readFileSync } from "node:fs";
import test from "node:test";
import { SignatureError, verifyCallback } from "purser-wallet";

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
  const another = generateKeyPairSync("rsa", { modulusLength: 2048 }).publicKey.export({ type: "spki", format: "pem" });
  assert.equal((await verifyCallback({ event, sign }, another + key)).type, "reserved");
  await refused({ event, sign }, another);
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
