// The examples of the guide and of the package's README, each run by itself against the sandbox.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import test from "node:test";
import { clientOf, tokenOf, userOf } from "./sandbox.mjs";

/** What examples mention and do not make. */
const names = {
  askMyBackEnd: async (path) => tokenOf(path.endsWith("/john") ? 1234 : 5678),
  load: (name) => import(name),
};

/** An example as the body of a function, which can have no import declarations. */
function body(example) {
  return example.replace(/^import (\{[^}]*\}) from ("[^"]*");$/gm, "const $1 = await load($2);");
}

/** Runs an example, and gives what it prints and the server that it makes. */
async function run(example) {
  const printed = [];
  const console = { log: (...values) => void printed.push(values) };
  const AsyncFunction = run.constructor;
  const all = { ...names, console };
  const program = `${body(example)}\nreturn typeof server === "undefined" ? undefined : server;`;
  return { printed, server: await new AsyncFunction(...Object.keys(all), program)(...Object.values(all)) };
}

for (const [document, least] of [["../README.md", 1], ["../../../docs/js-sdk.md", 11]]) {
  const text = readFileSync(new URL(document, import.meta.url), "utf8");
  const examples = [...text.matchAll(/^(?:#+ ([^\n]*)|```js\n(.*?)^```)$/gms)];
  let heading = document;
  let count = 0;
  for (const [, title, example] of examples) {
    if (title) heading = title;
    if (!example) continue;
    count++;
    test(`the example of "${heading}"`, async (t) => {
      const { printed, server } = await run(example);
      if (server) return await receives(server, printed, t);
      for (const value of printed.flat()) assert.notEqual(value, undefined);
    });
  }
  test(`${document} has examples`, () => assert.ok(count >= least, `${count}`));
}

/** Has the sandbox send a callback to a server, and a stranger another one. */
async function receives(server, printed, t) {
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.after(() => server.close());
  const address = `http://127.0.0.1:${server.address().port}/`;
  const taken = new Promise((resolve) => server.on("request", (_, response) => response.on("finish", () => resolve(response.statusCode))));
  const shop = clientOf("two-shops", { projectId: 1221 }); // another than the one that Paula's token is of: that one knows
  const payments = [{ description: "Order", price: 100, currency: "EUR" }];
  const { transaction_key } = await shop.createTransaction({ payments, callback_uri: address });
  await userOf(5678).reserveTransaction(transaction_key);
  assert.equal(await taken, 200);
  assert.deepEqual(printed, [["reserved", transaction_key]]);
  const body = new URLSearchParams({ event: "{}", sign: "c2lnbmVk" });
  assert.equal((await fetch(address, { method: "POST", body })).status, 403);
  server.closeAllConnections();
}

test("the sandbox has the credentials that the guide prints", async () => {
  assert.equal((await clientOf("shop").getClient()).id, 1);
});
