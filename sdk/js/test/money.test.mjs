// Allowances, cash, documents, figures and the log, against the sandbox.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import test from "node:test";
import { WalletClient } from "purser-wallet";
import { answer, scripted } from "./faults.mjs";
import { clientOf, pay, userOf } from "./sandbox.mjs";

const paula = 14471;
const ext = ({ headers }) => /ext="([^"]*)"/.exec(headers.authorization)?.[1].replace(/body_hash=[^&]*&|&?idempotency_key=.*/g, "");

/** A place that is open whenever the tests run. */
async function openPlace(shop, services) {
  const place = { title: "Till", address: "Street 1", status: "active", hours: "24/7", public: false, services };
  return (await shop.request("/project/1222/location", { method: "POST", body: place })).id;
}

test("an allowance is given beside a payment, used without a proof, and ended", async () => {
  const shop = clientOf("two-shops", { projectId: 1222 });
  const made = await shop.createAllowance({
    currency: "EUR", description: "Papers", max_price_decimal: "50.00", limits: [{ max_price: 2000, time: 3600 }], valid: { for: 7200 },
  });
  assert.equal(made.status, "new");
  assert.deepEqual([made.max_price, made.limits, made.valid], [5000, [{ max_price: 2000, time: 3600 }], { for: 7200 }]);
  await assert.rejects(shop.getActiveAllowance(paula), { code: "not_found" });
  const asked = await shop.createTransaction({
    payments: [{ description: "Paper", price: 100, currency: "EUR" }], allowance: { id: made.id, optional: true },
  });
  assert.equal(asked.allowance.data.id, made.id);
  await userOf(5678).reserveTransaction(asked.transaction_key, { accept_allowance: true });
  await shop.confirmTransaction(asked.transaction_key);
  assert.equal((await shop.getActiveAllowance(paula)).id, made.id);
  assert.deepEqual(await shop.getAllowanceLimit(paula, "EUR"), { amount: 2000, amount_decimal: "20.00", currency: "EUR" });
  const next = await shop.createTransaction({ payments: [{ description: "Paper", price: 1500, currency: "EUR" }], auto_confirm: true });
  const taken = await shop.reserveTransaction(next.transaction_key, { wallet_id: paula });
  assert.deepEqual([taken.status, taken.type], ["confirmed", "automatic"]);
  assert.equal((await shop.getAllowanceLimit(paula)).amount_decimal, "5.00");
  for (let i = 0; i < 2; i++) assert.equal((await shop.cancelActiveAllowance(paula)).status, "inactive");
  assert.equal((await shop.cancelAllowance(made.id)).status, "inactive");
  assert.equal((await shop.getAllowance(made.id)).status, "inactive");
});

test("an allowance may be all that a transaction asks for", async () => {
  const shop = clientOf("two-shops", { projectId: 1221 });
  const asked = await shop.createTransaction({ payments: [], allowance: { data: { currency: "EUR", max_price: 500 } } });
  assert.deepEqual(asked.payments, []);
  assert.equal(asked.allowance.data.max_price_decimal, "5.00");
  await shop.revokeTransaction(asked.transaction_key);
  assert.equal((await shop.getAllowance(asked.allowance.data.id)).status, "deleted");
});

test("cash goes out for a code and in for a barcode, and documents are recorded", async () => {
  await pay(5000, 1222); // cash in comes out of the project's wallet
  const shop = clientOf("shop");
  const locationId = await openPlace(shop, {
    cash_in: { available: true, types: ["one_time_bar_code", "contact"] },
    cash_out: { available: true, types: ["qr_code"] },
    identification: { available: true },
  });
  const till = shop.atLocation(locationId);
  const { code } = await userOf(5678).createReserveCode();
  const out = await till.payCashOut({ price: 2000, currency: "EUR", customer: { qr_code: code } });
  assert.deepEqual([out.status, out.cash, out.location_id], ["confirmed", { service: "cash_out", type: "qr_code" }, locationId]);
  const { barcode, expires_at } = await userOf(5678).createOneTimeBarcode();
  assert.ok(expires_at > Date.now() / 1000);
  // The same place, named by the body.
  const cash = { price_decimal: "10.00", currency: "EUR", description: "Savings", customer: { one_time_barcode: barcode }, location_id: locationId };
  const paid = await shop.payCashIn(cash, { idempotencyKey: `receipt-${locationId}` });
  assert.deepEqual([paid.cash.service, paid.payments[0].description], ["cash_in", "Savings"]);
  const again = await shop.payCashIn(cash, { idempotencyKey: `receipt-${locationId}` });
  assert.equal(again.transaction_key, paid.transaction_key, "the till that begins anew pays once");
  assert.equal((await till.sendCashCode({ phone: "37060000078" })).phone, "37060000078");
  const seen = await till.identifyUser(9012, {
    document: { type: "passport", number: "LT 012345" }, identity: { name: "Rita", surname: "Rival", nationality: "lt" }, checked_by: "Ona",
  });
  assert.deepEqual([seen.status, seen.document.number], ["pending", "…45"]);
  assert.deepEqual(await shop.getIdentification(seen.id), seen);
});

