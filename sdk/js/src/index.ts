/**
 * A client of the Wallet API, for Node 20 and later and for browsers that hold a user's token.
 *
 * @packageDocumentation
 */
export { WalletClient, WalletClient as PayseraClient, type LowerPrices } from "./client.js";
export type { ClientOptions, Query, RequestOptions } from "./options.js";
export type { Clock } from "./transport.js";
export { APIError, type ErrorCode, NetworkError, SignatureError } from "./errors.js";
export { ProjectCache, type ProjectSource } from "./cache.js";
export { type CallbackEvent, type CallbackForm, verifyCallback } from "./callback.js";
export type {
  Balance, ClientCredentials, ClientInfo, Funds, Grant, Host, Location, NewClient, NewItem, NewPayment, NewTransaction,
  Payment, Price, Project, Reservation, Statement, Token, Transaction, User, Wallet,
} from "./types.js";
