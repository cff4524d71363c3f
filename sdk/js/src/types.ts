// The protocol's JSON objects, as the server writes them. What is absent is left out, never null; times are UNIX
// seconds; integer money is cents, the amount times one hundred in every currency, beside decimal text.

/** A program that calls the API. */
export interface ClientInfo {
  /** The client's number; its MAC id is another thing. */
  id: number;
  title: string;
  type: "private_client" | "application" | "app_client";
  permissions: string[];
  hosts: Host[];
  /** The client's main project; absent when it has none. */
  project?: Project;
  permissions_to_wallets?: { wallet: Wallet; scopes: string[] }[];
  service_agreement_id?: number;
  /** What a device said of itself. */
  info?: Record<string, unknown>;
  location_id?: number;
  same_device?: number[];
  status?: string;
  /** Whole, with `mac_key`, once: when a device is registered. */
  credentials?: ClientCredentials;
}

/** What a device signs with: `access_token` is its MAC id. */
export interface ClientCredentials {
  access_token: string;
  mac_key?: string;
  mac_algorithm: string;
}

/** Addresses to which a client may send users back. */
export interface Host {
  host: string;
  port?: number;
  path?: string;
  protocol?: string;
  any_port: boolean;
  any_subdomain: boolean;
}

/** What an application registers. */
export interface NewClient {
  type: "app_client";
  /** What the device is; kept as it is. */
  info: Record<string, unknown>;
  title?: string;
}

/** An owner's business unit. */
export interface Project {
  id: number;
  title: string;
  description?: string;
  /** The default wallet, which incoming money goes to. */
  wallet_id?: number;
  owner_display_name?: string;
  /** Embedded when `fields: "wallet"` asks for it. */
  wallet?: Wallet;
}

/** What an owner holds funds in. */
export interface Wallet {
  id: number;
  /** The user that it belongs to. */
  owner: number;
  account: {
    number: string;
    owner_title?: string;
    owner_display_name?: string;
    owner_type?: string;
    type?: string;
    user_id?: number;
    status?: string;
    description?: string;
  };
}

/** The funds of one wallet in one currency. */
export interface Funds {
  at_disposal: number;
  at_disposal_decimal: string;
  reserved: number;
  reserved_decimal: string;
  converted?: { at_disposal: number; reserved: number };
}

/**
 * What a wallet holds, by currency. Beside the currencies it has the getters `amount` and `currency`, which are not
 * enumerable: decimal text and code of the only currency in it, otherwise of the client's `defaultCurrency`.
 */
export type Balance = { [currency: string]: Funds } & { readonly amount: string; readonly currency: string };

/** A user, as far as the scopes go that they agreed to. */
export interface User {
  id: number;
  email?: string;
  phone?: string;
  display_name?: string;
  dob?: string;
  gender?: string;
  type?: string;
  company_code?: string;
  identification_level?: string;
  calculated_level?: string;
  locale?: string;
  wallets?: number[];
  address?: { country: string; city: string; street: string; post_index?: string };
  identity?: { name: string; surname: string; nationality?: string; code?: string };
}

/** An access token with what it signs and is refreshed by. */
export interface Token {
  access_token: string;
  mac_key: string;
  refresh_token?: string;
  token_type?: string;
  mac_algorithm?: string;
  /** How long the access token works, in seconds. */
  expires_in?: number;
}

/** What a token is asked for with. */
export type Grant =
  | { grant_type: "authorization_code"; code: string; redirect_uri: string; code_verifier?: string }
  | { grant_type: "password"; username: string; password: string; scope?: string }
  | { grant_type: "refresh_token" | "refresh_token_with_activation"; refresh_token: string; scope?: string; code?: string };

/** Either cents or decimal text, never both. */
export type Price = { price: number } | { price_decimal: string };

/** A payment that is asked for: with a price, or with items alone. */
export type NewPayment = (Price | { items: NewItem[] }) & {
  currency?: string;
  description?: string;
  items?: NewItem[];
  beneficiary?: { id: number } | { email: string } | { phone: string } | { barcode: string };
  /** Hours for which who is paid cannot use the money. */
  freeze_for?: number;
  freeze_until?: number;
  parameters?: Record<string, unknown>;
  [more: string]: unknown;
};

/** A line of what is paid for. */
export type NewItem = Price & { title: string; currency: string; quantity: number; [more: string]: unknown };

/** A transaction that is asked for. The project and the place may stand in it, or in the client. */
export interface NewTransaction {
  /** Payments, or the numbers of some that were made before; none where an allowance alone is asked for. */
  payments: (NewPayment | number)[];
  /** What the payer is to agree to beside the payments: a new one, or one of `createAllowance` by its number. */
  allowance?: ({ data: NewAllowance } | { id: number }) & { optional?: boolean };
  /** `false` where no allowance is to be used. */
  use_allowance?: boolean;
  project_id?: number;
  location_id?: number;
  redirect_uri?: string;
  callback_uri?: string | false;
  auto_confirm?: boolean;
  [more: string]: unknown;
}

