package service

import (
	"context"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/purserhq/purser/internal/wallet"
	"github.com/purserhq/purser/money"
)

// BalanceQuery says how a balance is told. The zero query leaves out what holds nothing.
type BalanceQuery struct {
	// WithEmpty also tells of currencies that the wallet held once.
	WithEmpty bool
	// ConvertTo is the currency that everything is told in as well; empty for none.
	ConvertTo money.Currency
	// WithConvertTo tells of that currency even where the wallet holds none of it.
	WithConvertTo bool
}

// BalanceLine is what a wallet holds in one currency.
type BalanceLine struct {
	wallet.Funds
	// Converted is the same in the currency that was asked for; nil where there is no rate.
	Converted *wallet.Funds
}

// GetBalance returns what a wallet holds, by currency. What is converted is rounded down to a minor unit, and binds nobody. It
// fails like GetWallet, and with InvalidParameters for a currency that this server has not.
func (s *Service) GetBalance(ctx context.Context, c wallet.Caller, id int64, q BalanceQuery) ([]BalanceLine, error) {
	w, err := s.subjectWallet(ctx, c, id, wallet.ReadBalance)
	if err != nil {
		return nil, err
	}
	funds, err := s.db.Funds(ctx, w.ID)
	if err != nil {
		return nil, err
	}
	wanted := func(f wallet.Funds) bool { return q.WithConvertTo && f.Available.Currency == q.ConvertTo }
	if q.WithConvertTo && q.ConvertTo != "" && !slices.ContainsFunc(funds, wanted) {
		none := money.Amount{Currency: q.ConvertTo}
		funds = append(funds, wallet.Funds{Available: none, Reserved: none})
	}
	var rates wallet.Rates
	if q.ConvertTo != "" {
		if rates, err = s.db.Rates(ctx); err != nil {
			return nil, err
		}
	}
	var lines []BalanceLine
	for _, f := range funds {
		if f.Available.Minor == 0 && f.Reserved.Minor == 0 && !q.WithEmpty && !wanted(f) {
			continue
		}
		lines = append(lines, BalanceLine{f, s.convertedFunds(rates, f, q.ConvertTo)})
	}
	return lines, nil
}

// convertedFunds are funds in another currency; nil where there is no rate, or where they do not fit.
func (s *Service) convertedFunds(rates wallet.Rates, f wallet.Funds, to money.Currency) *wallet.Funds {
	if to == "" {
		return nil
	}
	rate := rates.Between(f.Available.Currency, to, s.Currencies)
	if rate == nil {
		return nil
	}
	available, ok1 := wallet.Worth(f.Available, rate, to)
	reserved, ok2 := wallet.Worth(f.Reserved, rate, to)
	if !ok1 || !ok2 {
		return nil
	}
	return &wallet.Funds{Available: available, Reserved: reserved}
}

// HasFunds says whether a wallet has an amount to spend. It fails like GetWallet.
func (s *Service) HasFunds(ctx context.Context, c wallet.Caller, id int64, amount money.Amount) (bool, error) {
	w, err := s.subjectWallet(ctx, c, id, wallet.CheckFunds)
	if err != nil {
		return false, err
	}
	funds, err := s.db.Funds(ctx, w.ID)
	enough := amount.Minor == 0
	for _, f := range funds {
		if f.Available.Currency == amount.Currency {
			enough = f.Available.Minor >= amount.Minor-f.CreditLimit // as a payment would ask
		}
	}
	return enough && err == nil, err
}

// Widths of a printed receipt, in characters.
const (
	DefaultReceiptWidth = 42
	MinReceiptWidth     = 24
	MaxReceiptWidth     = 120
)

// receiptWords are what a receipt says, by language.
var receiptWords = map[string]struct{ title, account, at, reserved, nothing string }{
	"en": {"Balance", "Account", "Time (UTC)", "reserved", "The wallet is empty."},
	"lt": {"Likutis", "Sąskaita", "Laikas (UTC)", "rezervuota", "Piniginė tuščia."},
}

// BalanceReceipt returns what a wallet holds as a text to print, width characters wide, in English or Lithuanian. It fails
// like GetBalance, and with InvalidParameters for a width that no printer has.
func (s *Service) BalanceReceipt(ctx context.Context, c wallet.Caller, id int64, locale string, width int) (string, error) {
	w, err := s.subjectWallet(ctx, c, id, wallet.ReadBalance)
	if err != nil {
		return "", err
	}
	if width < MinReceiptWidth || width > MaxReceiptWidth {
		return "", wallet.FieldError("width", "must be a whole number from %d to %d", MinReceiptWidth, MaxReceiptWidth)
	}
	lines, err := s.GetBalance(ctx, c, w.ID, BalanceQuery{})
	if err != nil {
		return "", err
	}
	language, _, _ := strings.Cut(strings.ToLower(strings.ReplaceAll(locale, "-", "_")), "_")
	words, known := receiptWords[language]
	if !known {
		words = receiptWords["en"]
	}
	text := []string{
		strings.Repeat(" ", (width-utf8.RuneCountInString(words.title))/2) + words.title,
		spread(words.account, w.AccountNumber, width),
		spread(words.at, s.BusinessClock().UTC().Format("2006-01-02 15:04"), width),
		strings.Repeat("-", width),
	}
	if len(lines) == 0 {
		text = append(text, words.nothing)
	}
	for _, l := range lines {
		text = append(text, spread(string(l.Available.Currency), l.Available.Decimal(), width))
		if l.Reserved.Minor != 0 {
			text = append(text, spread("  "+words.reserved, l.Reserved.Decimal(), width))
		}
	}
	return strings.Join(text, "\n") + "\n", nil
}

// spread puts one text to the left and one to the right of a line, or of two where they do not fit into one.
func spread(left, right string, width int) string {
	gap := width - utf8.RuneCountInString(left) - utf8.RuneCountInString(right)
	if gap > 0 {
		return left + strings.Repeat(" ", gap) + right
	}
	return left + "\n" + strings.Repeat(" ", max(width-utf8.RuneCountInString(right), 0)) + right
}
