import { type Query, type RequestOptions, segment } from "./options.js";
import type {
  Administrators, Allowance, AllowanceLeft, Balance, CashCode, CashCustomer, ClientChange, ClientInfo, Contact,
  Conversion, CurrencyConversion, IdentificationRequest, InquiryResults, Location, LocationEdit, LogConsistency,
  LogReceipt, NewAllowance, NewCash, NewClient, NewIdentification, NewPayment, NewTransaction, NewUser,
  OneTimeBarcode, Overview, PasswordChange, PasswordReset, PayCategory, Payment, PendingPayment, Period, Price,
  Project, ProjectEdit, Refusal, Reservation, ReserveCode, Spot, SpotOrder, Statement, Statistics, StatisticsQuery, Transaction,
  TransactionRequest, User, Wallet,
} from "./types.js";

/** A price to take instead of the one that was asked for: no higher. */
export type LowerPrices = Record<number, ({ price: number } | { price_decimal: string }) & { currency: string }>;

/**
 * The calls of the API that are JSON and nothing else, one method for each. What sends them is {@link WalletClient}.
 */
export abstract class Calls {
  /** Sends a call, and gives the answer's JSON. */
  abstract request<T = any>(path: string, options?: RequestOptions): Promise<T>;

  /** Reads a list page by page. */
  abstract list<T = any>(path: string, key: string, query?: Query): AsyncGenerator<T, void, undefined>;

