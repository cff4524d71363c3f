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
  Allowance, AllowanceLeft, Balance, CashCode, CashCustomer, ClientCredentials, ClientInfo, Flows, Funds, Grant, Host,
  IdentificationRequest, Location, LogConsistency, LogReceipt, MaxPrice, Metadata, NewAllowance, NewCash, NewClient,
  NewIdentification, NewItem, NewPayment, NewTransaction, OneTimeBarcode, Overview, Payment, Period, Price, Project,
  Reservation, ReserveCode, Statement, Statistics, StatisticsQuery, Tally, Token, Transaction, User, Wallet,
} from "./types.js";
