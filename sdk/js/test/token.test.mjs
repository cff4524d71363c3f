// Tokens of users: got, shared, refreshed once for all who wait, and ended.
import assert from "node:assert/strict";
import test from "node:test";
import { WalletClient } from "purser-wallet";
import { clientOf, credentials } from "./sandbox.mjs";

const paula = { grant_type: "password", username: "paula@example.com", password: "paulas-password", scope: "balance email" };
const expired = { error: "invalid_grant", error_description: "Token has expired" };

/** A fetch under which some access tokens have expired, and which keeps what is sent. */
function expiring(...tokens) {
  const sent = [];
  const fetch = async (url, init) => {
    sent.push(new URL(url).pathname);
    const [, id] = /MAC id="([^"]+)"/.exec(init.headers.Authorization) ?? [];
    return tokens.includes(id) ? Response.json(expired, { status: 400 }) : globalThis.fetch(url, init);
  };
  const refreshes = () => sent.filter((path) => path === "/oauth/v1/token").length;
  return { fetch, sent, refreshes };
}

test("a token by password opens what the user agreed to, and ends", async () => {
  const shop = clientOf("shop");
  const token = await shop.requestToken(paula);
  const user = shop.asUser(token);
  assert.deepEqual(await user.getUser(), { id: 5678, email: "paula@example.com" });
  assert.equal((await user.getBalance()).currency, "EUR");
  await shop.revokeToken(token.access_token);
  await assert.rejects(user.getUser(), { code: "unauthorized", status: 401 });
});

test("an expired token is refreshed once for all who wait", async () => {
  const token = await clientOf("shop").requestToken(paula);
  const network = expiring(token.access_token);
  const kept = [];
  const user = clientOf("shop", { token, fetch: network.fetch, onToken: (next) => void kept.push(next) });
  const calls = [user, user.inProject(1221), user.atLocation(101)].flatMap((client) =>
    Array.from({ length: 10 }, () => client.getUser()));
  for (const read of await Promise.all(calls)) assert.equal(read.id, 5678);
  assert.equal(network.refreshes(), 1);
  assert.equal(kept.length, 1);
  assert.notEqual(kept[0].access_token, token.access_token);
  assert.notEqual(kept[0].refresh_token, token.refresh_token);
  await user.getUser();
  assert.equal(network.refreshes(), 1);
});

test("a renewal whose answers are lost is the same one when it is asked for again", async () => {
  const token = await clientOf("shop").requestToken(paula);
  const keys = [], given = [], kept = [];
  const fetch = async (url, init) => {
    const authorization = init.headers.Authorization ?? "";
    if (authorization.includes(`id="${token.access_token}"`)) return Response.json(expired, { status: 400 });
    const answered = await globalThis.fetch(url, init);
    if (!url.endsWith("/oauth/v1/token")) return answered;
    keys.push(/idempotency_key=([^"&]+)/.exec(authorization)[1]);
    given.push((await answered.clone().json()).access_token);
    if (keys.length <= 4) throw new TypeError("lost");
    return answered;
  };
  const user = clientOf("shop", { token, fetch, retries: 0, onToken: (next) => void kept.push(next.access_token) });
  for (let i = 0; i < 4; i++) await assert.rejects(user.getUser(), { name: "NetworkError" });
  assert.equal((await user.getUser()).id, 5678);
  assert.equal(new Set(keys).size, 1);
  assert.match(keys[0], /^refresh-[0-9a-f]{64}$/);
  assert.deepEqual(given, Array(5).fill(kept[0]));
});

test("whoever calls may give up while a token is renewed, and leaves it to the others", async () => {
  const token = await clientOf("shop").requestToken(paula);
  const network = expiring(token.access_token);
  const stop = new AbortController();
  let renewed;
  const renewToken = () => (stop.abort(new Error("enough")), new Promise((resolve) => (renewed = resolve)));
  const user = new WalletClient({ token, fetch: network.fetch, renewToken });
  const another = user.getUser();
  await assert.rejects(user.request("/user/me", { signal: stop.signal }), { message: "enough" });
  renewed(await clientOf("shop").requestToken({ grant_type: "refresh_token", refresh_token: token.refresh_token }));
  assert.equal((await another).id, 5678);
});

test("a token that has expired again at once is not refreshed forever", async () => {
  const token = await clientOf("shop").requestToken(paula);
  const fetch = async (url, init) =>
    url.endsWith("/oauth/v1/token") ? globalThis.fetch(url, init) : Response.json(expired, { status: 400 });
  const user = clientOf("shop", { token, fetch });
  await assert.rejects(user.getUser(), { code: "invalid_grant", description: "Token has expired" });
});

test("a session that is over is said to be, to everybody who waits", async () => {
  const token = { ...(await clientOf("shop").requestToken(paula)), refresh_token: "gone" };
  const network = expiring(token.access_token);
  const user = clientOf("shop", { token, fetch: network.fetch });
  const answers = await Promise.allSettled([user.getUser(), user.getUser()]);
  for (const { reason } of answers) {
    assert.equal(reason.code, "invalid_grant");
    assert.equal(reason.description, "No such refresh token");
  }
  assert.equal(network.refreshes(), 1);
});

test("without the client's key the program renews the token itself", async () => {
  const shop = clientOf("shop");
  const token = await shop.requestToken(paula);
  const { fetch } = expiring(token.access_token);
  const plain = new WalletClient({ token, fetch });
  await assert.rejects(plain.getUser(), { code: "invalid_grant" });
  const renewToken = ({ refresh_token }) => shop.requestToken({ grant_type: "refresh_token", refresh_token });
  const page = new WalletClient({ token, fetch, renewToken });
  assert.equal((await page.getUser()).id, 5678);
});

test("what stores one user's tokens is not told another's", async () => {
  const [mine, another] = await Promise.all([1, 2].map(() => clientOf("shop").requestToken(paula)));
  const { fetch } = expiring(mine.access_token, another.access_token);
  const [first, second] = [[], []];
  const user = clientOf("shop", { token: mine, fetch, onToken: (next) => void first.push(next) });
  await user.asUser(another, (next) => void second.push(next)).getUser();
  await user.asUser(second[0]).getUser();
  assert.deepEqual([first.length, second.length], [0, 1]);
  await user.getUser();
  assert.deepEqual([first.length, second.length], [1, 1]);
});

test("in a browser a token signs, and a MAC key is refused", async (t) => {
  const shop = clientOf("shop");
  const token = await shop.requestToken(paula);
  globalThis.document = {};
  t.after(() => delete globalThis.document);
  assert.equal((await new WalletClient({ token }).getUser()).id, 5678);
  assert.throws(() => new WalletClient(credentials("shop")), /must not be used in a browser/);
  assert.throws(() => shop.asUser(token), /must not be used in a browser/);
});
