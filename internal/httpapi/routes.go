// Package httpapi is the wire: it decodes requests, calls one method of service, and encodes
// the answer. Rules and permissions live elsewhere.
//
// The table below is the table of contents. Every answer is JSON with exactly the header
// "Content-Type: application/json", unknown routes and panics included; success is always
// 200 with the whole object (spec/wallet-api.md §1.3). What is beyond it: net/http by itself
// answers a request that is not HTTP at all or that expects something other than 100-continue.
package httpapi

import (
	"net/http"
	"slices"
	"sort"
	"strings"
)

// route is one line of the table of contents.
type route struct {
	pattern string
	handle  handler
}

// routes is what the server offers.
func (a *API) routes() []route {
	return append(slices.Concat(a.paymentRoutes(), a.allowanceRoutes(), a.placeRoutes(), a.cashRoutes(), a.logRoutes()), []route{
		{"GET /rest/v1/server", public(a.server)},
		{"GET /rest/v1/configuration", public(a.configuration)},
		{"GET /rest/v1/currencies", a.signed(a.currencies)},
		{"GET /rest/v1/client", a.signed(a.client)},
		{"POST /rest/v1/client", a.signed(a.registerDevice)},
		{"GET /rest/v1/clients", a.signed(a.clients)},
		{"GET /rest/v1/client/{id}", a.signed(a.otherClient)},
		{"PUT /rest/v1/client/{id}", a.signed(a.updateClient)},
		{"GET /rest/v1/client/{id}/permissions-to-wallets", a.signed(a.permissionsToWallets)},
		{"GET /rest/v1/client/info/{id}/status", a.signed(a.clientStatus)},
		{"GET /rest/v1/refusal/{request}", a.signed(a.refusal)},
		{"GET /rest/v1/stats", a.signed(a.statistics)},
		{"GET /rest/v1/projects/overview", a.signed(a.overview)},
		{"GET /rest/v1/project/{id}", a.signed(a.project)},
		{"PUT /rest/v1/project/{id}", a.signed(a.updateProject)},
		{"GET /rest/v1/project/{id}/administrators", a.signed(a.administrators)},
		{"POST /rest/v1/project/{id}/administrators", a.signed(a.inviteAdministrator)},
		{"DELETE /rest/v1/project/{id}/administrators/{user}", a.signed(a.removeAdministrator)},
		{"DELETE /rest/v1/project/{id}/invitations/{invitation}", a.signed(a.withdrawInvitation)},
		{"GET /rest/v1/user", a.signed(a.findUser)},
		{"POST /rest/v1/user", a.signed(a.registerUser)},
		{"GET /rest/v1/user/{user}", a.signed(a.user)},
		{"GET /rest/v1/user/{user}/email", a.signed(a.userEmail)},
		{"POST /rest/v1/user/{user}/email", a.signed(a.changeEmail)},
		{"PUT /rest/v1/user/{user}/email", a.signed(a.changeEmail)},
		{"PUT /rest/v1/user/{user}/email/confirm", a.signed(a.confirmEmail)},
		{"GET /rest/v1/user/{user}/phone", a.signed(a.userPhone)},
		{"POST /rest/v1/user/{user}/phone", a.signed(a.changePhone)},
		{"PUT /rest/v1/user/{user}/phone", a.signed(a.changePhone)},
		{"PUT /rest/v1/user/{user}/phone/confirm", a.signed(a.confirmPhone)},
		{"GET /rest/v1/user/{user}/confirmed-phones", a.signed(a.confirmedPhones)},
		{"GET /rest/v1/user/{user}/address", a.signed(a.userAddress)},
		{"GET /rest/v1/user/{user}/identity", a.signed(a.userIdentity)},
		{"GET /rest/v1/user/{user}/pes", a.signed(a.userExposures)},
		{"GET /rest/v1/user/{user}/wallets", a.signed(a.userWallets)},
		{"GET /rest/v1/user/{user}/projects", a.signed(a.userProjects)},
		{"POST /rest/v1/user/password/reset", a.signed(a.resetPassword)},
		{"PUT /rest/v1/user/{user}/password", a.signed(a.setPassword)},
		{"GET /rest/v1/wallet", a.signed(a.findWallet)},
		{"GET /rest/v1/wallets", a.signed(a.findWallets)},
		{"GET /rest/v1/wallet/barcode", a.signed(a.walletBarcode)},
		{"GET /rest/v1/wallet/{wallet}", a.signed(a.wallet)},
		{"PUT /rest/v1/wallet/{wallet}", a.signed(a.describeWallet)},
		{"DELETE /rest/v1/wallet/{wallet}/description", a.signed(a.undescribeWallet)},
		{"GET /rest/v1/wallet/{wallet}/balance", a.signed(a.balance)},
		{"POST /rest/v1/wallet/{wallet}/code", a.signed(a.reserveCode)},
		{"GET /rest/v1/wallet/{wallet}/sufficient-amount", a.signed(a.sufficientAmount)},
		{"GET /rest/v1/wallet/{wallet}/receipt/balance", a.signed(a.balanceReceipt)},
		{"GET /rest/v1/currency-conversion", a.signed(a.calculateConversion)},
		{"POST /rest/v1/currency-conversion", a.signed(a.convertCurrency)},
		{"GET /rest/v1/wallet/{wallet}/statements", a.signed(a.statements)},
		{"GET /rest/v1/wallet/{wallet}/reservation-statements", a.signed(a.reservationStatements)},
		{"GET /rest/v1/wallet/{wallet}/pending-payments", a.signed(a.pendingPayments)},
		{"DELETE /rest/v1/wallet/{wallet}/pending-payment/{payment}", a.signed(a.takePaymentBack)},
		{"POST /oauth/v1/token", a.alone(a.issueToken)},
		{"DELETE /oauth/v1/token", a.alone(a.revokeToken)},
		{"PUT /oauth/v1/tokens/{access_token}/activate", a.alone(a.activateToken)},
		{"POST /oauth/v1/session", a.alone(a.prepareSession)},
	}...)
}

