package httpapi

import (
	"context"
	"time"

	"github.com/purserhq/purser/internal/secret"
	"github.com/purserhq/purser/internal/service"
	"github.com/purserhq/purser/internal/wallet"
	"github.com/purserhq/purser/walletapi"
)

// issueToken: POST /oauth/v1/token (spec/wallet-api.md §3.3, spec/mobile-sdks.md §1.6).
func (a *API) issueToken(ctx context.Context, r *request) (any, error) {
	b, err := newForm(r)
	if err != nil {
		return nil, err
	}
	asked := service.TokenRequest{
		Grant:        service.Grant(b.textOr("grant_type")),
		Code:         secret.Text(b.textOr("code")),
		RefreshToken: secret.Text(b.textOr("refresh_token")),
		RedirectURI:  b.textOr("redirect_uri"),
		Verifier:     b.textOr("code_verifier"),
		Username:     b.textOr("username"),
		Password:     secret.Text(b.textOr("password")),
		Scope:        b.textOr("scope"),
	}
	if err := b.err(); err != nil {
		return nil, err
	}
	return once(r, sealed, func(c wallet.Caller) (service.Tokens, error) {
		return a.Service.IssueTokens(ctx, c, asked)
	}, wireToken)
}

// revokeToken: DELETE /oauth/v1/token. The answer is an object: one SDK decodes it, and another fails on
// nothing at all (spec/mobile-sdks.md §1.6).
func (a *API) revokeToken(ctx context.Context, r *request) (any, error) {
	q, err := newQuery(r.URL.RawQuery)
	if err != nil {
		return nil, err
	}
	access := secret.Text(q.text("access_token"))
	if err := q.err(); err != nil {
		return nil, err
	}
	return struct{}{}, a.Service.RevokeTokens(ctx, r.caller, access)
}

// activateToken: PUT /oauth/v1/tokens/{access_token}/activate (spec/mobile-sdks.md §1.6).
func (a *API) activateToken(ctx context.Context, r *request) (any, error) {
	access := secret.Text(r.PathValue("access_token"))
	return once(r, sealed, func(c wallet.Caller) (service.Tokens, error) {
		return a.Service.ActivateTokens(ctx, c, access)
	}, wireToken)
}

// prepareSession: POST /oauth/v1/session (spec/wallet-api.md §3.2). What the user's browser would be sent back
// with is told to the client at once: no browser is there yet.
func (a *API) prepareSession(ctx context.Context, r *request) (any, error) {
	b, err := newForm(r)
	if err != nil {
		return nil, err
	}
	asked := service.AuthorizationRequest{
		ResponseType: b.textOr("response_type"), ClientID: b.textOr("client_id"), RedirectURI: b.textOr("redirect_uri"),
		Scope: b.textOr("scope"), State: b.textOr("state"),
		Challenge: b.textOr("code_challenge"), ChallengeMethod: b.textOr("code_challenge_method"),
	}
	user := b.inner("user")
	asked.Email = user.textOr("email")
	b.takeOver("user", user)
	if err := b.err(); err != nil {
		return nil, err
	}
	return once(r, sealed, func(c wallet.Caller) (secret.Text, error) {
		return a.Service.PrepareAuthorization(ctx, c, asked)
	}, func(key secret.Text) walletapi.Session { return walletapi.Session{Key: key.Reveal()} })
}

func wireToken(t service.Tokens) walletapi.Token {
	return walletapi.Token{
		AccessToken: t.Access, TokenType: "mac", ExpiresIn: int64(t.ExpiresIn / time.Second),
		MACKey: t.Key.Reveal(), MACAlgorithm: walletapi.Algorithm, RefreshToken: t.Refresh.Reveal(),
	}
}
