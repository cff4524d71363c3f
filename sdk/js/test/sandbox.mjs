// The sandbox that run.mjs has started, and the clients of its sample world.
import { readFileSync } from "node:fs";
import { WalletClient } from "purser-wallet";

export const world = JSON.parse(readFileSync(process.env.PURSER_TEST_SANDBOX, "utf8"));
process.env.PURSER_BASE_URL = world.base_url;

/** What a client of the sample world signs with, by its name in docs/sandbox.md. */
export function credentials(name) {
  const { id, mac_key } = world.clients.find((client) => client.name === name);
  return { clientId: id, macKey: mac_key };
}

/** A client of the sample world. */
export function clientOf(name, options = {}) {
  return new WalletClient({ ...credentials(name), ...options });
}

/** The token that a user has given to the shop. */
export function tokenOf(user) {
  return world.tokens.find((token) => token.user === user);
}

/** The shop with a user's token: 1234 is John, who owns the projects, and 5678 Paula, who pays. */
export function userOf(user, options = {}) {
  return clientOf("shop", { ...options, token: tokenOf(user) });
}

/** Has Paula pay, and the shop take the money. */
export async function pay(price, projectId = 1221) {
  const shop = clientOf("shop", { projectId });
  const { transaction_key } = await shop.createTransaction({ payments: [{ description: "Order", price, currency: "EUR" }] });
  await userOf(5678).reserveTransaction(transaction_key);
  return shop.confirmTransaction(transaction_key);
}

/** A clock that waits for nothing, and remembers how long it should have. */
export function patientClock() {
  const waits = [];
  return { waits, now: Date.now, random: () => 0.5, sleep: async (milliseconds) => void waits.push(milliseconds) };
}