/** Payments that one payer accepts or refuses as a whole. */
export interface Transaction {
  transaction_key: string;
  created_at: number;
  /** `new`, `waiting`, `reserved`, `confirmed`, … */
  status: string;
  /** How the payer accepted; absent before. */
  type?: string;
  /** The payer's, once accepted. */
  wallet?: number;
  confirmed_at?: number;
  reserve?: { for?: number; until?: number };
  use_allowance?: boolean;
  suggest_allowance?: boolean;
  auto_confirm?: boolean;
  redirect_uri?: string;
  callback_uri?: string | false;
  user?: { email: string };
  project_id?: number;
  location_id?: number;
  manager_id?: number;
  project?: Project;
  payments: Payment[];
  /** What the payer is asked for beside the payments. */
  allowance?: { data: Allowance; optional: boolean };
  restrictions?: Record<string, unknown>;
  inquiries?: Record<string, unknown>[];
  /** Where cash was paid in or out: how the customer was identified. */
  cash?: { service: "cash_in" | "cash_out"; type: string };
}

/** One priced obligation. */
export interface Payment {
  id: number;
  transaction_key: string;
  created_at: number;
  /** `new`, `reserved`, `confirmed` (while frozen), `done`, `canceled`, … */
  status: string;
  cancelable?: boolean;
  price: number;
  price_decimal: string;
  currency: string;
  wallet?: number;
  confirmed_at?: number;
  freeze?: { for?: number; until?: number };
  freeze_for?: number;
  freeze_until?: number;
  description?: string;
  parameters?: Record<string, unknown>;
  [more: string]: unknown;
}

/** One proof of the payer's, and from which wallet; no proof where the payer's token signs, or where an allowance is used. */
export interface Reservation {
  wallet_id?: number;
  payer?: { id: number } | { email: string } | { phone: string } | { barcode: string };
  pin?: string;
  /** Sent to the payer's phone for this transaction. */
  sms_code?: string;
  /** Made by the payer beforehand, and read out. */
  code?: string;
  /** Gives the allowance too that the transaction asks for, where that is optional. */
  accept_allowance?: boolean;
  [more: string]: unknown;
}

/** One line of what the owner of a wallet reads about its money. */
export interface Statement {
  id: number;
  /** In cents, and never below zero: `direction` says whether it came in or went out. */
  amount: number;
  amount_decimal: string;
  currency: string;
  date: number;
  details: string;
  direction: "in" | "out";
  type: string;
  other_party?: { display_name?: string; account_number?: string; wallet_id?: number };
}

/** A physical place of a project. */
export interface Location {
  id: number;
  project_id: number;
  title: string;
  description?: string;
  address: string;
  lat?: number;
  lng?: number;
  radius: number;
  updated_at: number;
  status: string;
  public: boolean;
  services?: Record<string, { available: boolean; categories?: number[]; types?: string[] }>;
  working_hours?: Record<string, { opening_time: string; closing_time: string }>;
  timezone?: string;
  open_now?: boolean;
  next_change_at?: number;
  /** In metres, in answers to a search around a point. */
  distance?: number;
  [more: string]: unknown;
}

/** A length in seconds from when something begins, or the moment at which it ends. */
export type Period = { for: number } | { until: number };

/** A payer's standing consent: a client takes money from one wallet without asking each time. */
export interface Allowance {
  id: number;
  /** That of the transaction that it is given in. */
  transaction_key: string;
  created_at: number;
  status: "new" | "active" | "inactive" | "deleted";
  currency: string;
  /** The one that pays, once it is given. */
  wallet?: number;
  confirmed_at?: number;
  description?: string;
  /** How much may be taken in all; absent where limits alone bound it. */
  max_price?: number;
  max_price_decimal?: string;
  /** How much may be taken within a time in seconds. */
  limits?: { max_price: number; time: number }[];
  valid: Period;
  /** Hours. */
  valid_for?: number;
  valid_until?: number;
  /** The places at which it may be used; absent for everywhere. */
  locations?: number[];
}

/** Either cents or decimal text, never both. */
export type MaxPrice = { max_price: number } | { max_price_decimal: string };

/** What a payer is to agree to: a price in all, or limits, or both. */
export interface NewAllowance {
  currency: string;
  description?: string;
  max_price?: number;
  max_price_decimal?: string;
  limits?: (MaxPrice & { time: number })[];
  /** 30 days unless said otherwise. */
  valid?: Period;
  /** The numbers of places of the project, at which alone it may be used. */
  locations?: number[];
}

