package httpapi

import (
	"context"
	"strconv"

	"github.com/purserhq/purser/internal/secret"
	"github.com/purserhq/purser/internal/service"
	"github.com/purserhq/purser/internal/wallet"
	"github.com/purserhq/purser/money"
	"github.com/purserhq/purser/walletapi"
)

// createTransaction: POST /transaction (spec/wallet-api.md §4.8).
func (a *API) createTransaction(ctx context.Context, r *request) (any, error) {
	b, err := newBody(r.body)
	if err != nil {
		return nil, err
	}
	n := b.newTransaction()
	if err := b.err(); err != nil {
		return nil, err
	}
	return once(r, plain, func(c wallet.Caller) (service.TransactionView, error) {
		return a.Service.CreateTransaction(ctx, c, n)
	}, wireTransaction)
}

// transaction: GET /transaction/{key} (spec/wallet-api.md §4.8).
func (a *API) transaction(ctx context.Context, r *request) (any, error) {
	f, err := embedded(r)
	if err != nil {
		return nil, err
	}
	v, err := a.Service.GetTransaction(ctx, r.caller, r.PathValue("key"), f.withProject(), f.withWallets())
	if err != nil {
		return nil, err
	}
	return wireTransactionWith(v, f), nil
}

// The orders of a list of transactions.
const (
	byCreation = "created_at"
	ascending  = "asc"
	descending = "desc"
)

// transactions: GET /transactions (spec/wallet-api.md §4.8, spec/mobile-sdks.md §1.2).
func (a *API) transactions(ctx context.Context, r *request) (any, error) {
	f, err := embedded(r)
	if err != nil {
		return nil, err
	}
	q, err := newQuery(r.URL.RawQuery)
	if err != nil {
		return nil, err
	}
	project := q.whole("project_id", 0, 1, maxBodyID)
	filter := service.TransactionFilter{
		Statuses: words(q, "status", wallet.TransactionStatuses()),
		WalletID: q.whole("wallet", 0, 1, maxBodyID), LocationID: q.whole("location_id", 0, 1, maxBodyID),
		From: q.seconds("from"), To: q.seconds("to"),
		Limit: int(q.whole("limit", defaultLimit, 1, maxLimit)), Offset: int(q.whole("offset", 0, 0, 1<<31-1)),
	}
	q.oneOf("order_by", byCreation)
	filter.Ascending = q.oneOf("order_direction", descending, ascending) == ascending
	if err := q.err(); err != nil {
		return nil, err
	}
	page, total, err := a.Service.ListTransactions(ctx, r.caller, filter, project, f.withProject(), f.withWallets())
	if err != nil {
		return nil, err
	}
	out := walletapi.Transactions{
		Transactions: make([]walletapi.Transaction, len(page)),
		Metadata:     walletapi.Metadata{Total: total, Offset: filter.Offset, Limit: filter.Limit},
	}
	for i, v := range page {
		out.Transactions[i] = wireTransactionWith(v, f)
	}
	return out, nil
}

// transactionTypes: GET /transaction/{key}/type/{wallet|me}, a bare array (spec/wallet-api.md §4.8).
func (a *API) transactionTypes(ctx context.Context, r *request) (any, error) {
	payer, err := pathID(r, "wallet", "wallet_id", true)
	if err != nil {
		return nil, err
	}
	return a.Service.AcceptanceTypes(ctx, r.caller, r.PathValue("key"), payer)
}

// reserveFrom: PUT /transaction/{key}/reserve/{wallet|me} (spec/wallet-api.md §4.8, spec/php-client.md §7.7).
func (a *API) reserveFrom(ctx context.Context, r *request) (any, error) {
	payer, err := pathID(r, "wallet", "wallet_id", true)
	if err != nil {
		return nil, err
	}
	return a.reserveBy(ctx, r, &payer)
}

// reserve: PUT /transaction/{key}/reserve (spec/wallet-api.md §4.8).
func (a *API) reserve(ctx context.Context, r *request) (any, error) { return a.reserveBy(ctx, r, nil) }

