// The examples of the guide and of the package's README, each run by itself against the sandbox.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import test from "node:test";
import { clientOf, tokenOf } from "./sandbox.mjs";

const sign = (name) => readFileSync(new URL(`../../../testdata/vectors/callback.${name}`, import.meta.url), "utf8");

/** What examples mention and do not make. */
const names = {
  askMyBackEnd: async () => tokenOf(5678),
  publicKeyPEM: sign("pem"),
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

for (const [document, least] of [["../README.md", 1], ["../../../docs/js-sdk.md", 8]]) {
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

async function receives(server, printed, t) {
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.after(() => server.close());
  const post = async (fields) => {
    const body = new URLSearchParams(fields);
    return (await fetch(`http://127.0.0.1:${server.address().port}/`, { method: "POST", body, keepalive: false })).status;
  };
  const signed = { event: sign("event"), sign: sign("sign") };
  assert.equal(await post(signed), 200);
  assert.deepEqual(printed, [["reserved", "9fPQMV4oZOPHwGN04oQQDT5sDpNIknet"]]);
  assert.equal(await post({ ...signed, event: "{}" }), 403);
  server.closeAllConnections();
}

test("the sandbox has the credentials that the guide prints", async () => {
  assert.equal((await clientOf("shop").getClient()).id, 1);
});
