package service_test

import (
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/purserhq/purser/internal/service"
	"github.com/purserhq/purser/internal/wallet"
)

// What one call does to two transactions is two leaves: the receipt of one tells nothing of the other, whose payer may be
// somebody else.
func TestReceiptsTellNothingOfOtherTransactions(t *testing.T) {
	atTheTill(t, func(t *testing.T, w world) {
		tells := func(view service.TransactionView, wanted ...string) {
			t.Helper()
			receipt, err := w.GetLogReceipt(ctx, w.by(till), view.Key)
			if err != nil {
				t.Fatal(err)
			}
			var told []string
			for _, leaf := range receipt.Leaves {
				if leaf.Index < 0 {
					t.Errorf("leaf %q is not in the log", leaf.Text)
				}
				for line := range strings.Lines(string(leaf.Text)) {
					switch words := strings.Fields(line); words[0] {
					case "entry": // its kind and amount
						told = append(told, words[2]+" "+words[3])
					case "transaction":
						told = append(told, words[2])
						if words[1] != strconv.FormatInt(view.ID, 10) {
							t.Errorf("the receipt of transaction %d tells of transaction %s", view.ID, words[1])
						}
					}
				}
			}
			if diff := cmp.Diff(wanted, told); diff != "" {
				t.Errorf("the receipt of transaction %d (-want +got):\n%s", view.ID, diff)
			}
		}
		if _, err := w.SequenceLog(ctx, operator); err != nil { // which gives the log its name
			t.Fatal(err)
		}

		held, made := w.reserved(eur(1111)), w.offers(eur(2222))
		if _, err := w.ReserveTransaction(ctx, w.by(till), made.Key, service.Reservation{
			Payer: wallet.Contact{WalletID: 3}, PIN: ritasPIN, RevokeKey: held.Key,
		}); err != nil {
			t.Fatal(err)
		}
		tells(made, "hold 2222", "reserved", "new")
		tells(held, "release 1111", "revoked", "hold 1111", "reserved", "new")

		payment := w.offers(eur(333))
		moved, err := w.CreateTransaction(ctx, w.by(till), service.NewTransaction{Moved: []int64{payment.Payments[0].ID}})
		if err != nil {
			t.Fatal(err)
		}
		tells(moved, "new")
		tells(payment, "deleted", "new")
	})
}