// reserveBy has a payer accept whom the path names, or the body where payer is nil.
func (a *API) reserveBy(ctx context.Context, r *request, payer *int64) (any, error) {
	b, err := newBody(r.body)
	if err != nil {
		return nil, err
	}
	reservation := b.reservation(payer)
	if err := b.err(); err != nil {
		return nil, err
	}
	return once(r, plain, func(c wallet.Caller) (service.TransactionView, error) {
		return a.Service.ReserveTransaction(ctx, c, r.PathValue("key"), reservation)
	}, wireTransaction)
}

// confirm: PUT /transaction/{key}/confirm (spec/wallet-api.md §4.8). The body is empty, or lower prices by payment.
func (a *API) confirm(ctx context.Context, r *request) (any, error) {
	b, err := newBody(r.body)
	if err != nil {
		return nil, err
	}
	prices := paymentsByID(b, "", b, mustBePriced)
	if err := b.err(); err != nil {
		return nil, err
	}
	return once(r, plain, func(c wallet.Caller) (service.TransactionView, error) {
		return a.Service.ConfirmTransaction(ctx, c, r.PathValue("key"), prices)
	}, wireTransaction)
}

// revokeTransaction: DELETE /transaction/{key} (spec/wallet-api.md §4.8).
func (a *API) revokeTransaction(ctx context.Context, r *request) (any, error) {
	v, err := a.Service.RevokeTransaction(ctx, r.caller, r.PathValue("key"))
	if err != nil {
		return nil, err
	}
	return wireTransaction(v), nil
}

// flashTo: PUT /transaction/{key}/flash/{wallet|me} (spec/php-client.md §7.7).
func (a *API) flashTo(ctx context.Context, r *request) (any, error) {
	payer, err := pathID(r, "wallet", "wallet_id", true)
	if err != nil {
		return nil, err
	}
	return a.sendFlash(ctx, r, wallet.Contact{WalletID: payer})
}

// flash: POST /transaction/{key}/flash (spec/wallet-api.md §4.8). The payer stands in the body, as for reserving.
func (a *API) flash(ctx context.Context, r *request) (any, error) {
	b, err := newBody(r.body)
	if err != nil {
		return nil, err
	}
	var to service.Reservation
	b.payer(nil, &to)
	if err := b.err(); err != nil {
		return nil, err
	}
	return a.sendFlash(ctx, r, to.Payer)
}

func (a *API) sendFlash(ctx context.Context, r *request, payer wallet.Contact) (any, error) {
	return once(r, plain, func(c wallet.Caller) (service.TransactionView, error) {
		return a.Service.SendFlash(ctx, c, r.PathValue("key"), payer)
	}, wireTransaction)
}

// requestTransaction: POST /transaction/{key}/request (spec/wallet-api.md §4.8). Who is asked is answered as they
// were named: nobody learns from it who has an account.
func (a *API) requestTransaction(ctx context.Context, r *request) (any, error) {
	b, err := newBody(r.body)
	if err != nil {
		return nil, err
	}
	asked := service.NewTransactionRequest{
		UserID: b.idOr("user_id"), Email: b.textOr("email"), Phone: b.textOr("phone"), InitiatorID: b.idOr("initiator_id"),
	}
	if err := b.err(); err != nil {
		return nil, err
	}
	return once(r, plain, func(c wallet.Caller) (service.TransactionRequest, error) {
		return a.Service.RequestTransaction(ctx, c, r.PathValue("key"), asked)
	}, func(made service.TransactionRequest) walletapi.TransactionRequest {
		return walletapi.TransactionRequest{
			ID: made.ID, CreatedAt: made.CreatedAt.Unix(), TransactionKey: made.Key, UserID: asked.UserID,
			Email: made.Email, Phone: made.Phone, InitiatorID: made.InitiatorID,
		}
	})
}