/** The largest price that could be reserved by an allowance now. */
export interface AllowanceLeft {
  amount: number;
  amount_decimal: string;
  currency: string;
}

/** Whose wallet cash goes into, or comes out of. */
export type CashCustomer =
  | { email: string }
  | { phone: string }
  | { barcode: string }
  | { one_time_barcode: string }
  | { qr_code: string }
  | { person_code: string; nationality: string };

/** Cash that a customer brings or gets. The place may stand in it, or in the client. */
export type NewCash = Price & {
  currency: string;
  customer: CashCustomer;
  description?: string;
  /** What was sent to a contact that nobody has confirmed. */
  code?: string;
  location_id?: number;
};

/** That a code was sent to a contact. */
export interface CashCode {
  email?: string;
  phone?: string;
  expires_at: number;
}

/** A code that a payer reads out or shows: their yes, once. */
export interface ReserveCode {
  code: string;
  expires_at: number;
}

/** A barcode by which cash is paid in, once. */
export interface OneTimeBarcode {
  barcode: string;
  expires_at: number;
}

/** That a user showed a document at a place. */
export interface NewIdentification {
  document: { type: "passport" | "identity_card" | "residence_permit" | "driving_licence"; number: string };
  /** What the document says. */
  identity: { name: string; surname: string; nationality: string; code?: string };
  /** The person who looked at it. */
  checked_by: string;
  checked_at?: number;
  location_id?: number;
}

/** What became of a document that was shown. */
export interface IdentificationRequest {
  id: number;
  user_id: number;
  status: "pending" | "reviewed";
  result?: "accepted" | "rejected";
  reason?: string;
  provider: string;
  project_id: number;
  location_id: number;
  /** Of the number the last two characters. */
  document: { type: string; number: string };
  identity: { name: string; surname: string; nationality?: string };
  checked_by: string;
  checked_at: number;
  created_at: number;
  reviewed_at?: number;
}

/** Which figures are wanted: those of the last 30 days, by currency, unless said otherwise. */
export type StatisticsQuery = {
  /** Any moment of the first and of the last day, in UTC. */
  from?: number;
  to?: number;
  group?: "currency" | "day" | "location";
  limit?: number;
  offset?: number;
};

/** How many payments, and how much they come to. */
export interface Tally {
  count: number;
  volume: number;
  volume_decimal: string;
}

/** What happened on some days, whenever the payments were made. */
export interface Flows {
  paid: Tally;
  refunds: Tally;
  cash_in: Tally;
  cash_out: Tally;
}

/** The counters of a project. */
export interface Statistics {
  stats: (Flows & {
    /** Where lines are by day. */
    day?: string;
    /** Where lines are by place; absent for what happened at none. */
    location_id?: number;
    currency: string;
    /** Payments that were made on those days, by the status that they have now. */
    statuses: (Tally & { status: string })[];
  })[];
  _metadata: Metadata & { project_id: number; group: string; from: number; to: number; as_of: number };
}

/** Where a page stands in a list. */
export interface Metadata {
  total: number;
  offset: number;
  limit: number;
}

/** All projects of a user as they were at one moment. */
export interface Overview {
  projects: {
    id: number;
    title: string;
    wallet_id?: number;
    /** That of the default wallet, which projects may share. */
    balance: { [currency: string]: Funds };
    today: { [currency: string]: Flows };
    last_30_days: { [currency: string]: Flows };
    locations: { active: number; open: number; unknown: number };
  }[];
  _metadata: Metadata & { as_of: number; today: string; from: string };
}

/** What the log of the ledger says of a transaction, with proofs. */
export interface LogReceipt {
  transaction_key: string;
  /** Without `index` and `proof` while they wait for the next checkpoint, a second at most. */
  leaves: { index?: number; leaf: string; hash: string; proof?: string[] }[];
  /** The signed note under which the proofs hold. */
  checkpoint?: string;
  public_keys: string[];
}

/** A proof that the log has only grown. */
export interface LogConsistency {
  from: number;
  to: number;
  from_root: string;
  to_root: string;
  proof: string[];
  checkpoint: string;
}

/** Changes what it mentions of a client; lists are all that there are to be. */
export interface ClientChange {
  title?: string;
  info?: Record<string, unknown>;
  permissions?: string[];
  hosts?: Partial<Host>[];
  permissions_to_wallets?: (({ wallet_id: number } | { account_number: string }) & { scopes: string[] })[];
  project_id?: number;
  service_agreement_id?: number;
}

