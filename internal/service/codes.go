package service

import (
	"context"
	"crypto/subtle"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/purserhq/purser/internal/secret"
	"github.com/purserhq/purser/internal/store"
	"github.com/purserhq/purser/internal/wallet"
)

// Codes that people are sent.
const (
	codeLifetime = 15 * time.Minute
	// codeTries is how often a code may be given back wrongly.
	codeTries = 5
	// codesPerHour and codesPerDay are how many codes one contact is sent, whoever asks: what strangers can have a
	// phone ring, and with codeTries how often they can guess.
	codesPerHour, codesPerDay = 5, 15
)

// sending says how a code goes out.
type sending struct {
	to, locale string
	kind       wallet.MessageKind
	values     map[string]string
	// noCode sends the message without a code. nobody sends it to nobody, at the same cost: nothing of that is
	// told.
	noCode, nobody bool
}

// sendCode stores a confirmation and sends its code. It fails with RateLimitExceeded.
func (s *Service) sendCode(tx *store.Tx, c wallet.Caller, f store.Confirmation, to sending) (id int64, handle secret.Text, err error) {
	if err := s.countTryIn(tx, s.networkGuess("codes", c)); err != nil {
		return 0, "", err
	}
	now := s.BusinessClock()
	for _, limit := range []struct {
		codes  int
		within time.Duration
	}{{codesPerHour, time.Hour}, {codesPerDay, 24 * time.Hour}} {
		recent, err := tx.RecentConfirmations(f, now.Add(-limit.within))
		if err != nil {
			return 0, "", err
		}
		if recent >= limit.codes {
			return 0, "", tooManyTries(limit.within / time.Duration(limit.codes))
		}
	}
	if err := s.countPhone(tx, to.to); err != nil {
		return 0, "", err
	}
	code := secret.NewCode()
	handle = secret.NewKey()
	if f.ID, err = tx.NextID(store.ConfirmationIDs, 0); err != nil {
		return 0, "", err
	}
	f.CreatedAt, f.ExpiresAt = now, now.Add(codeLifetime)
	hash := s.codeHash(f.ID, code)
	if !to.noCode && !to.nobody {
		f.CodeHash = hash
	}
	if err := tx.InsertConfirmation(handle, f); err != nil {
		return 0, "", err
	}
	values := map[string]string{}
	if !to.noCode {
		values = map[string]string{"code": code.Reveal(), "minutes": strconv.Itoa(int(codeLifetime / time.Minute))}
	}
	for name, value := range to.values {
		values[name] = value
	}
	if to.nobody {
		return f.ID, handle, tx.TellNobody(wallet.Message{Kind: to.kind, Locale: to.locale, Values: values})
	}
	return f.ID, handle, tellAt(tx, to.to, to.locale, to.kind, values)
}

// codeHash is how a code is kept: nobody finds it out from the database alone.
func (s *Service) codeHash(confirmation int64, code secret.Text) []byte {
	return s.Box.Fingerprint(fmt.Sprintf("code %d", confirmation), code)
}

var errWrongCode = wallet.Errorf(wallet.InvalidCode, "the code is wrong, was used, or has expired: look at the latest message, or ask for another code.")

// giveBack checks a code, and does and answers what it opens in the same transaction. find finds the confirmation, nil
// for none. A wrong code is counted, and fails with InvalidCode; so does one for nobody.
func giveBack[T any](ctx context.Context, s *Service, c wallet.Caller, code secret.Text, find func(tx *store.Tx) (*store.Confirmation, error), open func(tx *store.Tx, c wallet.Caller, f *store.Confirmation) (T, error)) (T, error) {
	return answerOrRefuse(ctx, s, c, func(tx *store.Tx, c wallet.Caller) (opened T, wrong, err error) {
		network := s.networkGuess("code", c)
		if err := s.countTryIn(tx, network); err != nil {
			return opened, nil, err
		}
		f, err := find(tx)
		if err != nil {
			return opened, nil, err
		}
		if f == nil || !f.Live(s.BusinessClock(), codeTries) {
			return opened, errWrongCode, nil
		}
		if subtle.ConstantTimeCompare(s.codeHash(f.ID, trimCode(code)), f.CodeHash) != 1 {
			return opened, errWrongCode, tx.CountAttempt(f.ID)
		}
		if err := tx.UseConfirmation(f.ID); err != nil {
			return opened, nil, err
		}
		if err := s.takeBack(tx, network); err != nil {
			return opened, nil, err
		}
		opened, err = open(tx, c, f)
		return opened, nil, err
	})
}

// trimCode is a code without the blanks that people type into it.
func trimCode(code secret.Text) secret.Text {
	return secret.Text(strings.ReplaceAll(strings.TrimSpace(code.Reveal()), " ", ""))
}
