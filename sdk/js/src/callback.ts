import { NetworkError, SignatureError } from "./errors.js";
import type { Transaction } from "./types.js";

/** What a callback tells of: that a transaction has become what `type` says. */
export interface CallbackEvent {
  /** `reserved`, `confirmed`, `rejected`, `failed`, … Acknowledge those that you do not know, and pass them over. */
  type: string;
  /** `transaction`; of any other, `data` is another thing. */
  object: string;
  data: Transaction;
}

/** A callback's form: its body as text, or parsed. */
export type CallbackForm = string | URLSearchParams | { event?: unknown; sign?: unknown };

/**
 * Checks that a callback was signed by the server, and reads it.
 *
 * The same event may come more than once and in another order: before acting on it, look up what became of the
 * transaction, or remember what was handled by the text of `event`: the `Purser-Event-Id` beside it is not signed.
 *
 * @param form - the request's body, `event=…&sign=…`, as text or parsed
 * @param publicKeyPEM - the server's public key; several, one after another, while it changes keys
 * @throws {@link SignatureError} for what is not signed with one of the keys
 */
export async function verifyCallback(form: CallbackForm, publicKeyPEM: string): Promise<CallbackEvent> {
  const fields = typeof form === "string" ? new URLSearchParams(form) : form;
  const [event, sign] = fields instanceof URLSearchParams
    ? [fields.get("event"), fields.get("sign")]
    : [fields.event, fields.sign];
  if (typeof event !== "string" || typeof sign !== "string") {
    throw new SignatureError("The callback has no event or no sign.");
  }
  const keys = publicKeys(publicKeyPEM);
  if (keys.length === 0) throw new TypeError("publicKeyPEM holds no -----BEGIN PUBLIC KEY-----.");
  const signature = bytes(sign);
  // Over the very bytes that came: an event that was parsed and written again is another one.
  const text = new TextEncoder().encode(event);
  for (const der of keys) {
    const algorithm = { name: "RSASSA-PKCS1-v1_5", hash: "SHA-256" };
    const key = await crypto.subtle.importKey("spki", der, algorithm, false, ["verify"]).catch(() => undefined);
    if (key && signature && (await crypto.subtle.verify(algorithm, key, signature, text))) { // no key: of another kind
      return JSON.parse(event) as CallbackEvent;
    }
  }
  throw new SignatureError("The callback is not signed with the server's key.");
}

/** For how many milliseconds keys are kept, and after how many they are asked for again when a signature matches none. */
const [keysFor, keysAgain] = [3_600_000, 60_000];

/** The public keys of a server, as they are now. Calls at the same time ask once. */
export class PublicKeys {
  readonly #ask: () => Promise<string>;
  readonly #now: () => number;
  #pem = "";
  #at = -Infinity;
  #asking: Promise<void> | undefined;

  /**
   * @param ask - asks the server
   * @param now - the clock, in milliseconds
   */
  constructor(ask: () => Promise<string>, now: () => number) {
    this.#ask = ask;
    this.#now = now;
  }

  /** Does what {@link verifyCallback} does, by the keys that are known or, where none of them fits, by those that there are now. */
  async verify(form: CallbackForm): Promise<CallbackEvent> {
    const known = await this.#keys(keysFor);
    try {
      return await verifyCallback(form, known);
    } catch (error) {
      const fresh = error instanceof SignatureError ? await this.#keys(keysAgain) : known;
      if (fresh === known) throw error;
      return verifyCallback(form, fresh);
    }
  }

  /** Keys that are no older than that, unless they cannot be had: older ones are better than none. */
  async #keys(age: number): Promise<string> {
    if (this.#now() - this.#at < age) return this.#pem;
    this.#asking ??= this.#fetch().finally(() => (this.#asking = undefined));
    await this.#asking;
    return this.#pem;
  }

  async #fetch(): Promise<void> {
    try {
      const pem = await this.#ask();
      if (publicKeys(pem).length === 0) throw new NetworkError("network_error", "What the server answers for its public key is none.");
      this.#pem = pem;
    } catch (error) {
      if (!this.#pem) throw error;
    }
    this.#at = this.#now(); // also when there was no answer: the server is left alone for a while
  }
}

/** Decodes base64; undefined for what is none. */
function bytes(text: string): Uint8Array<ArrayBuffer> | undefined {
  try {
    return Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
  } catch {
    return undefined;
  }
}

/** The keys of a PEM text, as DER. */
function publicKeys(pem: string): Uint8Array<ArrayBuffer>[] {
  const blocks = pem.matchAll(/-----BEGIN PUBLIC KEY-----([\sA-Za-z0-9+/=]*)-----END PUBLIC KEY-----/g);
  return [...blocks].map((block) => bytes(block[1] ?? "")).filter((der) => der !== undefined);
}
