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
  | { grant_type: "refresh_token"; refresh_token: string; scope?: string; code?: string };

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
  /** Payments, or the numbers of some that were made before. */
  payments: (NewPayment | number)[];
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
  restrictions?: Record<string, unknown>;
  inquiries?: Record<string, unknown>[];
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

/** One proof of the payer's, and from which wallet; nothing at all where the payer's token signs. */
export interface Reservation {
  wallet_id?: number;
  payer?: { id: number } | { email: string } | { phone: string } | { barcode: string };
  pin?: string;
  /** Sent to the payer's phone for this transaction. */
  sms_code?: string;
  /** Made by the payer beforehand, and read out. */
  code?: string;
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