test("the place that a body names goes into the signature, where the call is made at one", async (t) => {
  const server = await scripted(t, answer(200, {}));
  const client = new WalletClient({ clientId: "id", macKey: "key", baseUrl: server.baseUrl, locationId: 5 });
  const cash = { price: 1, currency: "EUR", customer: { phone: "1" } };
  const sent = async (call) => (await call, ext(server.requests.at(-1)));
  assert.equal(await sent(client.payCashIn(cash)), "location_id=5");
  assert.equal(await sent(client.payCashIn({ ...cash, location_id: 6 })), "location_id=6");
  assert.equal(await sent(client.payCashOut({ ...cash, location_id: 7 })), "location_id=7");
  assert.equal(await sent(client.identifyUser(1, { location_id: 8 })), "location_id=8");
  assert.equal(await sent(client.createAllowance({ currency: "EUR", max_price: 1, project_id: 9 })), "project_id=9&location_id=5");
});

test("figures are those of a project, or of all of a user's at one moment", async () => {
  await pay(1250, 1223);
  const john = userOf(1234);
  const { stats, _metadata } = await john.inProject(1223).getStatistics({ group: "day", limit: 5 });
  assert.deepEqual([_metadata.project_id, _metadata.group, _metadata.limit], [1223, "day", 5]);
  assert.ok(stats.at(-1).paid.volume >= 1250);
  assert.match(stats.at(-1).day, /^\d{4}-\d\d-\d\d$/);
  const overview = await john.getProjectsOverview();
  assert.deepEqual(overview.projects.map(({ id }) => id), [123, 1221, 1222, 1223]);
  assert.ok(overview.projects[3].today.EUR.paid.count >= 1);
  assert.deepEqual((await john.getProjectsOverview({ offset: 3, limit: 1 })).projects.map(({ id }) => id), [1223]);
});

test("the log is read, and a payment's receipt", async () => {
  const { transaction_key } = await pay(100);
  const anybody = new WalletClient();
  const receipt = await clientOf("shop").getReceipt(transaction_key);
  assert.equal(receipt.transaction_key, transaction_key);
  assert.equal(receipt.leaves.length, 3);
  const [origin, size, root] = (await anybody.getLogCheckpoint()).split("\n");
  assert.equal(origin, "purser/ledger");
  assert.equal((await anybody.getLogKeys()).trim(), receipt.public_keys[0]);
  const grown = await anybody.getLogConsistency(1, Number(size));
  assert.deepEqual([grown.from, grown.to, grown.to_root], [1, Number(size), root]);
  assert.ok((await anybody.getLogConsistency(1)).to >= Number(size));
  assert.equal((await anybody.getLogTile(0, 0, 2)).length, 64);
  await assert.rejects(anybody.getLogTile(9, 1234067), { code: "not_found", status: 404 });
});

test("a tile's address is that of tools for transparency logs", async (t) => {
  const server = await scripted(t, (_, response) => response.end(Buffer.from([255, 0, 254])));
  const anybody = new WalletClient({ baseUrl: server.baseUrl });
  assert.deepEqual([...(await anybody.getLogTile(1, 1234067))], [255, 0, 254], "bytes, not text");
  await anybody.getLogTile(0, 67, 17);
  await anybody.getLogTile(0, 1000);
  assert.deepEqual(server.requests.map(({ url }) => url), ["/log/tile/1/x001/x234/067", "/log/tile/0/067.p/17", "/log/tile/0/x001/000"]);
  assert.equal(server.requests[0].headers.authorization, undefined);
});

test("the codes of errors are the server's, all of them", () => {
  const read = (name) => readFileSync(new URL(name, import.meta.url), "utf8");
  const ours = [...read("../src/errors.ts").matchAll(/^  \| "(\w+)"$/gm)].map(([, code]) => code);
  const theirs = [...read("../../../docs/errors.md").matchAll(/^##.*/gm)].flatMap(([heading]) => [...heading.matchAll(/`(\w+)`/g)].map(([, code]) => code));
  assert.deepEqual(ours.toSorted(), theirs.toSorted());
  assert.ok(ours.length > 30);
});