// paymentRoutes are those of transactions and payments.
func (a *API) paymentRoutes() []route {
	return []route{
		{"POST /rest/v1/transaction", a.placed(a.createTransaction)},
		{"GET /rest/v1/transaction/{key}", a.signed(a.transaction)},
		{"DELETE /rest/v1/transaction/{key}", a.signed(a.revokeTransaction)},
		{"GET /rest/v1/transaction/{key}/type/{wallet}", a.signed(a.transactionTypes)},
		{"PUT /rest/v1/transaction/{key}/reserve/{wallet}", a.signed(a.reserveFrom)},
		{"PUT /rest/v1/transaction/{key}/reserve", a.signed(a.reserve)},
		{"PUT /rest/v1/transaction/{key}/confirm", a.signed(a.confirm)},
		{"PUT /rest/v1/transaction/{key}/flash/{wallet}", a.signed(a.flashTo)},
		{"POST /rest/v1/transaction/{key}/flash", a.signed(a.flash)},
		{"POST /rest/v1/transaction/{key}/request", a.signed(a.requestTransaction)},
		{"GET /rest/v1/transaction/{key}/inquired-information", a.signed(a.inquiredInformation)},
		{"GET /rest/v1/transactions", a.signed(a.transactions)},
		{"POST /rest/v1/payment", a.placed(a.createPayment)},
		{"GET /rest/v1/payment/{id}", a.signed(a.payment)},
		{"DELETE /rest/v1/payment/{id}", a.signed(a.cancelPayment)},
		{"PUT /rest/v1/payment/{id}/freeze", a.signed(a.freezePayment)},
		{"PUT /rest/v1/payment/{id}/password", a.signed(a.givePassword)},
		{"PUT /rest/v1/payment/{id}/finalize", a.signed(a.finalizePayment)},
		{"GET /rest/v1/payments", a.signed(a.payments)},
		{"GET /rest/v1/payments/id", a.signed(a.paymentIDs)},
	}
}

// placeRoutes are those of places and their spots.
func (a *API) placeRoutes() []route {
	return []route{
		{"GET /rest/v1/client/locations", a.signed(a.clientLocations)},
		{"GET /rest/v1/locations", public(a.locations)},
		{"GET /rest/v1/locations/pay-categories", public(a.payCategories)},
		{"GET /rest/v1/project/{id}/locations", a.signed(a.projectLocations)},
		{"POST /rest/v1/project/{id}/location", a.signed(a.createLocation)},
		{"GET /rest/v1/location/{id}", a.signed(a.location)},
		{"PUT /rest/v1/location/{id}", a.signed(a.updateLocation)},
		{"GET /rest/v1/spot", a.signed(a.findSpot)},
		{"GET /rest/v1/spots", a.signed(a.spots)},
		{"GET /rest/v1/spot/{id}", a.signed(a.spot)},
		{"DELETE /rest/v1/spot/{id}", a.signed(a.closeSpot)},
		{"PUT /rest/v1/spot/{id}/check-in", a.signed(a.checkIn)},
		{"PUT /rest/v1/spot/{id}/check-out", a.signed(a.checkOut)},
		{"POST /rest/v1/spot/{id}/order", a.signed(a.orderAtSpot)},
	}
}

// cashRoutes are those of cash and documents at a place.
func (a *API) cashRoutes() []route {
	return []route{
		{"POST /rest/v1/cash/in", a.placed(a.cashIn)},
		{"POST /rest/v1/cash/out", a.placed(a.cashOut)},
		{"POST /rest/v1/cash/code", a.placed(a.cashCode)},
		{"POST /rest/v1/wallet/{wallet}/barcode", a.signed(a.oneTimeBarcode)},
		{"POST /rest/v1/user/{user}/identification-request", a.placed(a.identify)},
		{"GET /rest/v1/identification-request/{id}", a.signed(a.identification)},
	}
}

