// The calls that few programs make, against the sandbox: what they write is read, and what they answer has the form of its type.
import assert from "node:assert/strict";
import test from "node:test";
import { WalletClient } from "purser-wallet";
import { clientOf, userOf, world } from "./sandbox.mjs";

const order = { description: "Order 88", price: 2599, currency: "EUR" };

async function collect(list) {
  const all = [];
  for await (const one of list) all.push(one);
  return all;
}

test("a user is read and found", async () => {
  const [shop, paula] = [clientOf("shop"), userOf(5678)];
  assert.equal(await paula.getUserEmail(), "paula@example.com");
  assert.equal(await paula.getUserPhone(), "37060005678");
  assert.deepEqual(await paula.getConfirmedPhones(), ["37060005678"]);
  assert.equal((await paula.getUserIdentity()).surname, "Payer");
  assert.match((await paula.getUserAddress()).country, /^[a-z]{2}$/);
  assert.ok(Array.isArray(await paula.getUserExposures()));
  assert.deepEqual((await paula.getUserWallets("me", { inactive_included: true })).map(({ id }) => id), [14471]);
  assert.equal((await shop.findUser({ phone: "37060005678" })).id, 5678);
  assert.ok((await shop.resetPassword({ email: "nobody@example.com" })).id > 0, "the answer is the same for nobody");
  await assert.rejects(paula.confirmUserEmail("me", "000000"), { name: "APIError" });
});

test("a wallet is found, described and exchanged", async () => {
  const [shop, paula] = [clientOf("shop"), userOf(5678)];
  assert.equal((await shop.findWallet({ phone: "37060005678" })).id, 14471);
  assert.deepEqual(Object.keys(await shop.findWallets({ email: ["paula@example.com", "nobody@example.com"] })), ["paula@example.com"]);
  assert.equal((await shop.getWalletBarcode({ wallet_id: 14471 })).barcode.slice(0, 3), "EVP");
  assert.equal(await paula.hasFunds("me", 1, "EUR"), true);
  assert.equal(await paula.hasFunds("me", 99_999_999, "EUR"), false);
  assert.match((await paula.getBalanceReceipt("me", { locale: "en", width: 40 })).text, /\n/);
  const worth = await paula.calculateConversion({ from_currency: "EUR", to_currency: "USD", from_amount: 1000 });
  assert.match(worth.to_amount_decimal, /^10\.8[78]$/);
  const { account_number } = world.wallets.find(({ id }) => id === 14471);
  const made = await paula.convertCurrency({ from_currency: "EUR", to_currency: "USD", from_amount_decimal: "1.00", account_number });
  assert.ok(made.id > 0 && made.date > 0);
  assert.ok((await new WalletClient().getConfiguration()).minimum_password_length > 0);
  assert.ok((await shop.getCurrencies()).includes("EUR"));
});

test("a payment is frozen and finalized, and seen on its way", async () => {
  const [shop, paula] = [clientOf("shop"), userOf(5678)];
  const { transaction_key, payments: [{ id }] } = await shop.createTransaction({ payments: [{ ...order, freeze_for: 1 }] });
  assert.ok((await shop.getTransactionTypes(transaction_key, 14471)).length > 0);
  const asked = await shop.requestTransaction(transaction_key, { email: "paula@example.com" });
  assert.deepEqual([asked.transaction_key, asked.email], [transaction_key, "paula@example.com"]);
  assert.equal((await shop.sendFlash(transaction_key, { wallet_id: 14471 })).status, "waiting");
  await paula.reserveTransaction(transaction_key);
  assert.ok((await collect(paula.reservationStatements("me", { limit: 50 }))).some(({ amount }) => amount === 2599));
  assert.ok((await collect(paula.pendingPayments())).some((one) => one.transaction_key === transaction_key));
  await shop.confirmTransaction(transaction_key);
  const until = Math.floor(Date.now() / 1000) + 7200;
  assert.equal((await shop.freezePayment(id, { freeze: { until } })).freeze_until, until);
  assert.equal((await shop.finalizePayment(id, { price: 2000, currency: "EUR" })).price, 2000);
  assert.ok((await shop.getPaymentIds({ wallet: 14471 })).includes(id));
});

test("a place is written, and its spots are ordered at", async () => {
  const [shop, paula] = [clientOf("shop"), userOf(5678)];
  const made = await shop.createLocation(1222, { locale: "en", title: { en: "Shop", lt: "Parduotuvė" }, address: "Street 2", timezone: "Europe/Vilnius", public: false });
  assert.equal((await shop.getLocation(made.id, { locale: "lt" })).title, "Parduotuvė");
  assert.equal((await shop.updateLocation(made.id, { hours: "24/7" })).open_now, true);
  assert.ok((await shop.getClientLocations()).some(({ id }) => id === made.id));
  assert.equal((await new WalletClient().getPayCategories({ locale: "lt" }))[0].title, "Maistas");
  const table = await paula.findSpot("PAYSERA*106:TABLE2");
  assert.equal((await paula.checkIn(table.id)).status, "waiting");
  const { transaction_key } = await shop.createTransaction({ payments: [order] });
  assert.equal((await shop.orderAtSpot(table.id, { transaction_key })).status, "pending");
  const seen = await paula.getSpot(table.id, { fields: "orders.transaction" });
  assert.equal(seen.orders[0].transaction.transaction_key, transaction_key);
  assert.equal((await collect(shop.spots({ location_id: 106, limit: 2 }))).length, 3);
  await paula.checkOut(table.id);
  assert.equal((await shop.closeSpot(table.id)).status, "closed");
});

test("clients, refusals and administrators are looked after", async () => {
  const [shop, app] = [clientOf("shop"), clientOf("app")];
  const device = await app.createClient({ type: "app_client", info: { device_id: "d-2" } });
  assert.equal((await app.updateClient(device.id, { info: { device_id: "d-3" } })).id, device.id);
  assert.deepEqual((await collect(shop.clients({ project_id: 1221, "info[device_id]": "d-3" }))).map(({ id }) => id), [device.id]);
  assert.equal((await shop.getOtherClient(device.id)).id, device.id);
  assert.equal((await shop.getClientStatus(device.id)).status, "active");
  assert.deepEqual((await shop.getPermissionsToWallets(1)).map(({ wallet }) => wallet.id), [14471]);
  const { requestId } = await clientOf("second-shop").getProject(1221).catch((error) => error);
  const refusal = await shop.getRefusal(requestId);
  assert.deepEqual([refusal.request_id, refusal.error], [requestId, "forbidden"]);
  assert.ok(refusal.rules.length > 0 && refusal.needs.length > 0);
  await assert.rejects(userOf(1234).inviteAdministrator(1300, { email: "rita@example.com" }), { code: "forbidden" });
});

test("a refreshed token is activated by the client that asked for it, and a session is prepared", async () => {
  const device = clientOf("device");
  const token = await device.requestToken({ grant_type: "password", username: "paula@example.com", password: "paulas-password", scope: "balance" });
  const next = await device.requestToken({ grant_type: "refresh_token_with_activation", refresh_token: token.refresh_token });
  assert.equal((await device.activateToken(next.access_token)).access_token, next.access_token);
  assert.ok(Object.keys(await device.asUser(next).getBalance()).includes("EUR"));
  const session = await clientOf("shop").prepareSession({ client_id: "wkVd93h2uS", redirect_uri: "http://localhost/", scope: "balance" });
  assert.ok(session.key.length > 0);
});
