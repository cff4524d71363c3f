import { SignatureError } from "./errors.js";
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
 * transaction, or remember what was handled.
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
    const key = await crypto.subtle.importKey("spki", der, algorithm, false, ["verify"]);
    if (signature && (await crypto.subtle.verify(algorithm, key, signature, text))) {
      return JSON.parse(event) as CallbackEvent;
    }
  }
  throw new SignatureError("The callback is not signed with the server's key.");
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
