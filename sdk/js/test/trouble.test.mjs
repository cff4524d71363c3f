// Payments through everything that the sandbox's trouble has, in a sandbox that nobody else uses.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "node:test";
import { startServer } from "./server.mjs";

const binary = process.env.PURSER_TEST_BINARY;
const folder = mkdtempSync(join(tmpdir(), "purser-trouble-"));
const { server, manifest } = await startServer(binary, folder);
process.env.PURSER_TEST_SANDBOX = manifest;
const { clientOf, patientClock, userOf } = await import("./sandbox.mjs");

test.after(async () => {
  const ended = new Promise((resolve) => server.on("close", resolve));
  server.kill();
  await ended;
  rmSync(folder, { recursive: true, force: true });
});

function trouble(...words) {
  const said = spawnSync(binary, ["sandbox", "trouble", "shop", ...words, "--json", "--data", folder], { encoding: "utf8" });
  assert.equal(said.status, 0, said.stderr);
  return JSON.parse(said.stdout);
}

test("with trouble at 30 %, payments happen exactly once", async () => {
  const orders = Array.from({ length: Number(process.env.PURSER_TEST_PAYMENTS ?? 60) }, (_, i) => `Order ${i}`);
  const every = String(Math.max(120, orders.length)); // the clock jumps, and tokens end, some four times
  trouble("--rate", "0.3", "--seed", "11", "--every", every, "--hold", "20ms", "--slow", "20ms");
  const options = { retries: 20, clock: patientClock() };
  const shop = clientOf("shop", { ...options, projectId: 1223 });
  const paula = userOf(5678, options);
  const waiting = [...orders];
  const till = async () => {
    for (let description; (description = waiting.shift()) !== undefined; ) {
      const { transaction_key } = await shop.createTransaction({ payments: [{ description, price: 1, currency: "EUR" }] });
      await paula.reserveTransaction(transaction_key);
      assert.equal((await shop.confirmTransaction(transaction_key)).status, "confirmed");
    }
  };
  await Promise.all(Array.from({ length: 8 }, till));

  const { happened } = trouble("off");
  const kinds = ["409", "429", "500-before", "500-after", "502-before", "502-after", "timeout-before", "timeout-after", "slow", "cut", "clock", "expiry"];
  for (const kind of kinds) assert.ok(happened[kind] > 0, `${kind} has not happened: ${JSON.stringify(happened)}`);
  const made = [];
  for await (const { payments, status } of clientOf("shop").transactions({ project_id: 1223 })) made.push(`${payments[0].description} ${status}`);
  assert.deepEqual(made.sort(), orders.map((order) => `${order} confirmed`).sort());
  const { at_disposal, reserved } = (await clientOf("shop").getBalance(14471)).EUR;
  assert.deepEqual([at_disposal, reserved], [100_000 - orders.length, 0]);
});
