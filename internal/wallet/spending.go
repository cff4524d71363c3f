package wallet

import (
	"time"

	"github.com/purserhq/purser/internal/ledger"
	"github.com/purserhq/purser/money"
)

// Spender is who a limit bounds: a user, with all their wallets, or one wallet.
type Spender struct {
	// Kind is SpenderUser or SpenderWallet.
	Kind string
	ID   int64
}

// The kinds of spender.
const (
	SpenderUser   = "user"
	SpenderWallet = "wallet"
)

// Spent is what a spender has paid, or holds for payments, within the window of a limit. Windows are fixed: one
// begins with the first payment after the last one has ended.
type Spent struct {
	Spender
	Currency money.Currency
	Within   time.Duration
	Since    time.Time
	Minor    int64
}

// window is the spending in the window that now falls into: what is left of an old one is nothing.
func (s Spent) window(now time.Time) Spent {
	if now.Sub(s.Since) >= s.Within {
		s.Since, s.Minor = now, 0
	}
	return s
}

// Exceeded is the error of a payment that is more than the limit allows.
func (l SpendingLimit) Exceeded() error {
	if l.Kind == TemporaryLimit {
		return Errorf(RestrictionLimitsExceeded, "the payer may pay no more than %s at the moment: they should ask the operator of their wallet.", l.Amount)
	}
	if l.Within == 0 {
		return Errorf(LimitsExceeded, "the payer's limit is %s for a payment.", l.Amount)
	}
	return Errorf(LimitsExceeded, "the payer's limit is %s within %s.", l.Amount, l.Within)
}

// Spend counts an amount against the limits of a spender. spent is what was spent so far under each; limits of
// other currencies do not count. It returns what changes, or LimitsExceeded or RestrictionLimitsExceeded.
func Spend(now time.Time, who Spender, limits []SpendingLimit, amount money.Amount, spent []Spent) ([]Spent, error) {
	var next []Spent
	for _, l := range limits {
		if l.Amount.Currency != amount.Currency {
			continue
		}
		if l.Within == 0 {
			if amount.Minor > l.Amount.Minor {
				return nil, l.Exceeded()
			}
			continue
		}
		s := find(spent, who, l).window(now)
		sum, err := s.amount().Add(amount)
		if err != nil || sum.Minor > l.Amount.Minor {
			return nil, l.Exceeded()
		}
		s.Minor = sum.Minor
		next = append(next, s)
	}
	return next, nil
}

func (s Spent) amount() money.Amount { return money.Amount{Minor: s.Minor, Currency: s.Currency} }

func find(spent []Spent, who Spender, l SpendingLimit) Spent {
	for _, s := range spent {
		if s.Spender == who && s.Currency == l.Amount.Currency && s.Within == l.Within {
			return s
		}
	}
	return Spent{Spender: who, Currency: l.Amount.Currency, Within: l.Within}
}

// Unspend takes an amount back that was counted at that time, where its window has not ended. It returns what
// changes.
func Unspend(now, counted time.Time, amount money.Amount, spent []Spent) (next []Spent) {
	for _, s := range spent {
		if s.Currency != amount.Currency || now.Sub(s.Since) >= s.Within || counted.Before(s.Since) {
			continue
		}
		s.Minor = max(s.Minor-amount.Minor, 0)
		next = append(next, s)
	}
	return next
}

// Held is what postings of a payer's wallet reserve, by currency; negative for what they give back to it.
func Held(walletID int64, postings []ledger.Posting) (sums []money.Amount) {
	for _, p := range postings {
		minor := int64(0)
		if p.Debit.WalletID == walletID && p.Debit.Purpose == ledger.OfWallet && p.To == ledger.Reserved && p.Debit == p.Credit {
			minor = p.Amount.Minor
		} else if p.Credit.WalletID == walletID && p.Credit.Purpose == ledger.OfWallet && p.Kind != KindCash &&
			(p.Debit == p.Credit || p.Kind == KindReturn) && p.To == ledger.Available {
			minor = -p.Amount.Minor
		}
		if minor == 0 {
			continue
		}
		found := false
		for i := range sums {
			if sums[i].Currency == p.Amount.Currency {
				sums[i].Minor += minor
				found = true
			}
		}
		if !found {
			sums = append(sums, money.Amount{Minor: minor, Currency: p.Amount.Currency})
		}
	}
	return sums
}
