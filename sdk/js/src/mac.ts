/** What signs requests: the id of a client with its key, or an access token with its own. */
export interface Credentials {
  /** The client's MAC id, or the access token. */
  id: string;
  /** The mac_key, used as the bytes it is written with: it is not decoded from base64. */
  key: string;
}

/** What a request says about itself beside its method and address. */
export interface Signed {
  method: string;
  url: URL;
  /** The very bytes that are sent; undefined where nothing is. */
  body?: Uint8Array | undefined;
  projectId?: string | undefined;
  locationId?: string | undefined;
  idempotencyKey?: string | undefined;
}

const utf8 = new TextEncoder();

/** The parts of WebCrypto that signing needs, or an error that says why they are missing. */
function crypto(): Crypto {
  if (!globalThis.crypto?.subtle) {
    throw new TypeError("There is no WebCrypto here: use Node 20 or later, or open the page by https.");
  }
  return globalThis.crypto;
}

/** Base64 with padding. */
export function base64(bytes: Uint8Array): string {
  let text = "";
  for (const byte of bytes) text += String.fromCharCode(byte);
  return btoa(text);
}

/** A value that is used once: 32 characters of the protocol's alphabet, 192 random bits. */
export function makeNonce(): string {
  return base64(crypto().getRandomValues(new Uint8Array(24))).replaceAll("+", "-").replaceAll("/", "_");
}

/** An idempotency key of its own. */
export function makeKey(): string {
  return crypto().randomUUID();
}

/** An idempotency key that is the same for the same text, which it does not tell. */
export async function hashKey(prefix: string, text: string): Promise<string> {
  const hash = new Uint8Array(await crypto().subtle.digest("SHA-256", utf8.encode(text)));
  return prefix + Array.from(hash, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** The text that a MAC covers: seven elements, each followed by a line feed, the last one too. */
export function normalized(ts: string, nonce: string, method: string, url: URL, ext: string): string {
  const port = url.port || (url.protocol === "http:" ? "80" : "443");
  return [ts, nonce, method, url.pathname + url.search, url.hostname, port, ext].map((part) => part + "\n").join("");
}

/** What stands between the quotes of ext: body_hash first, then the context, then the idempotency key. */
export async function makeExt(request: Signed): Promise<string> {
  const pairs: string[] = [];
  if (request.body?.length) {
    const hash = await crypto().subtle.digest("SHA-256", request.body as BufferSource);
    pairs.push("body_hash=" + encodeURIComponent(base64(new Uint8Array(hash))));
  }
  if (request.projectId) pairs.push("project_id=" + encodeURIComponent(request.projectId));
  if (request.locationId) pairs.push("location_id=" + encodeURIComponent(request.locationId));
  if (request.idempotencyKey) pairs.push("idempotency_key=" + encodeURIComponent(request.idempotencyKey));
  return pairs.join("&");
}

/** Signs requests with one pair of credentials, whose key it imports once. */
export class Signer {
  readonly id: string;
  readonly #key: Promise<CryptoKey>;

  constructor(credentials: Credentials) {
    this.id = credentials.id;
    this.#key = crypto().subtle.importKey(
      "raw",
      utf8.encode(credentials.key),
      { name: "HMAC", hash: "SHA-256" },
      false,
      ["sign"],
    );
    this.#key.catch(() => {}); // it is reported where it is used
  }

  /** The Authorization header of a request at a time, in UNIX seconds, and with a nonce. */
  async authorization(request: Signed, ts: string, nonce: string): Promise<string> {
    return this.header(request, ts, nonce, await makeExt(request));
  }

  /** The same with an ext that is there already. */
  async header({ method, url }: Signed, ts: string, nonce: string, ext: string): Promise<string> {
    const text = utf8.encode(normalized(ts, nonce, method, url, ext));
    const mac = base64(new Uint8Array(await crypto().subtle.sign("HMAC", await this.#key, text)));
    const header = `MAC id="${this.id}", ts="${ts}", nonce="${nonce}", mac="${mac}"`;
    return ext ? `${header}, ext="${ext}"` : header;
  }
}
