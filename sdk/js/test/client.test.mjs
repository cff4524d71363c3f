// The client against the sandbox.
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { request } from "node:https";
import { buffer } from "node:stream/consumers";
import { inspect } from "node:util";
import test from "node:test";
import { PayseraClient, WalletClient } from "purser-wallet";
import { answer, scripted } from "./faults.mjs";
import { clientOf, credentials, pay, userOf, world } from "./sandbox.mjs";

const order = { description: "Order 88", price: 2599, currency: "EUR" };
const ext = ({ headers }) => /ext="([^"]*)"/.exec(headers.authorization)?.[1] ?? "";

async function collect(list) {
  const all = [];
  for await (const one of list) all.push(one);
  return all;
}

test("the client has the name of the samples too", () => {
  assert.equal(PayseraClient, WalletClient);
});

test("a client reads itself under both names", async () => {
  const info = await clientOf("two-shops").getClientInfo();
  assert.deepEqual(info, await clientOf("two-shops").getClient());
  assert.equal(info.type, "private_client");
  assert.ok(info.permissions.includes("use_wallet_api"));
});

test("public calls need no credentials", async () => {
  const anybody = new WalletClient();
  const { time } = await anybody.getServer();
  assert.ok(Math.abs(time - Date.now() / 1000) < 60);
  const near = await collect(anybody.locations({ lat: 54.6, lng: 25.2, distance: 1000 }));
  assert.ok(near.some(({ id }) => id === 456));
  await assert.rejects(anybody.getClient(), { code: "unauthorized", status: 401 });
});

test("errors say what, where and by which request", async () => {
  const refused = clientOf("shop").getUser(0);
  await assert.rejects(refused, (error) => {
    assert.equal(error.name, "APIError");
    assert.equal(error.code, "invalid_parameters");
    assert.equal(error.status, 400);
    assert.ok(Object.keys(error.properties).length > 0);
    assert.match(error.requestId, /^[0-9a-f]+$/);
    assert.match(error.message, /^invalid_parameters \(400\): /);
    return true;
  });
  await assert.rejects(clientOf("shop").getProject(1300), { code: "forbidden", status: 403 });
});

test("the project goes into the signature, wherever the call names it", async (t) => {
  const server = await scripted(t, answer(200, {}));
  const client = new WalletClient({ clientId: "id", macKey: "key", baseUrl: server.baseUrl, projectId: 5 });
  const sent = async (call) => {
    await call;
    const request = server.requests.at(-1);
    assert.equal(request.headers["wallet-api-project-id"], undefined);
    assert.equal(request.headers["wallet-api-location-id"], undefined);
    return ext(request).replace(/body_hash=[^&]*&|&?idempotency_key=.*/g, "");
  };
  assert.equal(await sent(client.getClient()), "project_id=5");
  assert.equal(await sent(client.request("/client", { projectId: 6 })), "project_id=6");
  assert.equal(await sent(client.request("client", { headers: { "wallet-api-PROJECT-id": 7, "Wallet-Api-Location-Id": "8" } })), "project_id=7&location_id=8");
  assert.equal(await sent(client.createTransaction({ project_id: 9, location_id: 10, payments: [order] })), "project_id=9&location_id=10");
  assert.equal(server.requests.at(-1).url, "/rest/v1/transaction");
  assert.equal(await sent(client.createPayment({ project_id: 11, ...order })), "project_id=11");
  assert.equal(server.requests.at(-1).url, "/rest/v1/payment");
  assert.equal(await sent(client.createPayment({ project_id: 12, payments: [order] })), "project_id=12");
  assert.equal(server.requests.at(-1).url, "/rest/v1/transaction");
  assert.equal(await sent(client.inProject(13).atLocation(14).getClient()), "project_id=13&location_id=14");
  assert.equal(await sent(client.atLocation(15).inProject(16).createPayment(order)), "project_id=16&location_id=15");
  assert.equal(await sent(client.createPayment({ project_id: null, ...order })), "project_id=5", "null says nothing");
  assert.equal(await sent(client.getClient()), "project_id=5", "a client does not change");
  // A place's project_id is a property of the place.
  assert.equal(await sent(client.request("/location/1", { method: "PUT", body: { project_id: 17 } })), "project_id=5");
});

