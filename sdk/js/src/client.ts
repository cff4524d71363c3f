import { withAmount } from "./balance.js";
import { type CallbackEvent, type CallbackForm, PublicKeys } from "./callback.js";
import { Calls } from "./calls.js";
import { hashKey, makeKey, Signer } from "./mac.js";
import {
  type ClientOptions,
  environment,
  inBrowser,
  type Query,
  readBase,
  type RequestOptions,
  segment,
  writeQuery,
} from "./options.js";
import { Session } from "./session.js";
import { systemClock, Transport } from "./transport.js";
import type { Balance, Grant, Session as SessionKey, SessionRequest, Token } from "./types.js";

/** Names this SDK to the server. */
const userAgent = "purser-wallet/0.1";

/** Where the body may name the project and the place. */
const namesContext = /^\/rest\/v1\/(transaction|payment|allowance|cash\/(in|out|code)|user\/[^/]+\/identification-request)$/;

const isBalance = /^\/rest\/v1\/wallet\/[^/]+\/balance$/;

/**
 * Calls a Wallet API server as a client, or as a user whose token a client holds.
 *
 * Calls are signed by the server's clock. What fails on the way is tried again where that is safe: reading, and writing
 * under an idempotency key, which each POST and PUT is given. An expired token is refreshed once for all who wait.
 * Answers are the server's JSON; errors are {@link APIError}, or {@link NetworkError} when there was no answer.
 *
 * A client does not change. {@link inProject}, {@link atLocation} and {@link asUser} make others, which share its clock
 * and, but for the last, its token.
 *
 * @example
 * ```js
 * const shop = new WalletClient({ baseUrl: "https://wallet.example", clientId, macKey });
 * const order = await shop.createTransaction({ payments: [{ description: "Order 88", price: 2599, currency: "EUR" }] });
 * ```
 */
export class WalletClient extends Calls {
  readonly #options: ClientOptions;
  readonly #base: URL;
  readonly #signer: Signer | undefined;
  #transport: Transport;
  #keys: PublicKeys;
  #session: Session | undefined;

