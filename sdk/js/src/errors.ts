/** The codes of errors: docs/errors.md says of each what to do about it. */
export type ErrorCode =
  | "invalid_request"
  | "invalid_parameters"
  | "unauthorized"
  | "invalid_timestamp"
  | "invalid_grant"
  | "invalid_scope"
  | "unsupported_grant_type"
  | "invalid_code"
  | "invalid_password"
  | "password_too_short"
  | "password_too_risky"
  | "forbidden"
  | "not_found"
  | "method_not_allowed"
  | "invalid_state"
  | "user_already_exists"
  | "phone_already_assigned"
  | "expectation_failed"
  | "not_enough_funds"
  | "limits_exceeded"
  | "restriction_limits_exceeded"
  | "no_rights"
  | "payment_to_same_account"
  | "restriction_violation"
  | "client_not_verified"
  | "beneficiary_account_inactive"
  | "payer_account_inactive"
  | "client_restricted"
  | "request_too_large"
  | "rate_limit_exceeded"
  | "internal_server_error"
  | "service_unavailable"
  | (string & {});

/** An answer of the server that is not a success. */
export class APIError extends Error {
  override readonly name = "APIError";

  /**
   * @param code - the machine-readable name, such as `not_found`; empty when the answer was not the Wallet API's
   * @param status - the HTTP status
   * @param description - what happened and what to do next, for developers
   * @param properties - the refused fields of the request, each with at least one sentence
   * @param requestId - what the server calls the request: `purser explain` takes it
   * @param retryAfter - how many seconds the server asks to be left alone, where it does
   */
  constructor(
    readonly code: ErrorCode,
    readonly status: number,
    readonly description: string,
    readonly properties: Readonly<Record<string, readonly string[]>> = {},
    readonly requestId = "",
    readonly retryAfter?: number,
  ) {
    super(`${code || "unexpected answer"} (${status}): ${description}`);
  }
}

/** There was no answer, or none that could be read: whether the request took effect is not known. */
export class NetworkError extends Error {
  override readonly name = "NetworkError";

  /** @param code - `timeout`, or `network_error` for everything else; `cause` says more */
  constructor(readonly code: "timeout" | "network_error", message: string, options?: ErrorOptions) {
    super(message, options);
  }
}

/** A callback that the server did not sign. */
export class SignatureError extends Error {
  override readonly name = "SignatureError";
  readonly code = "invalid_signature";
}

/** Reads an error answer. A field's sentences may be one text or a list of them. */
export function readError(status: number, headers: Headers, body: unknown): APIError {
  const answer = (typeof body === "object" && body !== null ? body : {}) as Record<string, unknown>;
  const properties: Record<string, string[]> = {};
  for (const [field, said] of Object.entries((answer["error_properties"] as object | undefined) ?? {})) {
    properties[field] = (Array.isArray(said) ? said : [said]).map(String);
  }
  const seconds = Number(headers.get("retry-after") ?? NaN);
  return new APIError(
    typeof answer["error"] === "string" ? answer["error"] : "",
    status,
    typeof answer["error_description"] === "string" ? answer["error_description"] : "the answer is not the Wallet API's",
    properties,
    headers.get("paysera-correlation-id") ?? "",
    Number.isFinite(seconds) && seconds >= 0 ? seconds : undefined,
  );
}
