package httpapi

import (
	"context"

	"github.com/purserhq/purser/internal/secret"
	"github.com/purserhq/purser/internal/service"
	"github.com/purserhq/purser/internal/wallet"
	"github.com/purserhq/purser/walletapi"
)

// Cash and documents at a place. The protocol names the services of a place, and no calls for them: these are ours.

// cashIn: POST /cash/in.
func (a *API) cashIn(ctx context.Context, r *request) (any, error) {
	return a.payCash(r, func(c wallet.Caller, n service.NewCash) (service.TransactionView, error) {
		return a.Service.PayCashIn(ctx, c, n)
	})
}

// cashOut: POST /cash/out.
func (a *API) cashOut(ctx context.Context, r *request) (any, error) {
	return a.payCash(r, func(c wallet.Caller, n service.NewCash) (service.TransactionView, error) {
		return a.Service.PayCashOut(ctx, c, n)
	})
}

func (a *API) payCash(r *request, pay func(c wallet.Caller, n service.NewCash) (service.TransactionView, error)) (any, error) {
	b, err := newBody(r.body)
	if err != nil {
		return nil, err
	}
	n := service.NewCash{Customer: b.customer("customer"), Price: mustBePriced("", b), Description: b.textOr("description"), Code: secret.Text(b.textOr("code"))}
	if err := b.err(); err != nil {
		return nil, err
	}
	return once(r, plain, func(c wallet.Caller) (service.TransactionView, error) { return pay(c, n) }, wireTransaction)
}

// customer reads whose wallet cash goes into or comes out of.
func (b *body) customer(field string) service.CashCustomer {
	o := b.inner(field)
	defer b.takeOver(field, o)
	return service.CashCustomer{
		Email: o.textOr("email"), Phone: o.textOr("phone"), Barcode: o.textOr("barcode"),
		OneTimeBarcode: secret.Text(o.textOr("one_time_barcode")), QRCode: secret.Text(o.textOr("qr_code")),
		Code: wallet.PersonCode(o.textOr("person_code")), Nationality: o.textOr("nationality"),
	}
}

// cashCode: POST /cash/code.
func (a *API) cashCode(ctx context.Context, r *request) (any, error) {
	b, err := newBody(r.body)
	if err != nil {
		return nil, err
	}
	to := b.customer("customer")
	if err := b.err(); err != nil {
		return nil, err
	}
	return once(r, plain, func(c wallet.Caller) (service.CashCode, error) { return a.Service.SendCashCode(ctx, c, to) },
		func(sent service.CashCode) walletapi.CashCode {
			return walletapi.CashCode{Email: sent.Email, Phone: sent.Phone, ExpiresAt: sent.ExpiresAt.Unix()}
		})
}

// oneTimeBarcode: POST /wallet/me/barcode.
func (a *API) oneTimeBarcode(ctx context.Context, r *request) (any, error) {
	if r.PathValue("wallet") != "me" {
		return nil, wallet.FieldError("wallet_id", "must be me: a barcode that works once is made by who is paid by it")
	}
	return once(r, sealed, func(c wallet.Caller) (service.ReserveCode, error) {
		return a.Service.MakeOneTimeBarcode(ctx, c)
	}, func(code service.ReserveCode) walletapi.OneTimeBarcode {
		return walletapi.OneTimeBarcode{Barcode: code.Code.Reveal(), ExpiresAt: code.ExpiresAt.Unix()}
	})
}

// identify: POST /user/{id}/identification-request (spec/wallet-api.md §4.5).
func (a *API) identify(ctx context.Context, r *request) (any, error) {
	id, err := pathID(r, "user", "user_id", false)
	if err != nil {
		return nil, err
	}
	b, err := newBody(r.body)
	if err != nil {
		return nil, err
	}
	document, identity := b.inner("document"), b.inner("identity")
	n := wallet.IdentificationRequest{
		UserID: id, Kind: wallet.DocumentKind(document.textOr("type")), Number: wallet.DocumentNumber(document.textOr("number")),
		Identity: wallet.Identity{
			Name: identity.textOr("name"), Surname: identity.textOr("surname"),
			Nationality: identity.textOr("nationality"), Code: wallet.PersonCode(identity.textOr("code")),
		},
		CheckedBy: b.textOr("checked_by"),
	}
	if at := b.moment("checked_at"); at != nil {
		n.CheckedAt = *at
	}
	b.takeOver("document", document)
	b.takeOver("identity", identity)
	if err := b.err(); err != nil {
		return nil, err
	}
	return once(r, sealed, func(c wallet.Caller) (wallet.IdentificationRequest, error) {
		return a.Service.IdentifyUser(ctx, c, n)
	}, wireIdentification)
}

// identification: GET /identification-request/{id} (spec/wallet-api.md §4.5).
func (a *API) identification(ctx context.Context, r *request) (any, error) {
	id, err := pathID(r, "id", "identification_request_id", false)
	if err != nil {
		return nil, err
	}
	i, err := a.Service.GetIdentification(ctx, r.caller, id)
	if err != nil {
		return nil, err
	}
	return wireIdentification(i), nil
}

// The statuses and the provider of an identification in the protocol's words: pending until somebody has reviewed it.
const (
	reviewed       = "reviewed"
	providedByShop = "wallet_partner"
)

// wireIdentification writes an identification. Of the numbers it shows the ends, and no person code at all: who recorded
// them has the document.
func wireIdentification(i wallet.IdentificationRequest) walletapi.IdentificationRequest {
	out := walletapi.IdentificationRequest{
		ID: i.ID, UserID: i.UserID, Status: string(i.Status), Reason: i.Reason, Provider: providedByShop,
		ProjectID: i.ProjectID, LocationID: i.LocationID,
		Document:  walletapi.ShownDocument{Type: string(i.Kind), Number: i.Number.String()},
		Identity:  walletapi.Identity{Name: i.Identity.Name, Surname: i.Identity.Surname, Nationality: i.Identity.Nationality},
		CheckedBy: i.CheckedBy, CheckedAt: i.CheckedAt.Unix(), CreatedAt: i.CreatedAt.Unix(), ReviewedAt: unix(i.DecidedAt),
	}
	if i.Status != wallet.IdentificationPending {
		out.Status, out.Result = reviewed, string(i.Status)
	}
	return out
}