test("without a signature the project goes into a header, as beside a certificate", async (t) => {
  const server = await scripted(t, answer(200, {}));
  const client = new WalletClient({ baseUrl: server.baseUrl, projectId: 1221 });
  await client.createPayment({ ...order, location_id: 456 });
  const { headers } = server.requests[0];
  assert.equal(headers.authorization, undefined);
  assert.equal(headers["wallet-api-project-id"], "1221");
  assert.equal(headers["wallet-api-location-id"], "456");
  assert.match(headers["idempotency-key"], /^[0-9a-f-]{36}$/);
});

test("a client certificate is its fetch's business", async () => {
  const { certificate, private_key } = world.clients.find(({ name }) => name === "shop");
  const [cert, key, ca] = [certificate, private_key, world.tls_ca].map((file) => readFileSync(file));
  const withCertificate = (url, { method, headers, body }) =>
    new Promise((resolve, reject) => {
      const sent = request(url, { method, headers, cert, key, ca }, async (answered) => {
        resolve(new Response(await buffer(answered), { status: answered.statusCode, headers: answered.headers }));
      });
      sent.on("error", reject);
      sent.end(body ?? undefined);
    });
  const shop = new WalletClient({ baseUrl: world.tls_base_url, fetch: withCertificate });
  assert.equal((await shop.inProject(1222).getWallet()).id, 2113);
  const asked = await shop.createPayment({ project_id: 1223, payments: [order] });
  assert.equal(asked.project_id, 1223);
});

test("a call that contradicts itself is refused, rather than paying another project", async () => {
  const asked = clientOf("shop").createTransaction({ project_id: 1222, payments: [order] }, { projectId: 1221 });
  await assert.rejects(asked, { code: "invalid_parameters" });
});

test("money is asked for, held, taken, and read by both sides", async () => {
  const shop = clientOf("shop");
  const asked = await shop.createTransaction({ payments: [{ ...order, freeze_for: 1 }] });
  assert.equal(asked.status, "new");
  const held = await shop.reserveTransaction(asked.transaction_key, { payer: { phone: "37060005678" }, pin: "5678" });
  assert.equal(held.status, "reserved");
  const [{ id }] = held.payments;
  const taken = await shop.confirmTransaction(asked.transaction_key, { [id]: { price: 1599, currency: "EUR" } });
  assert.equal(taken.status, "confirmed");
  assert.equal(taken.payments[0].price_decimal, "15.99");
  assert.equal((await shop.getPayment(id)).status, "confirmed");
  assert.equal((await shop.cancelPayment(id)).status, "canceled");
  assert.equal((await shop.cancelPayment(id)).status, "canceled", "a repeat says the same");
  const dropped = await shop.createPayment(order);
  assert.equal((await shop.revokeTransaction(dropped.transaction_key)).status, "deleted");
  const statements = await collect(userOf(5678).statements("me", { limit: 1 }));
  assert.ok(statements.some(({ amount, direction }) => amount === 1599 && direction === "in"));
});

test("lists are read page by page, each thing once", async () => {
  const shop = clientOf("shop", { projectId: 123 });
  const made = [];
  for (let i = 0; i < 7; i++) made.push((await shop.createTransaction({ payments: [order] })).transaction_key);
  const keys = (await collect(shop.transactions({ project_id: 123, limit: 3 }))).map((one) => one.transaction_key);
  assert.deepEqual(keys.slice(0, 7), made.toReversed());
  assert.equal(new Set(keys).size, keys.length);
  // What is new meanwhile pushes others to the next page, which shows them again.
  const seen = [];
  for await (const { transaction_key } of shop.transactions({ project_id: 123, limit: 3 })) {
    if (seen.push(transaction_key) === 2) await shop.createTransaction({ payments: [order] });
  }
  assert.deepEqual(seen, keys);
  const everywhere = await collect(new WalletClient().locations());
  const few = await collect(new WalletClient().locations({ limit: 2 }));
  assert.deepEqual(few.map(({ id }) => id), everywhere.map(({ id }) => id));
  assert.ok(few.length > 4);
  const clients = await collect(clientOf("two-shops").clients({ limit: 1 }));
  assert.ok(clients.length >= 4);
  for (let i = 0; i < 3; i++) await pay(1);
  const statements = await collect(userOf(5678).statements("me", { limit: 2 }));
  assert.equal(new Set(statements.map(({ id }) => id)).size, statements.length);
  assert.deepEqual(statements, await collect(userOf(5678).statements()));
  const payments = await collect(shop.payments({ limit: 50 }));
  assert.ok(payments.length >= 7);
});

