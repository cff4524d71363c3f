import type { Balance } from "./types.js";

/** How much one unit of a currency is worth nothing: "0.00", and "0" for yen. */
function zero(currency: string): string {
  let digits = 2;
  try {
    const format = new Intl.NumberFormat("en", { style: "currency", currency });
    digits = Math.min(2, format.resolvedOptions().maximumFractionDigits ?? 2); // the wire has no thousandths
  } catch {
    // a code that Intl refuses has the usual two
  }
  return digits === 0 ? "0" : "0." + "0".repeat(digits);
}

/**
 * Gives a balance the getters `amount` and `currency` that the documentation's samples read: for the one currency in
 * it, or else for the client's default one. They are not enumerable, so that the balance stays a map of currencies.
 */
export function withAmount(balance: Balance, defaultCurrency: string): Balance {
  const currency = (): string => {
    const held = Object.keys(balance);
    return held.length === 1 ? held[0]! : defaultCurrency;
  };
  Object.defineProperties(balance, {
    currency: { get: currency },
    amount: { get: () => balance[currency()]?.at_disposal_decimal ?? zero(currency()) },
  });
  return balance;
}