// inquiredInformation: GET /transaction/{key}/inquired-information (spec/wallet-api.md §4.11).
func (a *API) inquiredInformation(ctx context.Context, r *request) (any, error) {
	results, err := a.Service.InquiredInformation(ctx, r.caller, r.PathValue("key"))
	if err != nil {
		return nil, err
	}
	return wireInquiryResults(results), nil
}

// reserveCode: POST /wallet/me/code, which is ours (decisions.md 11).
func (a *API) reserveCode(ctx context.Context, r *request) (any, error) {
	if r.PathValue("wallet") != "me" {
		return nil, wallet.FieldError("wallet_id", "must be me: a code is made by who pays with it")
	}
	return once(r, sealed, func(c wallet.Caller) (service.ReserveCode, error) {
		return a.Service.MakeReserveCode(ctx, c)
	}, func(code service.ReserveCode) walletapi.ReserveCode {
		return walletapi.ReserveCode{Code: code.Code.Reveal(), ExpiresAt: code.ExpiresAt.Unix()}
	})
}

// createPayment: POST /payment (spec/wallet-api.md §4.7).
func (a *API) createPayment(ctx context.Context, r *request) (any, error) {
	b, err := newBody(r.body)
	if err != nil {
		return nil, err
	}
	n := b.newPayment()
	if err := b.err(); err != nil {
		return nil, err
	}
	return once(r, plain, func(c wallet.Caller) (service.PaymentView, error) {
		return a.Service.CreatePayment(ctx, c, n)
	}, wirePayment)
}

// payment: GET /payment/{id} (spec/wallet-api.md §4.7).
func (a *API) payment(ctx context.Context, r *request) (any, error) {
	return a.ofPayment(r, func(id int64) (service.PaymentView, error) { return a.Service.GetPayment(ctx, r.caller, id) })
}

// cancelPayment: DELETE /payment/{id} (spec/wallet-api.md §4.7).
func (a *API) cancelPayment(ctx context.Context, r *request) (any, error) {
	return a.ofPayment(r, func(id int64) (service.PaymentView, error) { return a.Service.CancelPayment(ctx, r.caller, id) })
}

// ofPayment answers with the payment that the path names.
func (a *API) ofPayment(r *request, call func(id int64) (service.PaymentView, error)) (any, error) {
	id, err := pathID(r, "id", "payment_id", false)
	if err != nil {
		return nil, err
	}
	v, err := call(id)
	if err != nil {
		return nil, err
	}
	return wirePayment(v), nil
}

// paymentFilter reads the query of a list of payments.
func paymentFilter(q *query) service.TransactionFilter {
	f := service.TransactionFilter{
		PaymentStatuses: words(q, "status", wallet.PaymentStatuses()),
		WalletID:        q.whole("wallet", 0, 1, maxBodyID),
		Offset:          int(q.whole("offset", 0, 0, 1<<31-1)),
	}
	if q.text("beneficiary") == noBeneficiary {
		f.NoBeneficiary = true
	} else {
		f.BeneficiaryID = q.whole("beneficiary", 0, 1, maxBodyID)
	}
	return f
}

// noBeneficiary asks for payments whose beneficiary has no account yet.
const noBeneficiary = "none"

// payments: GET /payments (spec/wallet-api.md §4.7).
func (a *API) payments(ctx context.Context, r *request) (any, error) {
	q, err := newQuery(r.URL.RawQuery)
	if err != nil {
		return nil, err
	}
	filter := paymentFilter(q)
	filter.Limit = int(q.whole("limit", defaultLimit, 1, maxLimit))
	if err := q.err(); err != nil {
		return nil, err
	}
	page, total, err := a.Service.ListPayments(ctx, r.caller, filter)
	if err != nil {
		return nil, err
	}
	out := walletapi.Payments{
		Payments: make([]walletapi.Payment, len(page)),
		Metadata: walletapi.Metadata{Total: total, Offset: filter.Offset, Limit: filter.Limit},
	}
	for i, v := range page {
		out.Payments[i] = wirePayment(v)
	}
	return out, nil
}

