import assert from "node:assert/strict";
import test from "node:test";
import { ProjectCache } from "purser-wallet";
import { clientOf } from "./sandbox.mjs";

/** A source that counts, and fails as often as it is told. */
function counting(failures = 0) {
  const source = {
    calls: 0,
    async getProject(id) {
      source.calls++;
      if (failures-- > 0) throw new Error("no");
      return { id, title: `call ${source.calls}` };
    },
  };
  return source;
}

test("calls at the same time for one project make one request", async () => {
  const source = counting();
  const cache = new ProjectCache(source);
  const titles = await Promise.all(Array.from({ length: 1000 }, async () => (await cache.getProject(1221)).title));
  assert.deepEqual([...new Set(titles)], ["call 1"]);
  await cache.getProject(1222);
  assert.equal(source.calls, 2);
});

test("a project is asked for anew after its time, and when it is invalidated", async () => {
  let now = 0;
  const source = counting();
  const cache = new ProjectCache(source, { ttl: 1000, now: () => now });
  const title = async () => (await cache.getProject(1221)).title;
  assert.equal(await title(), "call 1");
  now = 999;
  assert.equal(await title(), "call 1");
  now = 1000;
  assert.equal(await title(), "call 2");
  cache.invalidate(1222);
  assert.equal(await title(), "call 2");
  cache.invalidate(1221);
  assert.equal(await title(), "call 3");
  cache.invalidate();
  assert.equal(await title(), "call 4");
});

test("an error is not remembered", async () => {
  const cache = new ProjectCache(counting(1));
  await assert.rejects(cache.getProject(1221));
  assert.equal((await cache.getProject(1221)).title, "call 2");
});

test("a client is a source", async () => {
  assert.equal((await new ProjectCache(clientOf("shop")).getProject(1222)).title, "My Second Project");
});
