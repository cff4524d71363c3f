package walletapi

import (
	"context"
	"net/http"
)

// What is about people. user is a number, or Me.

// User is a user, as far as the scopes go that the user agreed to (spec/wallet-api.md §4.5).
func (c *Client) User(ctx context.Context, user int64) (*User, error) {
	return get[User](ctx, c, nil, "/user/{me}", user)
}

// FindUser is a user by what they are known by (spec/wallet-api.md §4.5).
func (c *Client) FindUser(ctx context.Context, q UserQuery) (*User, error) {
	return get[User](ctx, c, q.params(), "/user")
}

// RegisterUser makes an account for a person (spec/mobile-sdks.md §1.2).
func (c *Client) RegisterUser(ctx context.Context, u NewUser) (*User, error) {
	if u.Credentials.Type == "" {
		u.Credentials.Type = "main-password"
	}
	return send[User](ctx, c, http.MethodPost, nil, u, "/user")
}

// UserEmail is the user's confirmed e-mail address (spec/php-client.md §7.4).
func (c *Client) UserEmail(ctx context.Context, user int64) (string, error) {
	return text(get[string](ctx, c, nil, "/user/{me}/email", user))
}

// text is a text that is the whole of an answer.
func text(answer *string, err error) (string, error) {
	if err != nil {
		return "", err
	}
	return *answer, nil
}

// ChangeEmail gives a user another e-mail address, which counts once it is confirmed (spec/mobile-sdks.md §1.2).
func (c *Client) ChangeEmail(ctx context.Context, user int64, email string) (*User, error) {
	return send[User](ctx, c, http.MethodPost, nil, Contact{Email: email}, "/user/{me}/email", user)
}

// ConfirmEmail gives back the code that was sent to an e-mail address (spec/mobile-sdks.md §1.2).
func (c *Client) ConfirmEmail(ctx context.Context, user int64, code string) (*User, error) {
	return send[User](ctx, c, http.MethodPut, nil, sentCode{code}, "/user/{me}/email/confirm", user)
}

// sentCode is a code that somebody was sent.
type sentCode struct {
	Code string `json:"code"`
}

// UserPhone is the user's confirmed phone number (spec/php-client.md §7.4).
func (c *Client) UserPhone(ctx context.Context, user int64) (string, error) {
	return text(get[string](ctx, c, nil, "/user/{me}/phone", user))
}

// ChangePhone gives a user another phone number, which counts once it is confirmed (spec/mobile-sdks.md §1.2).
func (c *Client) ChangePhone(ctx context.Context, user int64, phone string) (*User, error) {
	return send[User](ctx, c, http.MethodPost, nil, Contact{Phone: phone}, "/user/{me}/phone", user)
}

// ConfirmPhone gives back the code that was sent to a phone number (spec/mobile-sdks.md §1.2).
func (c *Client) ConfirmPhone(ctx context.Context, user int64, code string) (*User, error) {
	return send[User](ctx, c, http.MethodPut, nil, sentCode{code}, "/user/{me}/phone/confirm", user)
}

// ConfirmedPhones are the user's confirmed phone numbers (spec/php-client.md §7.4).
func (c *Client) ConfirmedPhones(ctx context.Context, user int64) ([]string, error) {
	return list[string](ctx, c, nil, "/user/{me}/confirmed-phones", user)
}

// UserAddress is where a user lives (spec/php-client.md §7.4).
func (c *Client) UserAddress(ctx context.Context, user int64) (*Address, error) {
	return get[Address](ctx, c, nil, "/user/{me}/address", user)
}

// UserIdentity is who a user is (spec/php-client.md §7.4).
func (c *Client) UserIdentity(ctx context.Context, user int64) (*Identity, error) {
	return get[Identity](ctx, c, nil, "/user/{me}/identity", user)
}

// UserExposures are a user's connections to politics (spec/php-client.md §7.4).
func (c *Client) UserExposures(ctx context.Context, user int64) ([]Exposed, error) {
	return list[Exposed](ctx, c, nil, "/user/{me}/pes", user)
}

// UserWallets are a user's wallets, on request with those that are closed (spec/mobile-sdks.md §1.2).
func (c *Client) UserWallets(ctx context.Context, user int64, withInactive bool) ([]Wallet, error) {
	p := params{}
	p.flag("inactive_included", withInactive)
	return list[Wallet](ctx, c, p, "/user/{me}/wallets", user)
}

// ResetPassword sends somebody a code to set a new password with. The number that it answers with stands for the user in SetPassword
// (spec/mobile-sdks.md §1.2).
func (c *Client) ResetPassword(ctx context.Context, r PasswordReset) (*User, error) {
	return send[User](ctx, c, http.MethodPost, nil, r, "/user/password/reset")
}

// SetPassword gives a user another password (spec/mobile-sdks.md §1.2).
func (c *Client) SetPassword(ctx context.Context, user int64, change PasswordChange) (*User, error) {
	return send[User](ctx, c, http.MethodPut, nil, change, "/user/{me}/password", user)
}
