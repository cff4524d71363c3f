// `purser conform --listen` hears this SDK out, and finds nothing wrong with how it signs and spells.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import test from "node:test";

const listening = spawn(process.env.PURSER_TEST_BINARY, ["conform", "--listen", "127.0.0.1:0", "--json"], { stdio: ["ignore", "pipe", "pipe"] });
let said = "", report = "";
listening.stdout.on("data", (text) => (report += text));
const ended = new Promise((resolve) => listening.on("close", resolve));
const manifest = new Promise((resolve) => listening.stderr.on("data", (text) => {
  const found = /credentials are in (\S+)\.\n/.exec((said += text));
  if (found) resolve(found[1]);
}));
process.env.PURSER_TEST_SANDBOX = await Promise.race([manifest, ended.then((status) => assert.fail(`it ended with ${status}: ${said}`))]);
const { clientOf, pay } = await import("./sandbox.mjs");

test.after(() => listening.kill());

test("conform finds nothing wrong with this SDK", async () => {
  await pay(100); // as the shop, and with Paula's token
  const shop = clientOf("shop");
  await shop.inProject(1221).atLocation(101).getClientInfo();
  await clientOf("app").createClient({ type: "app_client", info: { device_id: "d-1" } });
  const paula = shop.asUser(await shop.requestToken({
    grant_type: "password", username: "paula@example.com", password: "paulas-password", scope: "balance",
  }));
  await paula.getBalance();
  for await (const place of shop.locations({ lat: 54.6, lng: 25.2, distance: 1000, service: ["cash_in", "pay"] })) assert.equal(place.id, 456);
  for await (const { amount } of shop.statements("me", { limit: 1 })) assert.equal(amount, 100);
  await shop.request("/wallets?id[]=14471&id[]=2112");

  listening.kill("SIGINT");
  assert.equal(await ended, 0, said + report);
  const { requests, refused, mistakes, unknown, dialects, agents } = JSON.parse(report);
  assert.deepEqual({ refused, mistakes, unknown }, { refused: 0, mistakes: undefined, unknown: undefined });
  assert.ok(requests >= 10, report);
  assert.deepEqual(agents.map(({ what }) => what), ["purser-wallet/0.1"]);
  assert.deepEqual(dialects.filter(({ fits }) => fits).map(({ name }) => name), ["walletapi (Go) and purser-wallet (JavaScript)"]);
});