  constructor(options: ClientOptions = {}) {
    super();
    this.#options = { ...options };
    this.#base = readBase(options.baseUrl ?? environment("PURSER_BASE_URL") ?? "http://127.0.0.1:8080");
    this.#transport = new Transport({
      base: this.#base,
      fetch: options.fetch ?? ((input, init) => globalThis.fetch(input, init)),
      clock: options.clock ?? systemClock,
      timeout: options.timeout ?? 30_000,
      retries: options.retries ?? 4,
    });
    this.#keys = new PublicKeys(() => this.getPublicKeys(), () => (options.clock ?? systemClock).now());
    this.#signer = makeSigner(options);
    if (options.token) {
      const renew = options.renewToken ?? (this.#signer && ((token: Token) => this.#refresh(token)));
      this.#session = new Session(options.token, renew, options.onToken);
    }
  }

  /** The same client, speaking for a project. */
  inProject(id: number | string): WalletClient {
    return this.#derive({ projectId: id });
  }

  /** The same client, at a place. Without a project it speaks for the place's. */
  atLocation(id: number | string): WalletClient {
    return this.#derive({ locationId: id });
  }

  /** The same client with a user's token, which signs its calls. `onToken` is told the tokens that come after it. */
  asUser(token: Token, onToken?: (token: Token) => void | Promise<void>): WalletClient {
    // What renews and stores this client's own token is not for another one.
    const user = new WalletClient({ ...this.#options, token, onToken, renewToken: undefined });
    user.#share(this);
    return user;
  }

  #derive(change: ClientOptions): WalletClient {
    const derived = new WalletClient({ ...this.#options, ...change });
    derived.#share(this);
    derived.#session = this.#session;
    return derived;
  }

  /** Goes on with what another client has learned of the same server. */
  #share(other: WalletClient): void {
    this.#transport = other.#transport;
    this.#keys = other.#keys;
  }

  /**
   * Any call, also one that this SDK has no method for.
   *
   * @param path - below `/rest/v1`, such as `/wallet/me/balance`, or whole, beginning with `/rest/` or `/oauth/`
   * @returns the answer's JSON
   */
  override async request<T = any>(path: string, options: RequestOptions = {}): Promise<T> {
    return (await this.#call(path, options, this.#session)) as T;
  }

  async #call(path: string, options: RequestOptions, session: Session | undefined): Promise<unknown> {
    const request = this.#outgoing(path, options, session !== undefined || this.#signer !== undefined);
    const send = (signer: Signer | undefined) => this.#transport.send(request, signer);
    const answer = await (session ? session.send(send, options.signal) : send(this.#signer));
    if (request.method === "GET" && isBalance.test(request.url.pathname)) {
      return withAmount(answer as Balance, this.#options.defaultCurrency ?? "EUR");
    }
    return answer;
  }

  /** A file that is open to everybody. */
  async #file(path: string): Promise<Uint8Array> {
    const headers: Record<string, string> = inBrowser() ? {} : { "User-Agent": userAgent };
    const request = { method: "GET", url: new URL(path, this.#base), headers, repeatable: true, file: true };
    return (await this.#transport.send(request, undefined)) as Uint8Array;
  }

  /** Puts a request together: what says in whose name it is goes into ext, or into headers where nothing is signed. */
  #outgoing(path: string, options: RequestOptions, signed: boolean) {
    const method = options.method ?? "GET";
    const whole = /^\/(rest|oauth)\//.test(path) ? path : "/rest/v1" + (path.startsWith("/") ? path : "/" + path);
    const query = writeQuery(options.query);
    const url = new URL(whole + (whole.includes("?") ? query.replace("?", "&") : query), this.#base);
    if (url.origin !== this.#base.origin) throw new TypeError("a path does not lead to another host");
    const headers: Record<string, string> = {};
    const named: Record<string, string> = {};
    let given = ""; // the key, where it was said in a header
    for (const [name, value] of Object.entries(options.headers ?? {})) {
      if (/^idempotency-key$/i.test(name)) {
        given = String(value);
        continue;
      }
      const context = /^wallet-api-(project|location)-id$/i.exec(name)?.[1]?.toLowerCase();
      (context ? named : headers)[context ?? name] = String(value);
    }
    const body = (namesContext.test(url.pathname) && options.body ? options.body : {}) as Record<string, unknown>;
    const said = (...values: unknown[]) => values.find((value) => value !== undefined && value !== null && value !== "");
    const projectId = said(options.projectId, named["project"], body["project_id"], this.#options.projectId);
    const locationId = said(options.locationId, named["location"], body["location_id"], this.#options.locationId);
    const writes = method === "POST" || method === "PUT";
    const context = {
      projectId: projectId === undefined ? undefined : String(projectId),
      locationId: locationId === undefined ? undefined : String(locationId),
      idempotencyKey: writes ? (options.idempotencyKey || given || makeKey()) : undefined,
    };
    if (!inBrowser()) headers["User-Agent"] ??= userAgent;
    if (options.body !== undefined) headers["Content-Type"] = "application/json";
    if (!signed) {
      if (context.projectId) headers["Wallet-Api-Project-Id"] = context.projectId;
      if (context.locationId) headers["Wallet-Api-Location-Id"] = context.locationId;
      if (context.idempotencyKey) headers["Idempotency-Key"] = context.idempotencyKey;
    }
    return {
      ...context,
      method,
      url,
      headers,
      body: options.body === undefined ? undefined : new TextEncoder().encode(JSON.stringify(options.body)),
      repeatable: method === "GET" || writes || options.repeatable === true,
      signal: options.signal,
    };
  }

  /**
   * A list of the server's, page by page, read as far as it is looked at.
   *
   * @param path - of the list, such as `/spots`
   * @param key - under which the answer has the list, such as `spots`
   * @param query - filters, and `limit`: how many to read at a time
   */
  override async *list<T = any>(path: string, key: string, query: Query = {}): AsyncGenerator<T, void, undefined> {
    let next: Query | undefined = { limit: 200, ...query };
    let before = new Set<unknown>(); // what the last page had: things that are new push others to the next page
    while (next) {
      const page = (await this.request(path, { query: next })) as Record<string, any>;
      const items = (page[key] ?? []) as T[];
      const ids = new Set<unknown>();
      for (const item of items) {
        const { transaction_key, id = transaction_key } = item as { id?: unknown; transaction_key?: unknown };
        ids.add(id);
        if (id === undefined || !before.has(id)) yield item;
      }
      before = ids;
      next = nextPage(next, page["_metadata"] ?? {}, items.length);
    }
  }

  // --- Callbacks, and what lets others check the ledger ---

  /** The keys that callbacks are signed with, as PEM, the newest first. */
  async getPublicKeys(): Promise<string> {
    return new TextDecoder().decode(await this.#file("/publickey"));
  }

  /**
   * Checks that a callback was signed by this client's server, and reads it, as the function `verifyCallback` does for keys
   * that are at hand. Keys are fetched when they are needed, kept for an hour, and fetched anew, once a minute at most, when
   * a signature matches none of them.
   *
   * @throws {@link SignatureError} for what is not signed with one of the keys
   */
  async verifyCallback(form: CallbackForm): Promise<CallbackEvent> {
    return this.#keys.verify(form);
  }

  /** The newest size and root of the log, as a signed note. */
  async getLogCheckpoint(): Promise<string> {
    return new TextDecoder().decode(await this.#file("/log/checkpoint"));
  }

  /** The keys that sign checkpoints, the newest first, one in a line. Keep them: whoever asks each time believes the server. */
  async getLogKeys(): Promise<string> {
    return new TextDecoder().decode(await this.#file("/log/keys"));
  }

  /** The hashes of a tile, 32 bytes each: the first `width` of them, all 256 unless said otherwise. */
  async getLogTile(level: number, number: number, width = 256): Promise<Uint8Array> {
    const parts = String(number).padStart(3 * Math.ceil(String(number).length / 3), "0").match(/\d{3}/g) ?? [];
    const path = parts.map((part, i) => (i < parts.length - 1 ? "x" : "") + part).join("/");
    return this.#file(`/log/tile/${segment(level)}/${path}${width < 256 ? `.p/${segment(width)}` : ""}`);
  }

  // --- Tokens ---

  /**
   * Asks for a user's token, by the client's own credentials: with the code that the user's browser brought back, with
   * a password, or with a refresh token. {@link asUser} takes it.
   */
  async requestToken(grant: Grant): Promise<Token> {
    const token = await this.#call("/oauth/v1/token", { method: "POST", body: grant }, undefined);
    return token as Token;
  }

  /** Ends a token, and all that came of the same consent. */
  async revokeToken(accessToken: string): Promise<void> {
    const query = { access_token: accessToken };
    await this.#call("/oauth/v1/token", { method: "DELETE", query, repeatable: true }, undefined);
  }

  /** Takes a token into use that was asked for with `refresh_token_with_activation`. */
  async activateToken(accessToken: string): Promise<Token> {
    return (await this.#call(`/oauth/v1/tokens/${segment(accessToken)}/activate`, { method: "PUT" }, undefined)) as Token;
  }

  /** Says what a user is to agree to before the browser is sent to the pages, with the key of the answer. */
  async prepareSession(asked: SessionRequest): Promise<SessionKey> {
    const body = { response_type: "code", ...asked };
    return (await this.#call("/oauth/v1/session", { method: "POST", body }, undefined)) as SessionKey;
  }

  async #refresh(token: Token): Promise<Token> {
    const refresh_token = token.refresh_token ?? "";
    // A key that is the same also after this call has given up: the server replays the pair whose answer was lost.
    const idempotencyKey = await hashKey("refresh-", refresh_token);
    const body = { grant_type: "refresh_token", refresh_token };
    const next = await this.#call("/oauth/v1/token", { method: "POST", body, idempotencyKey }, undefined);
    return { ...token, ...(next as Token) };
  }
}

/** What signs a client's own calls; nothing where it has no credentials. */
function makeSigner({ clientId, macKey, token }: ClientOptions): Signer | undefined {
  if (macKey && inBrowser()) {
    throw new TypeError("A MAC key must not be used in a browser, where everybody can read it: use a user's token.");
  }
  if (!clientId) {
    if (macKey) throw new TypeError("macKey needs the clientId that it belongs to.");
    return undefined;
  }
  const key = macKey ?? environment("PURSER_MAC_KEY");
  if (key) return new Signer({ id: clientId, key });
  if (!token) throw new TypeError("clientId needs a macKey: give it, or set PURSER_MAC_KEY.");
  return undefined;
}

/** The query of the page after one; undefined after the last. */
function nextPage(query: Query, metadata: Record<string, any>, length: number): Query | undefined {
  const { offset: _, ...filters } = query;
  if (metadata["cursors"] !== undefined || metadata["has_next"] !== undefined) {
    const after = metadata["cursors"]?.after;
    return metadata["has_next"] && after ? { ...filters, after } : undefined;
  }
  if (metadata["after"]) return { ...filters, after: metadata["after"] };
  const next = (metadata["offset"] ?? 0) + length;
  return length > 0 && query["after"] === undefined && next < (metadata["total"] ?? 0) ? { ...filters, offset: next } : undefined;
}