  async #write<T>(method: "POST" | "PUT", path: string, body: unknown, options: RequestOptions): Promise<T> {
    return this.request(path, { ...options, method, body });
  }

  // --- Who calls ---

  /** The server's clock, in UNIX seconds. */
  async getServer(): Promise<{ time: number }> {
    return this.request("/server");
  }

  /** What this client is and may do: the call to try credentials with. */
  async getClient(): Promise<ClientInfo> {
    return this.request("/client");
  }

  /** The same as {@link getClient}. */
  async getClientInfo(): Promise<ClientInfo> {
    return this.getClient();
  }

  /**
   * Registers a device, for an application. `credentials` of the answer are what the device signs with; the key is
   * shown this once.
   */
  async createClient(client: NewClient, options: RequestOptions = {}): Promise<ClientInfo> {
    return this.#write("POST", "/client", client, options);
  }

  /** The clients of this one's projects. */
  clients(query?: Query): AsyncGenerator<ClientInfo, void, undefined> {
    return this.list("/clients", "clients", query);
  }

  /** A client by its number. */
  async getOtherClient(id: number): Promise<ClientInfo> {
    return this.request(`/client/${segment(id)}`);
  }

  /** Changes of a client what the change mentions. */
  async updateClient(id: number, change: ClientChange, options: RequestOptions = {}): Promise<ClientInfo> {
    return this.#write("PUT", `/client/${segment(id)}`, change, options);
  }

  /** A client's static rights on single wallets. */
  async getPermissionsToWallets(id: number): Promise<{ wallet: Wallet; scopes: string[] }[]> {
    return this.request(`/client/${segment(id)}/permissions-to-wallets`);
  }

  /** Whether a client is `active` or `revoked`. */
  async getClientStatus(id: number): Promise<{ status: string }> {
    return this.request(`/client/info/${segment(id)}/status`);
  }

  /** Why a request was refused, by the `requestId` of its error, for the owner of the client. */
  async getRefusal(requestId: string): Promise<Refusal> {
    return this.request(`/refusal/${segment(requestId)}`);
  }

  /** What apps have to know of the server. */
  async getConfiguration(): Promise<{ minimum_password_length: number }> {
    return this.request("/configuration");
  }

  /** The codes of the currencies that wallets may hold. */
  async getCurrencies(): Promise<string[]> {
    return this.request("/currencies");
  }


  // --- Users ---

  /** A user, as far as they agreed to be read; the token's own unless said otherwise. */
  async getUser(user: number | "me" = "me"): Promise<User> {
    return this.request(`/user/${segment(user)}`);
  }

  /** A user by what they are known by. */
  async findUser(query: { email?: string; phone?: string; person_code?: string; nationality?: string }): Promise<User> {
    return this.request("/user", { query });
  }

  /** Makes an account for a person. */
  async registerUser(user: NewUser, options: RequestOptions = {}): Promise<User> {
    return this.#write("POST", "/user", user, options);
  }

  /** The user's confirmed e-mail address. */
  async getUserEmail(user: number | "me" = "me"): Promise<string> {
    return this.request(`/user/${segment(user)}/email`);
  }

  /** Gives a user another e-mail address, which counts once it is confirmed. */
  async changeUserEmail(user: number | "me", email: string, options: RequestOptions = {}): Promise<User> {
    return this.#write("POST", `/user/${segment(user)}/email`, { email }, options);
  }

  /** Gives back the code that was sent to an e-mail address. */
  async confirmUserEmail(user: number | "me", code: string, options: RequestOptions = {}): Promise<User> {
    return this.#write("PUT", `/user/${segment(user)}/email/confirm`, { code }, options);
  }

  /** The user's confirmed phone number. */
  async getUserPhone(user: number | "me" = "me"): Promise<string> {
    return this.request(`/user/${segment(user)}/phone`);
  }

  /** Gives a user another phone number, which counts once it is confirmed. */
  async changeUserPhone(user: number | "me", phone: string, options: RequestOptions = {}): Promise<User> {
    return this.#write("POST", `/user/${segment(user)}/phone`, { phone }, options);
  }

  /** Gives back the code that was sent to a phone number. */
  async confirmUserPhone(user: number | "me", code: string, options: RequestOptions = {}): Promise<User> {
    return this.#write("PUT", `/user/${segment(user)}/phone/confirm`, { code }, options);
  }

  /** The user's confirmed phone numbers. */
  async getConfirmedPhones(user: number | "me" = "me"): Promise<string[]> {
    return this.request(`/user/${segment(user)}/confirmed-phones`);
  }

  /** Where a user lives. */
  async getUserAddress(user: number | "me" = "me"): Promise<Required<User>["address"]> {
    return this.request(`/user/${segment(user)}/address`);
  }

  /** Who a user is. */
  async getUserIdentity(user: number | "me" = "me"): Promise<Required<User>["identity"]> {
    return this.request(`/user/${segment(user)}/identity`);
  }

  /** A user's connections to politics. */
  async getUserExposures(user: number | "me" = "me"): Promise<{ name: string; relation: string; positions: string[] }[]> {
    return this.request(`/user/${segment(user)}/pes`);
  }

  /** A user's wallets, with `inactive_included` those too that are closed. */
  async getUserWallets(user: number | "me" = "me", query?: { inactive_included?: boolean }): Promise<Wallet[]> {
    return this.request(`/user/${segment(user)}/wallets`, { query });
  }

  /** Sends somebody a code to set a new password with. The number in the answer stands for the user in {@link setPassword}. */
  async resetPassword(who: PasswordReset, options: RequestOptions = {}): Promise<{ id: number }> {
    return this.#write("POST", "/user/password/reset", who, options);
  }

  /** Gives a user another password, by the present one or by a code that was sent. */
  async setPassword(user: number | "me", change: PasswordChange, options: RequestOptions = {}): Promise<User> {
    return this.#write("PUT", `/user/${segment(user)}/password`, change, options);
  }


  // --- Projects and places ---

  /** A project that the caller represents. */
  async getProject(id: number, query?: Query): Promise<Project> {
    return this.request(`/project/${segment(id)}`, { query });
  }

  /** The projects that a user administers, with a token that has the scope `projects`. */
  async getUserProjects(user: number | "me" = "me", query?: Query): Promise<Project[]> {
    return this.request(`/user/${segment(user)}/projects`, { query });
  }

  /** Changes of a project what the edit mentions. */
  async updateProject(id: number, project: ProjectEdit, options: RequestOptions = {}): Promise<Project> {
    return this.#write("PUT", `/project/${segment(id)}`, project, options);
  }

  /** A project's places. */
  async getProjectLocations(projectId: number, query?: Query): Promise<Location[]> {
    return this.request(`/project/${segment(projectId)}/locations`, { query });
  }

  /** Public places: `{ lat, lng, distance }` are those around a point, nearest first. */
  locations(query?: Query): AsyncGenerator<Location, void, undefined> {
    return this.list("/locations", "locations", query);
  }

  /** The places of the client's projects. */
  async getClientLocations(query?: { locale?: string }): Promise<Location[]> {
    return this.request("/client/locations", { query });
  }

  /** The kinds of shops. */
  async getPayCategories(query?: { locale?: string }): Promise<PayCategory[]> {
    return this.request("/locations/pay-categories", { query });
  }

  /** Adds a place to a project. */
  async createLocation(projectId: number, location: LocationEdit, options: RequestOptions = {}): Promise<Location> {
    return this.#write("POST", `/project/${segment(projectId)}/location`, location, options);
  }

  /** A place. */
  async getLocation(id: number, query?: { locale?: string }): Promise<Location> {
    return this.request(`/location/${segment(id)}`, { query });
  }

  /** Changes of a place what the edit mentions. */
  async updateLocation(id: number, location: LocationEdit, options: RequestOptions = {}): Promise<Location> {
    return this.#write("PUT", `/location/${segment(id)}`, location, options);
  }

  /** Who administers a project beside its owner, and who was asked to. */
  async getAdministrators(projectId: number): Promise<Administrators> {
    return this.request(`/project/${segment(projectId)}/administrators`);
  }

  /** Asks somebody to administer a project. */
  async inviteAdministrator(projectId: number, who: Contact, options: RequestOptions = {}): Promise<Administrators> {
    return this.#write("POST", `/project/${segment(projectId)}/administrators`, who, options);
  }

  /** Has a user administer a project no more. */
  async removeAdministrator(projectId: number, user: number): Promise<Administrators> {
    return this.request(`/project/${segment(projectId)}/administrators/${segment(user)}`, { method: "DELETE" });
  }

  /** Takes back what {@link inviteAdministrator} did. */
  async withdrawInvitation(projectId: number, invitation: number): Promise<Administrators> {
    return this.request(`/project/${segment(projectId)}/invitations/${segment(invitation)}`, { method: "DELETE" });
  }

  // --- Spots: tables, tills and other points of a place; `fields: "orders.transaction"` embeds what is ordered ---

  /** A spot by the text of its QR code, such as `PAYSERA*106:TABLE1`. */
  async findSpot(code: string, query?: Query): Promise<Spot> {
    return this.request("/spot", { query: { ...query, code } });
  }

  /** The spots of a place, which `location_id` names. */
  spots(query?: Query): AsyncGenerator<Spot, void, undefined> {
    return this.list("/spots", "spots", query);
  }

  /** A spot. */
  async getSpot(id: number, query?: Query): Promise<Spot> {
    return this.request(`/spot/${segment(id)}`, { query });
  }

  /** Ends what goes on at a spot. */
  async closeSpot(id: number): Promise<Spot> {
    return this.request(`/spot/${segment(id)}`, { method: "DELETE" });
  }

  /** Says that the token's user is at a spot. */
  async checkIn(id: number, options: RequestOptions = {}): Promise<Spot> {
    return this.#write("PUT", `/spot/${segment(id)}/check-in`, undefined, options);
  }

  /** Says that the token's user is there no more. */
  async checkOut(id: number, options: RequestOptions = {}): Promise<Spot> {
    return this.#write("PUT", `/spot/${segment(id)}/check-out`, undefined, options);
  }

  /** Puts a transaction before those who are at a spot, or before one of them. */
  async orderAtSpot(id: number, order: { transaction_key: string; user_id?: number }, options: RequestOptions = {}): Promise<SpotOrder> {
    return this.#write("POST", `/spot/${segment(id)}/order`, order, options);
  }


  // --- Figures ---

  /** The counters of the project that the call speaks for. */
  async getStatistics(query?: StatisticsQuery, options: RequestOptions = {}): Promise<Statistics> {
    return this.request("/stats", { ...options, query });
  }

  /** All projects of the token's user at one moment: balances, payments of today and of 30 days, places that are open. */
  async getProjectsOverview(query?: { limit?: number; offset?: number }): Promise<Overview> {
    return this.request("/projects/overview", { query });
  }

  // --- Wallets ---

  /** A wallet; `me` is the user's under a token, and the project's otherwise. */
  async getWallet(wallet: number | "me" = "me"): Promise<Wallet> {
    return this.request(`/wallet/${segment(wallet)}`);
  }

  /** What a wallet holds, by currency. */
  async getBalance(wallet: number | "me" = "me", query?: Query): Promise<Balance> {
    return this.request(`/wallet/${segment(wallet)}/balance`, { query });
  }

  /** What came into a wallet and went out of it, newest first unless `order_direction` says otherwise. */
  statements(wallet: number | "me" = "me", query?: Query): AsyncGenerator<Statement, void, undefined> {
    return this.list(`/wallet/${segment(wallet)}/statements`, "statements", query);
  }

  /** A code that the token's user reads out or shows to pay with, once, for five minutes. */
  async createReserveCode(options: RequestOptions = {}): Promise<ReserveCode> {
    return this.#write("POST", "/wallet/me/code", undefined, options);
  }

  /** A barcode by which the token's user is paid cash in, once, for a quarter of an hour. */
  async createOneTimeBarcode(options: RequestOptions = {}): Promise<OneTimeBarcode> {
    return this.#write("POST", "/wallet/me/barcode", undefined, options);
  }

  /** A wallet by what it or its owner is known by, such as `phone`, `account_number` or `barcode`. */
  async findWallet(query: Query): Promise<Wallet> {
    return this.request("/wallet", { query });
  }

  /** The wallets of many contacts, by contact: lists of `email`, `phone`, `email_hash`, `phone_hash`. Those that are not known are not there. */
  async findWallets(query: Query): Promise<Record<string, Wallet>> {
    return this.request("/wallets", { query });
  }

  /** The barcode of a wallet, which is named as for {@link findWallet}, or by `wallet_id`. */
  async getWalletBarcode(query: Query): Promise<{ barcode: string }> {
    return this.request("/wallet/barcode", { query });
  }

  /** Gives a wallet a description. */
  async describeWallet(wallet: number | "me", description: string, options: RequestOptions = {}): Promise<Wallet> {
    return this.#write("PUT", `/wallet/${segment(wallet)}`, { description }, options);
  }

  /** Takes the description away. */
  async undescribeWallet(wallet: number | "me" = "me"): Promise<Wallet> {
    return this.request(`/wallet/${segment(wallet)}/description`, { method: "DELETE", repeatable: true });
  }

  /** Whether a wallet holds that many cents, without telling how many it holds. */
  async hasFunds(wallet: number | "me", amount: number, currency: string): Promise<boolean> {
    const path = `/wallet/${segment(wallet)}/sufficient-amount`;
    return (await this.request<{ is_sufficient: boolean }>(path, { query: { amount, currency } })).is_sufficient;
  }

  /** The balance as a text to print. */
  async getBalanceReceipt(wallet: number | "me" = "me", query?: { locale?: string; width?: number }): Promise<{ text: string }> {
    return this.request(`/wallet/${segment(wallet)}/receipt/balance`, { query });
  }

  /** What is reserved on a wallet now. */
  reservationStatements(wallet: number | "me" = "me", query?: Query): AsyncGenerator<Omit<Statement, "id">, void, undefined> {
    return this.list(`/wallet/${segment(wallet)}/reservation-statements`, "reservation_statements", query);
  }

  /** The payments of a wallet that are on their way. */
  pendingPayments(wallet: number | "me" = "me", query?: Query): AsyncGenerator<PendingPayment, void, undefined> {
    return this.list(`/wallet/${segment(wallet)}/pending-payments`, "pending_payments", query);
  }

  /** Takes back a payment that is on its way. */
  async takePaymentBack(wallet: number | "me", payment: number): Promise<PendingPayment> {
    return this.request(`/wallet/${segment(wallet)}/pending-payment/${segment(payment)}`, { method: "DELETE" });
  }

  /** What an amount is worth in another currency. */
  async calculateConversion(asked: Conversion): Promise<CurrencyConversion> {
    return this.request("/currency-conversion", { query: asked });
  }

  /** Exchanges money in an account. */
  async convertCurrency(asked: Conversion, options: RequestOptions = {}): Promise<CurrencyConversion> {
    return this.#write("POST", "/currency-conversion", asked, options);
  }


  // --- Payments ---

  /** Asks for money: payments that one payer accepts or refuses as a whole. */
  async createTransaction(transaction: NewTransaction, options: RequestOptions = {}): Promise<Transaction> {
    return this.#write("POST", "/transaction", transaction, options);
  }

  /** Asks for one payment, in a transaction of its own. With `payments` it is {@link createTransaction}. */
  createPayment(payments: NewTransaction, options?: RequestOptions): Promise<Transaction>;
  createPayment(payment: NewPayment & { payments?: undefined }, options?: RequestOptions): Promise<Payment>;
  async createPayment(asked: NewTransaction | NewPayment, options: RequestOptions = {}): Promise<Transaction | Payment> {
    return this.#write("POST", "payments" in asked && asked.payments ? "/transaction" : "/payment", asked, options);
  }

  /** A transaction as it is now. */
  async getTransaction(key: string, query?: Query): Promise<Transaction> {
    return this.request(`/transaction/${segment(key)}`, { query });
  }

  /** The project's transactions, newest first unless `order_direction` says otherwise. */
  transactions(query?: Query): AsyncGenerator<Transaction, void, undefined> {
    return this.list("/transactions", "transactions", query);
  }

  /**
   * Accepts a transaction for its payer: all of the money is held, or none.
   *
   * @param proof - one proof of the payer's, and the wallet or payer that it is about; with a payer's token nothing, and
   * `wallet_id` alone where that wallet has given this client an allowance
   */
  async reserveTransaction(key: string, proof: Reservation = {}, options: RequestOptions = {}): Promise<Transaction> {
    const bare = Object.keys(proof).length === 0;
    return this.#write("PUT", `/transaction/${segment(key)}/reserve${bare ? "/me" : ""}`, proof, options);
  }

  /** Takes the money of a reserved transaction; of a payment less, where a lower price is given by its number. */
  async confirmTransaction(key: string, prices: LowerPrices = {}, options: RequestOptions = {}): Promise<Transaction> {
    return this.#write("PUT", `/transaction/${segment(key)}/confirm`, prices, options);
  }

  /** Takes back a transaction that is not confirmed. */
  async revokeTransaction(key: string): Promise<Transaction> {
    return this.request(`/transaction/${segment(key)}`, { method: "DELETE", repeatable: true });
  }

  /** A payment as it is now. */
  async getPayment(id: number): Promise<Payment> {
    return this.request(`/payment/${segment(id)}`);
  }

  /** The project's payments. */
  payments(query?: Query): AsyncGenerator<Payment, void, undefined> {
    return this.list("/payments", "payments", query);
  }

  /** Gives back a payment whose money is frozen. */
  async cancelPayment(id: number): Promise<Payment> {
    return this.request(`/payment/${segment(id)}`, { method: "DELETE", repeatable: true });
  }

  /** The numbers of payments, up to 1000. */
  async getPaymentIds(query?: Query): Promise<number[]> {
    return this.request("/payments/id", { query });
  }

  /** Says how long the beneficiary cannot use the money; `{ freeze_until: 0 }` ends that. */
  async freezePayment(id: number, freeze: { freeze: Period } | { freeze_until: number }, options: RequestOptions = {}): Promise<Payment> {
    return this.#write("PUT", `/payment/${segment(id)}/freeze`, freeze, options);
  }

  /** Unlocks a payment that is protected by a password. */
  async givePassword(id: number, password: string, options: RequestOptions = {}): Promise<Payment> {
    return this.#write("PUT", `/payment/${segment(id)}/password`, { password }, options);
  }

  /** Ends the freeze of a payment: all of it, or less where a lower price is given. */
  async finalizePayment(id: number, price?: Price & { currency: string }, options: RequestOptions = {}): Promise<Payment> {
    return this.#write("PUT", `/payment/${segment(id)}/finalize`, price, options);
  }

  /** The ways in which a payer can accept. */
  async getTransactionTypes(key: string, wallet: number | "me" = "me"): Promise<string[]> {
    return this.request(`/transaction/${segment(key)}/type/${segment(wallet)}`);
  }

  /** Sends the payer a code, which is `sms_code` of {@link reserveTransaction}. */
  async sendFlash(key: string, payer: Pick<Reservation, "wallet_id" | "payer">, options: RequestOptions = {}): Promise<Transaction> {
    return this.#write("POST", `/transaction/${segment(key)}/flash`, payer, options);
  }

  /** The same to a wallet. */
  async sendFlashTo(key: string, wallet: number | "me" = "me", options: RequestOptions = {}): Promise<Transaction> {
    return this.#write("PUT", `/transaction/${segment(key)}/flash/${segment(wallet)}`, undefined, options);
  }

  /** Asks somebody to pay a transaction. */
  async requestTransaction(key: string, who: Contact | { user_id: number }, options: RequestOptions = {}): Promise<TransactionRequest> {
    return this.#write("POST", `/transaction/${segment(key)}/request`, who, options);
  }

  /** What the payer agreed to tell. */
  async getInquiredInformation(key: string): Promise<InquiryResults> {
    return this.request(`/transaction/${segment(key)}/inquired-information`);
  }


  // --- Allowances ---

  /** Asks for an allowance, in a transaction of its own: the payer gives it by accepting that. */
  async createAllowance(allowance: NewAllowance, options: RequestOptions = {}): Promise<Allowance> {
    return this.#write("POST", "/allowance", allowance, options);
  }

  /** An allowance as it is now. */
  async getAllowance(id: number): Promise<Allowance> {
    return this.request(`/allowance/${segment(id)}`);
  }

  /** Ends an allowance. */
  async cancelAllowance(id: number): Promise<Allowance> {
    return this.request(`/allowance/${segment(id)}`, { method: "DELETE", repeatable: true });
  }

  /** The one that a wallet has given to this client and that may be used now. */
  async getActiveAllowance(wallet: number | "me" = "me"): Promise<Allowance> {
    return this.request(`/allowance/active/${segment(wallet)}`);
  }

  /** Ends what {@link getActiveAllowance} reads. */
  async cancelActiveAllowance(wallet: number | "me" = "me"): Promise<Allowance> {
    return this.request(`/allowance/active/${segment(wallet)}`, { method: "DELETE", repeatable: true });
  }

  /** The largest price that could be reserved by the allowance now, in a currency, `EUR` unless said otherwise. It promises nothing. */
  async getAllowanceLimit(wallet: number | "me" = "me", currency?: string): Promise<AllowanceLeft> {
    return this.request(`/allowance/limit/${segment(wallet)}`, { query: { currency } });
  }

  // --- Cash and documents at a place ---

  /**
   * Puts the cash that a customer has brought into their wallet. Give an `idempotencyKey` of the till's own: only that keeps
   * a program that begins anew after a crash from paying twice.
   */
  async payCashIn(cash: NewCash, options: RequestOptions = {}): Promise<Transaction> {
    return this.#write("POST", "/cash/in", cash, options);
  }

  /** Takes from a customer's wallet what the till hands out once the answer is there. */
  async payCashOut(cash: NewCash, options: RequestOptions = {}): Promise<Transaction> {
    return this.#write("POST", "/cash/out", cash, options);
  }

  /** Sends a code to a contact that nobody has confirmed; the customer reads it out, and it is `code` of {@link payCashIn}. */
  async sendCashCode(customer: CashCustomer, options: RequestOptions = {}): Promise<CashCode> {
    return this.#write("POST", "/cash/code", { customer }, options);
  }

  /** Records that a user showed a document. */
  async identifyUser(user: number, seen: NewIdentification, options: RequestOptions = {}): Promise<IdentificationRequest> {
    return this.#write("POST", `/user/${segment(user)}/identification-request`, seen, options);
  }

  /** What became of such a record. */
  async getIdentification(id: number): Promise<IdentificationRequest> {
    return this.request(`/identification-request/${segment(id)}`);
  }

  // --- What lets others check the ledger: `purser log verify` and tools for transparency logs prove what these read ---

  /** What the log says of a transaction, with proofs, for its parties. */
  async getReceipt(key: string): Promise<LogReceipt> {
    return this.request(`/transaction/${segment(key)}/receipt`);
  }

  /** A proof that the log has only grown since a size, up to another one or to the newest. */
  async getLogConsistency(from: number, to?: number): Promise<LogConsistency> {
    return this.request("/log/consistency", { query: { from, to } });
  }
}
