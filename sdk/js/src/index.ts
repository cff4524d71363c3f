/**
 * A client of the Wallet API, for Node 20 and later and for browsers that hold a user's token.
 *
 * @packageDocumentation
 */
export { WalletClient, WalletClient as PayseraClient } from "./client.js";
export type { Calls, LowerPrices } from "./calls.js";
export type { ClientOptions, Query, RequestOptions } from "./options.js";
export type { Clock } from "./transport.js";
export { APIError, type ErrorCode, NetworkError, SignatureError } from "./errors.js";
export { ProjectCache, type ProjectSource } from "./cache.js";
export { type CallbackEvent, type CallbackForm, verifyCallback } from "./callback.js";
export type {
  Administrators, Allowance, AllowanceLeft, Balance, CashCode, CashCustomer, ClientChange, ClientCredentials,
  ClientInfo, Contact, Conversion, CurrencyConversion, Flows, Funds, Grant, Host, IdentificationRequest,
  InquiryResults, Location, LocationEdit, LogConsistency, LogReceipt, MaxPrice, Metadata, NewAllowance, NewCash,
  NewClient, NewIdentification, NewItem, NewPayment, NewTransaction, NewUser, OneTimeBarcode, Overview,
  PasswordChange, PasswordReset, PayCategory, Payment, PendingPayment, Period, Price, Project, ProjectEdit, Refusal, Reservation,
  ReserveCode, Session, SessionRequest, Spot, SpotOrder, Statement, Statistics, StatisticsQuery, Tally, Token,
  Transaction, TransactionRequest, User, Wallet, Words,
} from "./types.js";
