package wallet

import (
	"fmt"
	"slices"
	"time"
)

// Code is the machine-readable name of an error on the wire (spec/wallet-api.md §1.5).
type Code string

// The codes that purser answers with. docs/errors.md says for each what to do next.
const (
	// InvalidRequest: the request cannot be understood at all.
	InvalidRequest Code = "invalid_request"
	// InvalidParameters: a named field is missing, malformed or out of range.
	InvalidParameters Code = "invalid_parameters"
	// Unauthorized: the request does not prove who sent it.
	Unauthorized Code = "unauthorized"
	// InvalidTimestamp: the request was signed by a clock that is too far off, and nothing
	// else: clients answer it by repeating without limit (spec/mobile-sdks.md §0.3).
	InvalidTimestamp Code = "invalid_timestamp"
	// InvalidGrant: an access token has expired, or what was given for a token is worth none: the
	// description tells these apart, to the letter.
	InvalidGrant Code = "invalid_grant"
	// InvalidScope: a scope that is asked for does not exist, or not like that.
	InvalidScope Code = "invalid_scope"
	// UnsupportedGrantType: a token is asked for in a way that there is not.
	UnsupportedGrantType Code = "unsupported_grant_type"
	// InvalidCode: a code that was sent to somebody was not given back rightly, or too late.
	InvalidCode Code = "invalid_code"
	// InvalidPassword: the present password was not given rightly.
	InvalidPassword Code = "invalid_password"
	// PasswordTooShort and PasswordTooRisky: a new password is not long, or not surprising, enough.
	PasswordTooShort Code = "password_too_short"
	PasswordTooRisky Code = "password_too_risky"
	// UserAlreadyExists: the contact belongs to a user, said to those who may look users up.
	UserAlreadyExists Code = "user_already_exists"
	// PhoneAlreadyAssigned: the same for a phone number that is added to a user.
	PhoneAlreadyAssigned Code = "phone_already_assigned"
	// Forbidden: the caller is known and may not do this.
	Forbidden Code = "forbidden"
	// NotFound: there is no such thing, or no such route.
	NotFound Code = "not_found"
	// MethodNotAllowed: the path exists, with other methods.
	MethodNotAllowed Code = "method_not_allowed"
	// NoRights: the user may not take money out of that wallet.
	NoRights Code = "no_rights"
	// ExpectationFailed: a conversion would come out beyond what the caller accepts.
	ExpectationFailed Code = "expectation_failed"
	// NotEnoughFunds: the account holds less than the movement needs.
	NotEnoughFunds Code = "not_enough_funds"
	// The rest of why a payer, or how, cannot pay (spec/wallet-api.md §1.5): LimitsExceeded and
	// RestrictionLimitsExceeded bound what a user or a wallet pays, the second until the operator lifts it.
	LimitsExceeded            Code = "limits_exceeded"
	RestrictionLimitsExceeded Code = "restriction_limits_exceeded"
	// PaymentToSameAccount: payer and beneficiary are one wallet.
	PaymentToSameAccount Code = "payment_to_same_account"
	// RestrictionViolation: the payer is not what the transaction asks for; ClientNotVerified: not yet
	// known well enough.
	RestrictionViolation Code = "restriction_violation"
	ClientNotVerified    Code = "client_not_verified"
	// BeneficiaryAccountInactive and PayerAccountInactive: a wallet, or its owner, is inactive.
	BeneficiaryAccountInactive Code = "beneficiary_account_inactive"
	PayerAccountInactive       Code = "payer_account_inactive"
	// ClientRestricted: the payer may not pay at all.
	ClientRestricted Code = "client_restricted"
	// InvalidState: the thing is not in a state where that is possible.
	InvalidState Code = "invalid_state"
	// RateLimitExceeded: the caller asks more often than it may.
	RateLimitExceeded Code = "rate_limit_exceeded"
	// RequestTooLarge: the body is longer than the server reads.
	RequestTooLarge Code = "request_too_large"
	// InternalServerError: something of ours went wrong; the log says what.
	InternalServerError Code = "internal_server_error"
	// ServiceUnavailable: the server could not answer in time or is stopping.
	ServiceUnavailable Code = "service_unavailable"
)

// Codes lists every code, in the order of docs/errors.md.
func Codes() []Code {
	return []Code{
		InvalidRequest, InvalidParameters, Unauthorized, InvalidTimestamp, InvalidGrant, InvalidScope,
		UnsupportedGrantType, InvalidCode, InvalidPassword, PasswordTooShort, PasswordTooRisky, Forbidden,
		NotFound, MethodNotAllowed, InvalidState, UserAlreadyExists, PhoneAlreadyAssigned, ExpectationFailed, NotEnoughFunds,
		LimitsExceeded, RestrictionLimitsExceeded, NoRights, PaymentToSameAccount, RestrictionViolation, ClientNotVerified,
		BeneficiaryAccountInactive, PayerAccountInactive, ClientRestricted, RequestTooLarge, RateLimitExceeded,
		InternalServerError, ServiceUnavailable,
	}
}

// Error is the only error that a caller is shown. Any other error is an
// internal_server_error on the wire and stands in the log alone.
type Error struct {
	Code Code
	// Description says what happened and what to do next, in one or two sentences, with no
	// detail that the caller did not know.
	Description string
	// Properties names refused fields, each with at least one sentence; nil when no field is
	// to blame.
	Properties map[string][]string
	// Refusal is the whole reason, where credentials or a permission refused: for the owner of the
	// client and the operator, never for the wire.
	Refusal *Refusal
	// RetryAfter is how long to wait before asking again; 0 where nobody can tell.
	RetryAfter time.Duration
}

// NonceUsed is the sentence of a replay.
const NonceUsed = "Nonce already used: sign every request, a repeated one too, with a new nonce."

// Error is the code and the description.
func (e *Error) Error() string { return string(e.Code) + ": " + e.Description }

// Errorf makes an Error with a formatted description, which begins with a capital letter.
func Errorf(code Code, format string, args ...any) *Error {
	return &Error{Code: code, Description: sentence(fmt.Sprintf(format, args...))}
}

// sentence begins with a capital letter.
func sentence(text string) string {
	if text != "" && text[0] >= 'a' && text[0] <= 'z' {
		return string(text[0]-'a'+'A') + text[1:]
	}
	return text
}

// FieldError refuses one field of a request: an invalid_parameters error that names it.
func FieldError(field, format string, args ...any) *Error {
	sentence := fmt.Sprintf(format, args...)
	return &Error{
		Code:        InvalidParameters,
		Description: field + ": " + sentence,
		Properties:  map[string][]string{field: {sentence}},
	}
}

// FieldErrors gathers refused fields, so that a caller learns of all of them at once.
type FieldErrors map[string][]string

// Refuse adds a sentence about a field.
func (f FieldErrors) Refuse(field, format string, args ...any) {
	f[field] = append(f[field], fmt.Sprintf(format, args...))
}

// Err is nil when no field was refused, otherwise one invalid_parameters error about all.
func (f FieldErrors) Err() error {
	if len(f) == 0 {
		return nil
	}
	names := make([]string, 0, len(f))
	for name := range f {
		names = append(names, name)
	}
	slices.Sort(names)
	first := names[0]
	description := first + ": " + f[first][0]
	if len(names) > 1 {
		description += fmt.Sprintf(" (%d fields in all were refused, see error_properties)", len(names))
	}
	return &Error{Code: InvalidParameters, Description: description, Properties: f}
}
