package wallettest

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/purserhq/purser/internal/service"
	"github.com/purserhq/purser/internal/wallet"
	"github.com/purserhq/purser/money"
)

// operate does what a line of an exchange file has the operator do; the README there lists the lines.
func (s *Server) operate(ctx context.Context, what string) (err error) {
	words := strings.Fields(what)
	switch {
	case what == "due":
		_, err = s.Service.DoDue(ctx, Operator)
	case len(words) == 2 && words[0] == "wait":
		s.Business.Advance(time.Duration(number(words[1])) * time.Second)
		_, err = s.Service.DoDue(ctx, Operator)
	case len(words) == 4 && words[0] == "credit":
		err = s.credit(words[1], words[2], words[3])
	case len(words) == 3 && words[0] == "standing":
		standing := wallet.Standing(words[2])
		_, err = s.Service.UpdateUser(ctx, Operator, number(words[1]), service.UserChange{Standing: &standing}, true)
	case len(words) == 5 && (words[0] == string(wallet.OrdinaryLimit) || words[0] == string(wallet.TemporaryLimit)):
		err = s.limit(wallet.LimitKind(words[0]), words[1], words[2], words[3], words[4])
	default:
		err = fmt.Errorf("%q is nothing that the operator does", what)
	}
	return err
}

// number is the number in a word, 0 for none.
func number(word string) int64 {
	n, _ := strconv.ParseInt(word, 10, 64)
	return n
}

func (s *Server) credit(walletID, decimal, currency string) error {
	amount, err := money.Parse(decimal, money.Currency(currency))
	if err == nil {
		_, err = s.Service.CreditWallet(context.Background(), Operator, number(walletID), amount, "Credit for an exchange")
	}
	return err
}

// limit bounds what a user pays within so many seconds, or with one payment where that is 0.
func (s *Server) limit(kind wallet.LimitKind, user, decimal, currency, within string) error {
	amount, err := money.Parse(decimal, money.Currency(currency))
	if err == nil {
		limit := wallet.SpendingLimit{Kind: kind, Amount: amount, Within: time.Duration(number(within)) * time.Second}
		_, err = s.Service.LimitUser(context.Background(), Operator, number(user), true, []wallet.SpendingLimit{limit}, true)
	}
	return err
}