// Patterns lists the routes as method and path, sorted: what the documents are compared with.
func Patterns() []string {
	var patterns []string
	for _, r := range new(API).routes() {
		patterns = append(patterns, r.pattern)
	}
	sort.Strings(patterns)
	return patterns
}

// notOffered is what the protocol has and purser leaves out (decisions.md 14), by path below
// /rest/v1 or /oauth/v1, with what it is. "{rest...}" covers the path above it too.
var notOffered = []struct{ path, what string }{
	{"/rest/v1/cards", "payment cards"},
	{"/rest/v1/card/{rest...}", "payment cards"},
	{"/rest/v1/wallet/{wallet}/card", "payment cards"},
	{"/rest/v1/wallet/{wallet}/confirm", "payment cards"},
	{"/rest/v1/deposit/{rest...}", "payment cards"},
	{"/rest/v1/transfers/{rest...}", "bank transfers"},
	{"/rest/v1/simulated-transfers/{rest...}", "bank transfers"},
	{"/rest/v1/payment-initiation/{rest...}", "bank transfers"},
	{"/transfer/{rest...}", "bank transfers"},
	{"/rest/v1/account/{iban}", "bank accounts by IBAN"},
	{"/rest/v1/epay/{rest...}", "EasyPay"},
	{"/rest/v1/identity-document/{rest...}", "file uploads for identification"},
	{"/rest/v1/additional-document/{rest...}", "file uploads for identification"},
	{"/rest/v1/identification-requests", "file uploads for identification"},
	{"/rest/v1/user/{user}/questionnaire", "questionnaires"},
	{"/rest/v1/confirmations/{rest...}", "confirmations in another app"},
	{"/rest/v1/code", "what a code stands for"},
	{"/rest/v1/contact-book/{rest...}", "contact books"},
	{"/rest/v1/contacts", "contact books"},
	{"/rest/v1/user/{user}/contact-book", "contact books"},
	{"/rest/v1/user/{user}/avatar", "avatars"},
	{"/rest/v1/user/{user}/position", "positions of users"},
	{"/rest/v1/wallet/{wallet}/favourites", "favourites"},
	{"/rest/v1/user/{user}/services", "user services"},
	{"/rest/v1/user/{user}/service/{name}", "user services"},
	{"/rest/v1/jwt/tokens", "JWT tokens"},
	{"/rest/v1/auth-token/token", "auth tokens"},
	{"/rest/v1/generator/{rest...}", "the seed generator"},
	{"/rest/v1/project/mpos-credentials", "MPOS credentials"},
	{"/rest/v1/client/configuration/transfer", "transfer configurations"},
	{"/rest/v1/client/{id}/configuration/transfer", "transfer configurations"},
	{"/partner-oauth/v1/{rest...}", "partner OAuth"},
	{"/oauth/v1/partner-tokens", "partner OAuth"},
	{"/rest/v1/subscriber/{rest...}", "push subscribers"},
	{"/rest/v1/subscribers", "push subscribers"},
	{"/rest/v1/events", "push subscribers"},
	{"/rest/v1/mobile-application-integration/{rest...}", "push subscribers"},
	{"/frontend/wallet/upload-funds", "the page for uploading funds"},
}

// mposCredentials is left out as well. It is no pattern, since the mux takes none that overlaps with another,
// as these do with the routes below a project.
const mposCredentials = "/rest/v1/project/mpos-credentials/"

// otherMethods lists the methods that a path takes, in alphabetical order; none where it is no route.
func (a *API) otherMethods(r *http.Request) (allowed []string) {
	for _, method := range []string{http.MethodDelete, http.MethodGet, http.MethodPost, http.MethodPut} {
		asked := &http.Request{Method: method, URL: r.URL, Host: r.Host}
		_, pattern := a.handler.Handler(asked)
		if slices.ContainsFunc(a.routes(), func(r route) bool { return r.pattern == pattern }) {
			allowed = append(allowed, method)
		}
	}
	return allowed
}

// mux registers the routes and what is not offered; everything else is noRoute's.
func (a *API) mux() *http.ServeMux {
	mux := http.NewServeMux()
	for _, r := range a.routes() {
		mux.Handle(r.pattern, a.endpoint(r.pattern, r.handle))
	}
	for _, n := range notOffered {
		h := a.endpoint("not offered", leftOut(n.what))
		// One pattern per method, so that none conflicts with a wildcard above. Without the bare
		// path beside it, the mux would redirect that to one with a slash.
		for _, method := range []string{"GET ", "POST ", "PUT ", "PATCH ", "DELETE ", "OPTIONS "} {
			mux.Handle(method+n.path, h)
			if bare, ok := strings.CutSuffix(n.path, "/{rest...}"); ok {
				mux.Handle(method+bare, h)
			}
		}
	}
	mux.HandleFunc("GET /crl/{authority}", a.revocationList)
	mux.HandleFunc("GET /ca", a.authority)
	mux.HandleFunc("GET /publickey", a.publicKey)
	a.logFiles(mux)
	mux.Handle("/", a.noRoute)
	return mux
}