/** Why a request was refused. */
export interface Refusal {
  request_id: string;
  at: number;
  /** The method and the route. */
  request: string;
  address?: string;
  client_id?: number;
  caller?: string;
  project_id?: number;
  location_id?: number;
  /** The code that it was answered with. */
  error: string;
  reason: string;
  /** What was asked, what was looked at, and which rule refused. */
  action?: string;
  rules?: { rule: string; holds: boolean; fact: string }[];
  refused?: string;
  /** What would allow it, all together. */
  needs?: { kind: string; name?: string; id?: number; description: string }[];
}

/** An e-mail address or a phone number. */
export type Contact = { email: string } | { phone: string };

/** What a user is asked to agree to. */
export interface SessionRequest {
  response_type?: "code";
  client_id: string;
  redirect_uri: string;
  scope?: string;
  state?: string;
  code_challenge?: string;
  code_challenge_method?: string;
  user?: { email: string };
}

/** What the browser is sent to the pages with. */
export interface Session {
  key: string;
}

/** A person who registers. */
export interface NewUser {
  email?: string;
  phone?: string;
  display_name?: string;
  locale?: string;
  identity?: { name: string; surname: string; nationality?: string; code?: string };
  credentials: { type: "main-password"; password: string };
}

/** Who has forgotten a password; `identity` where the server asks for the person code. */
export type PasswordReset = Contact & { identity?: { code: string } };

/** A new password with the present one, or with a code that was sent. */
export type PasswordChange = { password: string } & ({ old_password: string } | { code: string });

/** A kind of shop. */
export interface PayCategory {
  id: number;
  title: string;
  parent_id?: number;
  images?: { active_uri: string; inactive_uri: string };
}

/** A text, or one in several languages by their codes. */
export type Words = string | Record<string, string>;

/** A project as programs write it: what is not mentioned stays. */
export interface ProjectEdit {
  title: string;
  description?: string;
  /** A wallet of the project's owner, who alone may name another one than the project has. */
  wallet_id?: number;
}

/** A place as programs write it: what is not mentioned stays, lists and maps are replaced as a whole. */
export interface LocationEdit {
  /** The language of texts that are in one. */
  locale?: string;
  title?: Words;
  description?: Words;
  address?: Words;
  lat?: number;
  lng?: number;
  radius?: number;
  status?: "active" | "inactive";
  public?: boolean;
  timezone?: string;
  working_hours?: Record<string, { opening_time: string; closing_time: string }>;
  /** In the words of OpenStreetMap's opening_hours, or a week with exceptions. */
  hours?: string | Record<string, unknown>;
  services?: Required<Location>["services"];
  [more: string]: unknown;
}

/** Who administers a project beside its owner, and who was asked to. */
export interface Administrators {
  administrators: { id: number; display_name: string }[];
  invitations: { id: number; contact: string; created_at: number }[];
}

/** A table, a till or another point of a place where people order and pay. */
export interface Spot {
  id: number;
  status: "open" | "waiting" | "closed";
  identifier: string;
  /** What its QR code says. */
  code: string;
  place_info: { title: string; description?: string; address: string; logo_uri?: string; location_id: number };
  orders?: SpotOrder[];
}

/** A transaction that people at a spot are to pay. */
export interface SpotOrder {
  id: number;
  status: "pending" | "reserved" | "confirmed" | "closed";
  transaction_key: string;
  /** The only user who is shown it. */
  user_id?: number;
  transaction?: Transaction;
}

/** A payment that is on its way. */
export interface PendingPayment extends Statement {
  cancelable: boolean;
  valid_until?: number;
  /** What the payer tells the beneficiary, who has to name it; only the payer reads it. */
  password?: string;
  transaction_key: string;
}

/** What is exchanged for what: the amount of one of the two, in cents or as decimal text. */
export type Conversion = {
  from_currency: string;
  to_currency: string;
  from_amount?: number;
  from_amount_decimal?: string;
  to_amount?: number;
  to_amount_decimal?: string;
  account_number?: string;
  /** As far as an exchange may go, in cents. */
  max_from_amount?: number;
  min_to_amount?: number;
};

/** What an amount is worth in another currency, or, with `id` and `date`, an exchange that was made. */
export interface CurrencyConversion {
  id?: number;
  from_currency: string;
  to_currency: string;
  from_amount: number;
  from_amount_decimal: string;
  to_amount: number;
  to_amount_decimal: string;
  account_number?: string;
  date?: number;
}

/** That somebody was asked to pay. */
export interface TransactionRequest {
  id: number;
  created_at: number;
  transaction_key: string;
  user_id?: number;
  email?: string;
  phone?: string;
  initiator_id?: number;
}

/** What a payer agreed to tell. */
export interface InquiryResults {
  items: { inquiry_identifier: string; item_identifier: string; item_type: string; value: unknown }[];
}
