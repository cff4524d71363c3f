import { APIError, NetworkError, readError } from "./errors.js";
import { makeNonce, type Signed, type Signer } from "./mac.js";

/** The machine's time, randomness and patience: tests replace them. */
export interface Clock {
  /** Milliseconds since 1970. */
  now(): number;
  /** From 0, inclusive, to 1. */
  random(): number;
  /** Waits; rejects with the signal's reason when it is aborted. */
  sleep(milliseconds: number, signal?: AbortSignal): Promise<void>;
}

export const systemClock: Clock = {
  now: Date.now,
  random: Math.random,
  sleep: (milliseconds, signal) =>
    new Promise((resolve, reject) => {
      signal?.throwIfAborted();
      const stop = () => {
        clearTimeout(timer);
        reject(signal?.reason);
      };
      const timer = setTimeout(() => {
        signal?.removeEventListener("abort", stop);
        resolve();
      }, milliseconds);
      signal?.addEventListener("abort", stop, { once: true });
    }),
};

/** One request, whole, however often it is sent. */
export interface Outgoing extends Signed {
  headers: Record<string, string>;
  /** Sending it once more has no second effect. */
  repeatable: boolean;
  /** Its answer is a file, wanted as bytes, and no JSON. */
  file?: boolean;
  signal?: AbortSignal | undefined;
}

/** How requests are sent. */
export interface TransportOptions {
  base: URL;
  fetch: typeof globalThis.fetch;
  clock: Clock;
  /** Milliseconds for one try. */
  timeout: number;
  /** Tries after the first one. */
  retries: number;
}

/** The longest wait before another try, in milliseconds. Who is asked to wait longer gets the error. */
const longestWait = 10_000;
const firstWait = 200;

/** The longest time that a timer can be set to, in milliseconds: 24 days. Anything longer ends at once. */
const longestTimer = 2 ** 31 - 1;

/** Waits for what others wait for too, but no longer than one's own signal lets. */
export function orAborted<T>(what: Promise<T>, signal?: AbortSignal): Promise<T> {
  if (!signal) return what;
  return new Promise((resolve, reject) => {
    const stop = () => reject(signal.reason);
    if (signal.aborted) stop();
    signal.addEventListener("abort", stop, { once: true });
    what.then(resolve, reject).finally(() => signal.removeEventListener("abort", stop));
  });
}

/** Sends requests: signed by the server's clock, each try with a time-out, again where that is safe. */
export class Transport {
  readonly #o: TransportOptions;
  #ahead = 0; // by how many milliseconds the server's clock is ahead of ours
  #asking: Promise<void> | undefined;

  constructor(options: TransportOptions) {
    this.#o = options;
  }

  /** Sends a request until it is answered, and gives the answer's JSON, or the bytes of a file. */
  async send(request: Outgoing, signer: Signer | undefined): Promise<unknown> {
    let asked = false; // for the time, once
    for (let tries = 0; ; ) {
      const ahead = this.#ahead; // as this try is signed
      try {
        return await this.#once(request, signer);
      } catch (error) {
        request.signal?.throwIfAborted();
        if (!asked && error instanceof APIError && error.code === "invalid_timestamp") {
          asked = true;
          try {
            if (this.#ahead === ahead) await orAborted(this.#askForTheTime(), request.signal);
            continue;
          } catch {
            request.signal?.throwIfAborted();
            throw error; // what was refused says more
          }
        }
        const wait = tries < this.#o.retries ? this.#wait(error, request.repeatable, tries) : undefined;
        if (wait === undefined) throw error;
        tries++;
        await this.#o.clock.sleep(wait, request.signal);
      }
    }
  }

  /** For how long to wait before another try; undefined where there must be none. */
  #wait(error: unknown, repeatable: boolean, tries: number): number | undefined {
    const refused = error instanceof APIError;
    const twice = refused && error.code === "unauthorized" && error.description.startsWith("Nonce already used");
    // A 429 says that nothing was done.
    if (!repeatable && !(refused && error.status === 429)) return undefined;
    const passing = refused
      ? twice || [429, 500, 502, 503, 504].includes(error.status) || error.retryAfter !== undefined
      : error instanceof NetworkError;
    if (!passing) return undefined;
    // Anything up to twice as much each time, so that those who failed together do not come back together.
    const ours = this.#o.clock.random() * Math.min(longestWait, firstWait * 2 ** tries);
    const asked = refused ? (error.retryAfter ?? 0) * 1000 : 0;
    return asked > longestWait ? undefined : asked + ours;
  }

  /** Learns how far the server's clock is from ours; calls at the same time ask once. */
  #askForTheTime(): Promise<void> {
    this.#asking ??= (async () => {
      const url = new URL("/rest/v1/server", this.#o.base);
      const before = this.#o.clock.now();
      const answer = (await this.#once({ method: "GET", url, headers: {}, repeatable: true }, undefined)) as { time: number };
      const now = this.#o.clock.now();
      if (!Number.isFinite(answer?.time)) throw new NetworkError("network_error", "The server does not tell the time.");
      this.#ahead = answer.time * 1000 + 500 - (before + now) / 2; // its seconds are cut off
    })().finally(() => (this.#asking = undefined));
    return this.#asking;
  }

  async #once(request: Outgoing, signer: Signer | undefined): Promise<unknown> {
    const headers: Record<string, string> = { ...request.headers };
    if (signer) {
      const ts = Math.floor((this.#o.clock.now() + this.#ahead) / 1000).toString();
      headers["Authorization"] = await signer.authorization(request, ts, makeNonce());
    }
    const { status, answered, bytes } = await this.#exchange(request, headers);
    if (request.file && status === 200) return bytes;
    let body: unknown;
    try {
      body = JSON.parse(new TextDecoder().decode(bytes));
    } catch (cause) {
      if (status === 200) throw new NetworkError("network_error", "The answer is not JSON.", { cause });
    }
    if (status !== 200) throw readError(status, answered, body);
    return body;
  }

  /** One try over the network, the body included. */
  async #exchange(request: Outgoing, headers: Record<string, string>) {
    const stop = new AbortController();
    const abort = () => stop.abort(request.signal?.reason);
    if (request.signal?.aborted) abort();
    request.signal?.addEventListener("abort", abort, { once: true });
    let late = false;
    const timer = setTimeout(() => {
      late = true;
      stop.abort();
    }, Math.min(this.#o.timeout, longestTimer));
    try {
      const answer = await this.#o.fetch(request.url.href, {
        method: request.method,
        headers,
        body: (request.body as BodyInit | undefined) ?? null,
        signal: stop.signal,
        redirect: "manual", // a MAC covers the path: what is signed for one is refused at another
        credentials: "omit",
        cache: "no-store",
      });
      return { status: answer.status, answered: answer.headers, bytes: new Uint8Array(await answer.arrayBuffer()) };
    } catch (cause) {
      request.signal?.throwIfAborted();
      if (late) throw new NetworkError("timeout", `No answer within ${this.#o.timeout} ms.`, { cause });
      throw new NetworkError("network_error", `No answer from ${request.url.host}.`, { cause });
    } finally {
      clearTimeout(timer);
      request.signal?.removeEventListener("abort", abort);
    }
  }
}