// maxPaymentIDs is how many numbers GET /payments/id answers with at most, and unless less are asked for: there is
// no room beside them to say that there are more.
const maxPaymentIDs = 1000

// paymentIDs: GET /payments/id, a bare array of numbers (spec/wallet-api.md §4.7).
func (a *API) paymentIDs(ctx context.Context, r *request) (any, error) {
	q, err := newQuery(r.URL.RawQuery)
	if err != nil {
		return nil, err
	}
	filter := paymentFilter(q)
	filter.Limit = int(q.whole("limit", maxPaymentIDs, 1, maxPaymentIDs))
	if err := q.err(); err != nil {
		return nil, err
	}
	ids, err := a.Service.ListPaymentIDs(ctx, r.caller, filter)
	if err != nil {
		return nil, err
	}
	return ids, nil
}

// freezePayment: PUT /payment/{id}/freeze (spec/wallet-api.md §4.7, spec/php-client.md §7.5).
func (a *API) freezePayment(ctx context.Context, r *request) (any, error) {
	b, err := newBody(r.body)
	if err != nil {
		return nil, err
	}
	var f wallet.Freeze
	var given bool
	if f.For, f.Until, given = b.period("freeze", 0); !given && len(b.refused) == 0 {
		b.refused.Refuse("freeze", "must be given, or freeze_for or freeze_until; freeze_until 0 ends it")
	}
	return a.changePayment(r, b, func(c wallet.Caller, id int64) (service.PaymentView, error) {
		return a.Service.FreezePayment(ctx, c, id, f)
	})
}

// givePassword: PUT /payment/{id}/password (spec/wallet-api.md §4.7).
func (a *API) givePassword(ctx context.Context, r *request) (any, error) {
	b, err := newBody(r.body)
	if err != nil {
		return nil, err
	}
	value := secret.Text(b.needed("password"))
	return a.changePayment(r, b, func(c wallet.Caller, id int64) (service.PaymentView, error) {
		return a.Service.GivePassword(ctx, c, id, value)
	})
}

// finalizePayment: PUT /payment/{id}/finalize (spec/wallet-api.md §4.7).
func (a *API) finalizePayment(ctx context.Context, r *request) (any, error) {
	b, err := newBody(r.body)
	if err != nil {
		return nil, err
	}
	var lower *money.Amount
	if price, given := b.priced("price"); given {
		lower = &price
	}
	return a.changePayment(r, b, func(c wallet.Caller, id int64) (service.PaymentView, error) {
		return a.Service.FinalizePayment(ctx, c, id, lower)
	})
}

// changePayment changes the payment that the path names, unless something in the body was refused.
func (a *API) changePayment(r *request, b *body, call func(c wallet.Caller, id int64) (service.PaymentView, error)) (any, error) {
	id, err := pathID(r, "id", "payment_id", false)
	if err != nil {
		return nil, err
	}
	if err := b.err(); err != nil {
		return nil, err
	}
	return once(r, plain, func(c wallet.Caller) (service.PaymentView, error) { return call(c, id) }, wirePayment)
}

// placed serves like signed, for calls whose body may name the project and the place too (decisions.md 2).
func (a *API) placed(h handler) handler {
	return a.signed(func(ctx context.Context, r *request) (any, error) {
		named, err := namedInBody(r.body)
		if err != nil {
			return nil, err
		}
		if r.caller, err = a.Auth.AlsoNamed(ctx, r.caller, named); err != nil {
			return nil, err
		}
		return h(ctx, r)
	})
}

// namedInBody reads project_id and location_id of a body. What is no object is left for the handler to refuse.
func namedInBody(raw []byte) (wallet.Named, error) {
	b, err := newBody(raw)
	if err != nil {
		return wallet.Named{}, nil
	}
	var named wallet.Named
	for field, to := range map[string]*string{"project_id": &named.ProjectID, "location_id": &named.LocationID} {
		if id := b.idOr(field); id != 0 {
			*to = strconv.FormatInt(id, 10)
		}
	}
	return named, b.err()
}
