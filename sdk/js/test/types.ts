// What a program in TypeScript writes, and what it must not: compiled, never run.
import { APIError, type Balance, PayseraClient, type Token, WalletClient } from "../dist/index.js";

export async function program(token: Token): Promise<string> {
  const client: WalletClient = new PayseraClient({ clientId: "id", macKey: "key", projectId: 1221 });
  const user = client.inProject("1222").asUser(token, (next) => console.log(next.expires_in));
  const balance: Balance = await user.getBalance("me");
  const cents: number | undefined = balance["EUR"]?.at_disposal;
  for await (const statement of user.statements()) console.log(statement.amount_decimal, cents);
  const transaction = await client.createPayment({ payments: [{ price: 100, currency: "EUR" }] });
  const payment = await client.createPayment({ price_decimal: "1.00", currency: "EUR" });
  await client.confirmTransaction(transaction.transaction_key, { [payment.id]: { price: 50, currency: "EUR" } });
  await client.createAllowance({ currency: "EUR", limits: [{ max_price_decimal: "5.00", time: 3600 }], valid: { for: 86400 } });
  const { cash } = await client.payCashOut({ price: 100, currency: "EUR", customer: { qr_code: "1" } });
  const { stats } = await user.getStatistics({ group: "day" });
  const volume: number = stats[0]?.paid.volume ?? 0;
  console.log(cash?.type, volume, (await user.getProjectsOverview()).projects[0]?.today["EUR"]?.refunds.count);
  // @ts-expect-error a transaction asks for an allowance that is new, or for one by its number
  await client.createTransaction({ payments: [], allowance: { optional: true } });
  // @ts-expect-error a customer is named in one of the ways that there are
  await client.payCashIn({ price: 100, currency: "EUR", customer: { name: "Paula" } });
  // @ts-expect-error figures are by day, location or currency
  await user.getStatistics({ group: "week" });
  // @ts-expect-error a price is a number of cents, or decimal text under another name
  await client.createPayment({ price: "1.00", currency: "EUR" });
  // @ts-expect-error only me stands for a user
  await client.getUserProjects("you");
  // @ts-expect-error a grant has to be whole
  await client.requestToken({ grant_type: "password", username: "a" });
  try {
    return (await client.getProject(1)).title;
  } catch (error) {
    if (error instanceof APIError && error.code === "not_found") return error.description;
    throw error;
  }
}
