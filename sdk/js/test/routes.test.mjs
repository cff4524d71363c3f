// Every call of the API's reference has a method: all methods are called, and what arrives is held against the reference.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import test from "node:test";
import { WalletClient } from "purser-wallet";
import { answer, scripted } from "./faults.mjs";

/** The reference's calls, as "GET /rest/v1/project/{id}". */
function reference() {
  const calls = [];
  let path;
  for (const [, found, method] of readFileSync(new URL("../../../api/openapi.yaml", import.meta.url), "utf8").matchAll(/^  (\/\S+):$|^    (get|post|put|delete):$/gm)) {
    if (found) path = found;
    else calls.push(`${method.toUpperCase()} ${path}`);
  }
  return calls;
}

/** What there is beside it and that is no JSON. */
const files = ["GET /publickey", "GET /log/checkpoint", "GET /log/keys", "GET /log/tile/{level}/{number}"];

/** Calls that do what another one does, under another method. */
const twins = ["PUT /rest/v1/user/{user}/email", "PUT /rest/v1/user/{user}/phone"];

/** What a method is given that a number for each parameter is not enough for. */
const payment = { price: 1, currency: "EUR" };
const given = {
  createPayment: [[payment]],
  createTransaction: [[{ payments: [payment] }]],
  reserveTransaction: [["key"], ["key", { pin: "1", wallet_id: 1 }]],
};

const names = [WalletClient.prototype, Object.getPrototypeOf(WalletClient.prototype)].flatMap(Object.getOwnPropertyNames);

test("every call of the reference has a method", async (t) => {
  const calls = [...reference(), ...files];
  assert.ok(calls.length > 90);
  const server = await scripted(t, answer(200, {}));
  const client = new WalletClient({ baseUrl: server.baseUrl, clientId: "id", macKey: "key" });
  for (const name of names.filter((name) => !["constructor", "request", "list", "inProject", "atLocation", "asUser", "verifyCallback"].includes(name))) {
    for (const values of given[name] ?? [Array(client[name].length).fill(1)]) {
      const before = server.requests.length;
      const called = client[name](...values);
      await (called[Symbol.asyncIterator] ? called.next() : called);
      assert.equal(server.requests.length, before + 1, `${name} makes one call`);
    }
  }
  const fewest = (call) => call.split("{").length;
  const patterns = calls.toSorted((a, b) => fewest(a) - fewest(b)).map((call) => [call, new RegExp(`^${call.replace(/\{\w+\}/g, "[^/]+")}$`)]);
  const called = new Set();
  for (const { method, url } of server.requests) {
    const path = `${method} ${url.replace(/\?.*/, "")}`;
    const [call] = patterns.find(([, pattern]) => pattern.test(path)) ?? [];
    assert.ok(call, `${path} is in the reference`);
    called.add(call);
  }
  assert.deepEqual(calls.filter((call) => !called.has(call) && !twins.includes(call)), []);
});
