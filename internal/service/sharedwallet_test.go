package service_test

import (
	"testing"

	"github.com/purserhq/purser/internal/service"
	"github.com/purserhq/purser/internal/wallet"
)

// The seeds' picture of projects and wallets: the bakery and the café, 2 and 3, are paid into one wallet of their owner, the
// stall, 1, into another, and each has clients of its own.
func TestProjectsThatShareAWallet(t *testing.T) {
	atTheTill(t, func(t *testing.T, w world) {
		for id, project := range map[int64]int64{22: 2, 23: 2, 33: 3} {
			c := wallet.Client{
				ID: id, MACID: "Counter00" + string(rune('A'+id)), Title: "Counter", Type: wallet.PrivateClient, Projects: []int64{project}, MainProject: project,
				Permissions: []wallet.Permission{wallet.UseWalletAPI, wallet.AcceptWithPIN},
			}
			if _, _, err := w.CreateClient(ctx, operator, c, ""); err != nil {
				t.Fatal(err)
			}
		}
		offer := func(client, cents int64) service.TransactionView {
			view, err := w.CreateTransaction(ctx, w.by(client), newTransaction(eur(cents)))
			if err != nil {
				t.Fatal(err)
			}
			return view
		}
		pay := func(client int64, view service.TransactionView) {
			if _, err := w.ReserveTransaction(ctx, w.by(client), view.Key, service.Reservation{Payer: wallet.Contact{WalletID: 3}, PIN: ritasPIN}); err != nil {
				t.Fatal(err)
			}
			if _, err := w.ConfirmTransaction(ctx, w.by(client), view.Key, nil); err != nil {
				t.Fatal(err)
			}
		}
		for client, cents := range map[int64]int64{22: 100, 23: 20, 33: 3, till: 4000} {
			pay(client, offer(client, cents))
		}
		w.has(2, 123, 0)
		w.has(1, 4000, 0)
		w.has(3, 5877, 0)

		_, err := w.CreateProject(ctx, operator, wallet.Project{ID: 4, Title: "Another's", OwnerID: 3, WalletID: 2})
		refuses(t, "sharing a wallet with another owner", err, wallet.InvalidParameters, "wallet_id")
		_, err = w.UpdateProject(ctx, operator, 1, service.ProjectChange{WalletID: ptr(int64(2))}, true)
		refuses(t, "moving to a wallet of another owner", err, wallet.InvalidParameters, "wallet_id")

		before := offer(33, 500)
		if _, err := w.CreateWallet(ctx, operator, wallet.Wallet{ID: 32, OwnerID: 2}); err != nil {
			t.Fatal(err)
		}
		if _, err := w.UpdateProject(ctx, operator, 3, service.ProjectChange{WalletID: ptr(int64(32))}, true); err != nil {
			t.Fatal(err)
		}
		pay(33, before)
		pay(33, offer(33, 70))
		pay(22, offer(22, 7))
		w.has(2, 123+500+7, 0)
		w.has(32, 70, 0)
	})
}
