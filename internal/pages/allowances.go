package pages

import (
	"context"
	"strings"

	"github.com/purserhq/purser/internal/service"
	"github.com/purserhq/purser/internal/wallet"
	"github.com/purserhq/purser/money"
)

// allowanceAsked is an allowance as a payer reads it, who is asked for it or has given it.
type allowanceAsked struct {
	ID             int64
	Title, Project string
	// Bounds are how much may be taken, and Until how long; Places where, empty for everywhere.
	Bounds []string
	Until  string
	Places string
	// Optional allowances have a box of their own, which is ticked where On.
	Optional, On bool
	// Taken is how much was taken so far.
	Taken string
}

// allowance says what may be taken by an allowance.
func (l *language) allowance(a *wallet.Allowance, project string, places []*wallet.Location) *allowanceAsked {
	out := &allowanceAsked{ID: a.ID, Title: a.Description, Project: project, Taken: l.amount(a.Amount(a.Spent))}
	if a.Max > 0 {
		out.Bounds = append(out.Bounds, l.text("allow.total", l.amount(a.Amount(a.Max))))
	}
	for _, limit := range a.Limits {
		out.Bounds = append(out.Bounds, l.text("allow.limit", l.amount(a.Amount(limit.Max)), l.span(limit.Within)))
	}
	if a.ValidUntil.IsZero() {
		out.Until = l.text("allow.for", l.span(a.ValidFor))
	} else {
		out.Until = l.text("allow.until", moment(a.ValidUntil))
	}
	var names []string
	for _, place := range places {
		if place != nil {
			names = append(names, place.Title.In(l.code))
		}
	}
	out.Places = strings.Join(names, ", ")
	return out
}

// offeredAllowance is the allowance that a payment page asks for, nil for none.
func (r *request) offeredAllowance(pay payment, f form) *allowanceAsked {
	if pay.Allowance == nil || pay.AllowanceDeclined {
		return nil
	}
	out := r.language.allowance(pay.Allowance, pay.ProjectTitle, pay.Places)
	out.Optional, out.On = pay.AllowanceOptional, f.Has("allowance", "yes")
	return out
}

// suggestedAllowance is the field of an allowance that the payer may give, nil where none is suggested.
func (r *request) suggestedAllowance(pay payment, f form) *input {
	if pay.Suggests == "" {
		return nil
	}
	l := r.language
	return &input{
		ID: "suggested", Name: "suggested", Type: "text", Value: f.Value("suggested"), Mode: "decimal", Autocomplete: "off",
		Label: l.text("allow.suggested", pay.ProjectTitle, string(pay.Suggests), l.span(wallet.DefaultAllowanceLife)),
		Hint:  l.text("allow.suggested.hint"), Wrong: f.wrong["suggested"], Focus: f.wrong["suggested"] != "",
	}
}

// readAllowance reads what the payer says about allowances.
func (r *request) readAllowance(pay payment, a *service.Approval, f *form) {
	a.GiveAllowance = f.Has("allowance", "yes")
	text := strings.ReplaceAll(strings.ReplaceAll(r.text("suggested"), " ", ""), ",", ".")
	if pay.Suggests == "" || text == "" {
		return
	}
	amount, err := money.Parse(text, pay.Suggests)
	if err != nil || !amount.Positive() || !wallet.Countable(amount) {
		f.wrong["suggested"] = r.language.text("wrong.suggested")
		return
	}
	a.Suggested = amount
}

// given are the allowances of who is signed in, as they stand beside the programs that act for them.
func (p *pages) given(ctx context.Context, r *request) (list []*allowanceAsked, err error) {
	own, err := p.Service.OwnAllowances(ctx, r.caller)
	for _, a := range own {
		list = append(list, r.language.allowance(a.Allowance, a.ProjectTitle, a.Places))
	}
	return list, err
}

// cancelAllowance takes an allowance back.
func (p *pages) cancelAllowance(ctx context.Context, r *request) (reply, error) {
	_, err := p.Service.CancelOwnAllowance(ctx, r.caller, r.number("allowance"))
	return reply{to: r.link("/apps?notice=allowance-canceled")}, err
}
