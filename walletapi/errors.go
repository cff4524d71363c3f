package walletapi

import (
	"errors"
	"fmt"
	"slices"
	"time"
)

// APIError is an answer that is not a success (spec/wallet-api.md §1.4). errors.As finds it in what the methods of Client
// return; other errors say that there was no answer, or that it could not be read.
type APIError struct {
	// Status is the HTTP status.
	Status int `json:"-"`
	// RequestID is what the server calls the request: its operator, and the owner of the client, can ask for the reason by it.
	RequestID string `json:"-"`
	// RetryAfter is how long the server asks to wait; 0 where it says nothing.
	RetryAfter time.Duration `json:"-"`
	// Code is the machine-readable name, one of the constants of this package; empty when the answer was not the protocol's.
	Code string `json:"error"`
	// Description says what happened and what to do next.
	Description string `json:"error_description"`
	// Properties names refused fields.
	Properties map[string][]string `json:"error_properties"`
}

// Error is the code, the status and the description.
func (e *APIError) Error() string {
	return fmt.Sprintf("%s (%d): %s", e.Code, e.Status, e.Description)
}

// HasCode says whether an error is an *APIError with one of these codes.
func HasCode(err error, codes ...string) bool {
	var refused *APIError
	return errors.As(err, &refused) && slices.Contains(codes, refused.Code)
}

// The codes of errors (spec/wallet-api.md §1.5). docs/errors.md says of each what to do about it.
const (
	CodeInvalidRequest             = "invalid_request"
	CodeInvalidParameters          = "invalid_parameters"
	CodeUnauthorized               = "unauthorized"
	CodeInvalidTimestamp           = "invalid_timestamp"
	CodeInvalidGrant               = "invalid_grant"
	CodeInvalidScope               = "invalid_scope"
	CodeUnsupportedGrantType       = "unsupported_grant_type"
	CodeInvalidCode                = "invalid_code"
	CodeInvalidPassword            = "invalid_password"
	CodePasswordTooShort           = "password_too_short"
	CodePasswordTooRisky           = "password_too_risky"
	CodeForbidden                  = "forbidden"
	CodeNotFound                   = "not_found"
	CodeMethodNotAllowed           = "method_not_allowed"
	CodeInvalidState               = "invalid_state"
	CodeUserAlreadyExists          = "user_already_exists"
	CodePhoneAlreadyAssigned       = "phone_already_assigned"
	CodeExpectationFailed          = "expectation_failed"
	CodeNotEnoughFunds             = "not_enough_funds"
	CodeLimitsExceeded             = "limits_exceeded"
	CodeRestrictionLimitsExceeded  = "restriction_limits_exceeded"
	CodeNoRights                   = "no_rights"
	CodePaymentToSameAccount       = "payment_to_same_account"
	CodeRestrictionViolation       = "restriction_violation"
	CodeClientNotVerified          = "client_not_verified"
	CodeBeneficiaryAccountInactive = "beneficiary_account_inactive"
	CodePayerAccountInactive       = "payer_account_inactive"
	CodeClientRestricted           = "client_restricted"
	CodeRequestTooLarge            = "request_too_large"
	CodeRateLimitExceeded          = "rate_limit_exceeded"
	CodeInternalServerError        = "internal_server_error"
	CodeServiceUnavailable         = "service_unavailable"
)