test("a list is read no further than it is looked at", async (t) => {
  const page = answer(200, { things: [{ id: 1 }, { id: 2 }], _metadata: { total: 4, offset: 0, limit: 2 } });
  const server = await scripted(t, page);
  for await (const { id } of new WalletClient({ baseUrl: server.baseUrl }).list("/things", "things", { limit: 2 })) {
    if (id === 2) break;
  }
  assert.equal(server.requests.length, 1);
});

test("a balance has an amount and a currency beside its currencies", async (t) => {
  const funds = (text) => ({ at_disposal: 1, at_disposal_decimal: text, reserved: 0, reserved_decimal: "0.00" });
  const server = await scripted(t,
    answer(200, { USD: funds("3.50") }),
    answer(200, { USD: funds("3.50"), EUR: funds("2.00") }),
    answer(200, { USD: funds("3.50"), GBP: funds("2.00") }),
    answer(200, {}));
  const read = (options) => new WalletClient({ baseUrl: server.baseUrl, ...options }).getBalance(1);
  const both = ({ amount, currency }) => `${amount} ${currency}`;
  const single = await read();
  assert.equal(both(single), "3.50 USD");
  assert.deepEqual(Object.keys(single), ["USD"]);
  assert.equal(JSON.stringify(single), JSON.stringify({ USD: funds("3.50") }));
  assert.equal(both(await read()), "2.00 EUR");
  assert.equal(both(await read()), "0.00 EUR");
  assert.equal(both(await read()), "0.00 EUR");
  assert.equal(both(await read({ defaultCurrency: "JPY" })), "0 JPY");
  const empty = await clientOf("two-shops").request("/wallet/me/balance", { projectId: 1221, headers: {} });
  assert.match(empty.amount, /^\d+\.\d\d$/);
});

test("a device is registered, and signs for itself", async () => {
  const device = await clientOf("app").createClient({ type: "app_client", info: { device_id: "d-1", os: "Android 15" } });
  const { access_token, mac_key } = device.credentials;
  const itself = await new WalletClient({ clientId: access_token, macKey: mac_key }).getClient();
  assert.equal(itself.id, device.id);
});

test("a path leads to the server it is for, and nowhere above", async () => {
  const shop = clientOf("shop");
  await assert.rejects(shop.getProject("../client"), { name: "APIError" });
  for (const id of ["..", ".", ""]) await assert.rejects(shop.getTransaction(id), TypeError);
  await assert.rejects(shop.request("//evil.example/rest/v1/client"), { code: "not_found" });
  assert.equal((await shop.request("/rest/v1/project/1221")).id, 1221);
  assert.equal((await shop.request("project/1221")).id, 1221);
});

test("a query is added to the one that a path has", async (t) => {
  const server = await scripted(t, answer(200, {}));
  const client = new WalletClient({ baseUrl: server.baseUrl });
  await client.request("/transactions?status=new", { query: { limit: 5, description: "a?b" } });
  await client.request("/transactions?status=new", { query: {} });
  assert.deepEqual(server.requests.map(({ url }) => url), [
    "/rest/v1/transactions?status=new&limit=5&description=a%3Fb", "/rest/v1/transactions?status=new",
  ]);
});

test("an address with a path, a name or another scheme is a mistake", () => {
  for (const baseUrl of ["https://wallet.example/api", "https://me@wallet.example", "ftp://wallet.example", "wallet"]) {
    assert.throws(() => new WalletClient({ baseUrl }), TypeError);
  }
  assert.throws(() => new WalletClient({ macKey: "k" }), /needs the clientId/);
  assert.throws(() => new WalletClient({ clientId: "k" }), /needs a macKey/);
});

test("a key does not show", () => {
  const { clientId, macKey } = credentials("shop");
  const client = new WalletClient({ clientId, macKey, token: world.tokens[0] });
  const shown = inspect(client, { depth: 9, showHidden: true }) + JSON.stringify(client);
  for (const secret of [macKey, world.tokens[0].mac_key, world.tokens[0].refresh_token]) assert.ok(!shown.includes(secret));
});

test("the package depends on nothing", () => {
  const dist = new URL("../dist/", import.meta.url);
  for (const name of readdirSync(dist).filter((name) => name.endsWith(".js"))) {
    const imported = [...readFileSync(new URL(name, dist), "utf8").matchAll(/(?:from|import|require)\s*\(?\s*"([^"]+)"/g)];
    for (const [, from] of imported) assert.match(from, /^\.\//, name);
  }
  const manifest = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8"));
  assert.equal(manifest.dependencies, undefined);
});
