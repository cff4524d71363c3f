package service

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/purserhq/purser/internal/ledger"
	"github.com/purserhq/purser/internal/store"
	"github.com/purserhq/purser/internal/wallet"
	"golang.org/x/sync/errgroup"
)

// What happens by itself: reservations and freezes end, transactions that nobody accepted vanish, those that wait for
// money or for somebody to register go on, places look different. It is due rows in the database, and follow-up commands that look again
// whether there is something to do, so that it harms nothing when two processes do the same.
const (
	// timerLease is how long a process does this work for all on one database, unless it goes on.
	timerLease = 10 * time.Second
	timerEvery = time.Second
	// timerBatch is how much is looked at in one go, timerCallers how much of it is done at once.
	timerBatch, timerCallers = 256, 64
	// turnsATick is how many places turn in one go, so that many that do at midnight hold nothing else up; the others follow a
	// second later.
	turnsATick = 8 * timerBatch
)

// RunTimers does what is due, and again every second, until ctx ends. It fails with
// Forbidden.
func (s *Service) RunTimers(ctx context.Context, c wallet.Caller) error {
	if err := wallet.May(c, wallet.OperateServer, wallet.Subject{}).Err(); err != nil {
		return err
	}
	tick := time.NewTicker(timerEvery)
	defer tick.Stop()
	var mine time.Time // until when this process does it
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		if err := s.tick(ctx, c, &mine); err != nil && ctx.Err() == nil {
			s.db.Log.Error("what is due could not be done; it is tried again", "error", err)
		}
	}
}

// tick does what is due, where this process is the one that does. mine is until when it is, on the wall clock.
func (s *Service) tick(ctx context.Context, c wallet.Caller, mine *time.Time) error {
	if now := s.WallClock(); mine.Sub(now) < timerLease/2 {
		taken, err := s.db.TakeLease(ctx, "timers", now, timerLease)
		if err != nil || !taken {
			return err
		}
		*mine = now.Add(timerLease)
	}
	if s.moving.TryLock() { // otherwise the clock is being moved, which does it on its way
		_, err := s.doDue(ctx, timerCallers, turnsATick)
		s.moving.Unlock()
		if err != nil {
			return err
		}
	}
	// Often, so that it is never much: each request that changes something leaves one.
	return s.db.ForgetNonces(ctx, s.WallClock())
}

// DoDue does all that is due now, and returns how much that was. What cannot be done holds nothing else up, and is
// in the error. It fails with Forbidden.
func (s *Service) DoDue(ctx context.Context, c wallet.Caller) (done int, err error) {
	if err := wallet.May(c, wallet.OperateServer, wallet.Subject{}).Err(); err != nil {
		return 0, err
	}
	return s.doDue(ctx, timerCallers, math.MaxInt)
}

// doDue is DoDue, with so many transactions at once, and at most so many places.
func (s *Service) doDue(ctx context.Context, callers, places int) (done int, err error) {
	expire := func(ctx context.Context) (int, error) { return s.expire(ctx, callers) }
	turn := func(ctx context.Context) (int, error) { return s.turnPlaces(ctx, places) }
	for _, work := range []func(context.Context) (int, error){expire, s.registered, s.funded, s.tellAwaited, s.expireAllowances, turn} {
		n, failed := work(ctx)
		done, err = done+n, errors.Join(err, failed)
	}
	return done, err
}

// expire ends what its time has come for, much at a time, so that it is committed together.
func (s *Service) expire(ctx context.Context, callers int) (done int, err error) {
	for last := int64(0); ; {
		due, err := s.db.DueTransactions(ctx, s.BusinessClock(), timerBatch)
		if err != nil || len(due) == 0 || due[0] == last {
			return done, err
		}
		last = due[0]
		failed := make([]error, len(due))
		var group errgroup.Group
		group.SetLimit(callers)
		for i, id := range due {
			group.Go(func() error {
				failed[i] = about(id, s.follow(ctx, id, func(m *store.MoneyTx, t *wallet.Transaction) ([]ledger.Posting, error) {
					return t.Expire(m.Now()), nil
				}))
				return nil
			})
		}
		group.Wait()
		for _, err := range failed {
			if err == nil {
				done++
			}
		}
		if err := errors.Join(failed...); err != nil {
			return done, err
		}
	}
}

// turnPlaces has places count as altered that look different by now, at most so many.
func (s *Service) turnPlaces(ctx context.Context, most int) (done int, err error) {
	for done < most {
		turned, err := s.db.TurnPlaces(ctx, timerBatch)
		if done += turned; err != nil || turned < timerBatch {
			return done, err
		}
	}
	return done, nil
}

// about names the transaction that something went wrong with; nil stays nil.
func about(id int64, err error) error {
	if err != nil {
		err = fmt.Errorf("transaction %d: %w", id, err)
	}
	return err
}

