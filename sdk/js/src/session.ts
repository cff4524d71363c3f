import { APIError } from "./errors.js";
import { Signer } from "./mac.js";
import { orAborted } from "./transport.js";
import type { Token } from "./types.js";

/** The text that means, to the letter, that an access token has to be refreshed. */
const expired = "Token has expired";

/** A user's tokens as time goes by: whoever shares a session shares its next pair. */
export class Session {
  #token: Token;
  #signer: Signer;
  #renewing: Promise<void> | undefined;
  readonly #renew: ((token: Token) => Promise<Token>) | undefined;
  readonly #keep: ((token: Token) => void | Promise<void>) | undefined;

  /**
   * @param renew - gets another pair; without it an expired token stays one
   * @param keep - is told each new pair, before anybody who waits for it goes on
   */
  constructor(token: Token, renew?: (token: Token) => Promise<Token>, keep?: (token: Token) => void | Promise<void>) {
    this.#token = token;
    this.#signer = signerOf(token);
    this.#renew = renew;
    this.#keep = keep;
  }

  /** Sends by the token; when it has expired, once more by the next one, which all who wait for it share. Who gives up by `signal` leaves it to them. */
  async send<T>(send: (signer: Signer) => Promise<T>, signal?: AbortSignal): Promise<T> {
    const signer = this.#signer;
    try {
      return await send(signer);
    } catch (error) {
      const over = error instanceof APIError && error.code === "invalid_grant" && error.description === expired;
      if (!over || !this.#renew) throw error;
      if (this.#signer === signer) {
        this.#renewing ??= this.#next(this.#renew).finally(() => (this.#renewing = undefined));
        await orAborted(this.#renewing, signal);
      }
      return await send(this.#signer);
    }
  }

  async #next(renew: (token: Token) => Promise<Token>): Promise<void> {
    const token = await renew(this.#token);
    // First of all, since the old refresh token is used up, whatever becomes of storing the new one.
    this.#token = token;
    this.#signer = signerOf(token);
    await this.#keep?.(token);
  }
}

function signerOf(token: Token): Signer {
  return new Signer({ id: token.access_token, key: token.mac_key });
}
