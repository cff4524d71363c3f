import type { Clock } from "./transport.js";
import type { Token } from "./types.js";

/** How a client is made. All of it may be left out for calls that need no signature. */
export interface ClientOptions {
  /**
   * Scheme, host and port of the server, such as `https://wallet.example`. Otherwise the environment variable
   * `PURSER_BASE_URL`, otherwise `http://127.0.0.1:8080`, where `purser dev` answers.
   */
  baseUrl?: string;
  /** The client's MAC id. */
  clientId?: string;
  /**
   * The client's MAC key; otherwise the environment variable `PURSER_MAC_KEY`, so that no configuration file has to
   * hold it. It opens all that the client may do, so it is refused in a browser, where everybody could read it.
   */
  macKey?: string;
  /** A user's token, which then signs instead of the client's key. */
  token?: Token;
  /**
   * Gets the token after one that has expired, for who cannot refresh with the client's key: a browser asks its own
   * back end.
   */
  renewToken?: (expired: Token) => Promise<Token>;
  /** Is told each new token, to store it. The refresh token before it is used up. */
  onToken?: (token: Token) => void | Promise<void>;
  /** The project that calls speak for, unless they name another one themselves. */
  projectId?: number | string;
  /** The place that calls are made at, unless they name another one themselves. */
  locationId?: number | string;
  /** The currency of a {@link Balance}'s `amount` in a wallet of several currencies, or of none. `EUR` unless said otherwise. */
  defaultCurrency?: string;
  /** Milliseconds for each try; 30,000 unless said otherwise. */
  timeout?: number;
  /** Tries after the first one where that is safe; 4 unless said otherwise. */
  retries?: number;
  /** What sends: with a TLS client certificate, for example. Calls without a key then name their project in a header. */
  fetch?: typeof globalThis.fetch;
  /** The machine's time, randomness and patience, for tests. */
  clock?: Clock;
}

/** What one call may say beside its path. */
export interface RequestOptions {
  /** `GET` unless said otherwise. */
  method?: "GET" | "POST" | "PUT" | "DELETE";
  /** `Wallet-Api-Project-Id` and `-Location-Id` go into the signature instead, where there is one. */
  headers?: Record<string, string | number>;
  /** What follows the question mark; lists are joined by commas, undefined is left out. */
  query?: Query;
  /** Sent as JSON. */
  body?: unknown;
  projectId?: number | string;
  locationId?: number | string;
  /** Has a POST or PUT take effect once, in all its repeats; one is made unless given. Give your own to repeat a call later. */
  idempotencyKey?: string;
  /** Says that a DELETE may be repeated when its answer is lost. */
  repeatable?: boolean;
  /** Gives up waiting. Whether the call took effect is not known then. */
  signal?: AbortSignal;
}

/** Parameters of a query. */
export type Query = Record<string, string | number | boolean | readonly (string | number)[] | undefined>;

/** A variable of the environment, where there is one. */
export function environment(name: string): string | undefined {
  const { process } = globalThis as { process?: { env?: Record<string, string | undefined> } };
  return process?.env?.[name] || undefined;
}

/** Whether everybody who opens a page can read what is in memory here. */
export function inBrowser(): boolean {
  const global = globalThis as { document?: unknown; importScripts?: unknown };
  return typeof global.document === "object" || typeof global.importScripts === "function";
}

/** The server's address, which has no path: signatures cover the whole path as the server sees it. */
export function readBase(address: string): URL {
  const url = new URL(address);
  const bare = url.pathname === "/" && !url.search && !url.hash && !url.username && !url.password;
  if (!/^https?:$/.test(url.protocol) || !bare) {
    throw new TypeError("baseUrl is scheme, host and port alone, such as https://wallet.example");
  }
  return url;
}

/** A query with its question mark, or nothing. */
export function writeQuery(query: Query = {}): string {
  const pairs = Object.entries(query)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => `${encodeURIComponent(name)}=${encodeURIComponent(String(value))}`);
  return pairs.length ? "?" + pairs.join("&") : "";
}

/** A part of a path, which leads nowhere else. */
export function segment(value: number | string): string {
  const text = encodeURIComponent(value);
  if (/^\.{0,2}$/.test(text)) throw new TypeError(`${JSON.stringify(value)} is no id`);
  return text;
}