// follow is a follow-up command about a transaction.
func (s *Service) follow(ctx context.Context, id int64, how func(m *store.MoneyTx, t *wallet.Transaction) ([]ledger.Posting, error)) error {
	once, err := s.db.Transaction(ctx, id)
	if err != nil || once == nil {
		return err
	}
	_, err = s.move(ctx, wallet.Caller{Kind: wallet.Operator}, once, how)
	return err
}

// registered lets payments go to contacts that have become somebody's.
func (s *Service) registered(ctx context.Context) (done int, err error) {
	arrived, err := s.db.ArrivedContacts(ctx, timerBatch)
	for _, a := range arrived {
		went, failed := s.arrive(ctx, a)
		if went {
			done++
		}
		err = errors.Join(err, about(a.TransactionID, failed))
	}
	return done, err
}

// arrive lets a payment go to the wallet of who its contact has become.
func (s *Service) arrive(ctx context.Context, a store.Awaited) (went bool, err error) {
	user, err := s.db.UserByContact(ctx, a.Contact)
	if err != nil {
		return false, err
	}
	own, err := s.db.OwnWallet(ctx, user)
	if err != nil || user == 0 || own == 0 {
		return false, err
	}
	err = s.follow(ctx, a.TransactionID, func(m *store.MoneyTx, t *wallet.Transaction) ([]ledger.Posting, error) {
		m.Arrived(a.Contact, t.ID)
		return t.Register(a.Contact, own)
	})
	return err == nil, err
}

// funded reserves what was waiting for money that has come.
func (s *Service) funded(ctx context.Context) (done int, err error) {
	for after := int64(0); ; {
		ids, failed := s.db.Funded(ctx, after, timerBatch)
		if err = errors.Join(err, failed); failed != nil || len(ids) == 0 {
			return done, err
		}
		for _, id := range ids {
			after = id
			held, failed := s.retry(ctx, id)
			if err = errors.Join(err, about(id, failed)); held {
				done++
			}
		}
	}
}

// errStillWaiting leaves a transaction as it is.
var errStillWaiting = errors.New("service: the transaction goes on waiting")

// retry tries again to hold the money of a transaction that waits for it.
func (s *Service) retry(ctx context.Context, id int64) (held bool, err error) {
	once, err := s.db.Transaction(ctx, id)
	if err != nil || once == nil || once.Status != wallet.WaitingFunds {
		return false, err
	}
	payer, err := s.db.Holder(ctx, once.WalletID)
	if err != nil {
		return false, err
	}
	a := wallet.Acceptance{Payer: payer, By: once.PayerID}
	if err := s.withBeneficiaries(ctx, once, &a); err != nil {
		return false, err
	}
	_, err = moneyAs(ctx, s, wallet.Caller{Kind: wallet.Operator}, moveNeeds(once, payer), func(m *store.MoneyTx) (TransactionView, error) {
		t, err := m.Transaction(id)
		if err != nil {
			return TransactionView{}, err
		}
		was := stageOf(t)
		holds, err := t.Retry(a)
		if err != nil || len(holds) == 0 {
			return TransactionView{}, errStillWaiting
		}
		if err := s.hold(m, t, payer, holds); err != nil {
			return TransactionView{}, err
		}
		if t.Status == wallet.WaitingFunds {
			return TransactionView{}, errStillWaiting
		}
		if err := allowancesFollow(m, was, t); err != nil {
			return TransactionView{}, err
		}
		m.Keep(t)
		return s.transactionView(t), nil
	})
	var refused *wallet.Error
	if errors.Is(err, errStillWaiting) || errors.As(err, &refused) {
		return false, nil // it is tried again when more comes, until its time is over
	}
	return err == nil, err
}

// tellAwaited tells contacts that money waits for them.
func (s *Service) tellAwaited(ctx context.Context) (done int, err error) {
	list, err := s.db.Uninvited(ctx, timerBatch)
	for _, a := range list {
		if failed := s.inviteAwaited(ctx, a); failed != nil {
			err = errors.Join(err, about(a.TransactionID, failed))
			continue
		}
		done++
	}
	if done > 0 {
		s.Told()
	}
	return done, err
}

// inviteAwaited tells one of them, once.
func (s *Service) inviteAwaited(ctx context.Context, a store.Awaited) error {
	t, err := s.db.Transaction(ctx, a.TransactionID)
	if err != nil {
		return err
	}
	values := s.offerValues(ctx, t)
	values["link"] = s.PublicURL + "/frontend/register"
	return s.db.Update(ctx, func(tx *store.Tx) error {
		first, err := tx.Invited(a)
		if err != nil || !first {
			return err
		}
		return tellAt(tx, a.Contact, "", wallet.MoneyWaits, values)
	})
}
