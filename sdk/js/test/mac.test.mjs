// The signatures of the protocol, against the vectors that every implementation shares.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import test from "node:test";
import { makeExt, makeNonce, Signer } from "../dist/mac.js";

const vectors = (name) => JSON.parse(readFileSync(new URL(`../../../testdata/vectors/${name}`, import.meta.url), "utf8"));
const text = (id) => (id === undefined ? undefined : String(id));
const bytes = (text) => (text ? new TextEncoder().encode(text) : undefined);

test("requests are signed as the published clients sign them", async (t) => {
  for (const v of vectors("client-mac.json")) {
    await t.test(v.name, async () => {
      const { project_id, location_id, ...others } = v.params;
      const request = { method: v.method, url: new URL(v.url), body: bytes(v.body), projectId: text(project_id), locationId: text(location_id) };
      const signer = new Signer({ id: v.id, key: v.key });
      assert.equal(await signer.header(request, v.ts, v.nonce, v.ext), v.authorization);
      // The PHP client puts whatever its caller likes into ext. This one does not.
      if (Object.keys(others).length === 0) assert.equal(await signer.authorization(request, v.ts, v.nonce), v.authorization);
    });
  }
});

test("requests are signed as the documentation prints them", async (t) => {
  for (const v of vectors("documentation-mac.json")) {
    await t.test(v.name, async () => {
      const projectId = /^project_id=(\d+)$/.exec(v.ext)?.[1];
      const request = { method: v.method, url: new URL(`https://${v.host}:${v.port}${v.uri}`), body: bytes(v.body), projectId };
      const header = await new Signer({ id: v.id, key: v.key }).authorization(request, v.ts, v.nonce);
      assert.equal(/ext="([^"]*)"/.exec(header)?.[1] ?? "", v.ext);
      // One MAC of the documentation is another request's.
      assert.equal(header.includes(`mac="${v.mac}"`), v.expect);
    });
  }
});

test("an ext has the body's hash, the context and the idempotency key, in this order", async () => {
  const ext = await makeExt({
    method: "POST",
    url: new URL("http://localhost/"),
    body: bytes("{}"),
    projectId: "1221",
    locationId: "101",
    idempotencyKey: 'a"b\\c&d',
  });
  assert.equal(
    ext,
    "body_hash=RBNvo1WzZ4oRRq0W9%2BhknpT7T8If536DEMBg9hyq%2F4o%3D&project_id=1221&location_id=101&idempotency_key=a%22b%5Cc%26d",
  );
});

test("nonces are of the protocol's alphabet and all different", () => {
  const nonces = Array.from({ length: 1000 }, makeNonce);
  assert.equal(new Set(nonces).size, 1000);
  for (const nonce of nonces) assert.match(nonce, /^[A-Za-z0-9_-]{32}$/);
});
