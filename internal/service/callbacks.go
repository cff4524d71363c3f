package service

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/purserhq/purser/internal/secret"
	"github.com/purserhq/purser/internal/store"
	"github.com/purserhq/purser/internal/wallet"
)

// Callbacks tell the client of a transaction what has become of it (spec/wallet-api.md §4.10). What is owed is found in
// one place: after a money command has decided, each transaction that it keeps is compared with what it was, and the
// callback goes into the outbox in the commit of the command.

// unknownDefault is the error of a command that owes a callback of a project whose address was not looked up before.
type unknownDefault struct{ project int64 }

func (*unknownDefault) Error() string {
	return "service: the project's address for callbacks was not known when the command was prepared"
}

// tellingMoney runs a money command of a caller, and has its commit hold the callbacks that it comes to owe.
func tellingMoney[T any](ctx context.Context, s *Service, c wallet.Caller, command store.MoneyCommand[T]) (T, error) {
	if s.Event == nil {
		return store.Money(ctx, s.db, command)
	}
	var none T
	defaults, err := s.callbackDefaults(ctx, c, command.Needs.Transactions)
	if err != nil {
		return none, err
	}
	decide, owed := command.Decide, false
	command.Decide = func(m *store.MoneyTx) (T, error) {
		answer, err := decide(m)
		if err == nil {
			owed, err = s.owe(m, c, defaults)
		}
		return answer, err
	}
	const attempts = 3
	for attempt := 1; ; attempt++ {
		answer, err := store.Money(ctx, s.db, command)
		var missing *unknownDefault
		if errors.As(err, &missing) && attempt < attempts {
			if defaults, err = s.withDefault(ctx, defaults, missing.project); err != nil {
				return none, err
			}
			continue
		}
		if err == nil && owed {
			s.Owed()
		}
		return answer, err
	}
}

// callbackDefaults are the addresses of the projects whose transactions a command of the caller may change, where that
// may come to a callback. From memory, as a rule.
func (s *Service) callbackDefaults(ctx context.Context, c wallet.Caller, transactions []int64) (map[int64]string, error) {
	var defaults map[int64]string // none for most commands
	for _, id := range transactions {
		t, err := s.db.TransactionOnce(ctx, id)
		if err != nil {
			return nil, err
		}
		if t == nil || t.CallbackOff || t.CallbackURI != "" || c.Client != nil && c.Client.ID == t.ClientID {
			continue
		}
		if defaults, err = s.withDefault(ctx, defaults, t.ProjectID); err != nil {
			return nil, err
		}
	}
	return defaults, nil
}

// withDefault adds the address of a project.
func (s *Service) withDefault(ctx context.Context, defaults map[int64]string, project int64) (map[int64]string, error) {
	p, err := s.db.Project(ctx, project)
	if err != nil {
		return nil, err
	}
	if defaults == nil {
		defaults = map[int64]string{}
	}
	if defaults[project] = ""; p != nil {
		defaults[project] = p.CallbackURI
	}
	if defaults[project] == "" && s.DefaultCallback != nil {
		defaults[project] = s.DefaultCallback()
	}
	return defaults, nil
}

// owe adds the callbacks to a command that it has come to owe, and says whether there are any.
func (s *Service) owe(m *store.MoneyTx, c wallet.Caller, defaults map[int64]string) (owed bool, err error) {
	for _, change := range m.Changes() {
		t := change.After
		if change.Before == nil || !t.Tells(change.Before.Status, c) {
			continue
		}
		uri, known := t.CallbackURI, true
		if uri == "" {
			uri, known = defaults[t.ProjectID]
		}
		if !known {
			return false, &unknownDefault{t.ProjectID}
		}
		if uri == "" {
			continue
		}
		view, err := s.moneyView(m, t)
		if err != nil {
			return false, err
		}
		event, err := s.Event(string(t.Status), view)
		if err != nil {
			return false, err
		}
		t.Callbacks++
		m.Owe(wallet.Callback{
			TransactionID: t.ID, Number: t.Callbacks, ProjectID: t.ProjectID, Type: t.Status, URI: uri, Event: string(event), At: m.Now(),
		})
		owed = true
	}
	return owed, nil
}

// callbackLease is how long a process has to send a callback before another one tries.
const callbackLease = 2 * time.Minute

// TakeCallbacks returns callbacks that are due, no more than there is room for, and keeps them from other processes for
// two minutes. It gives up some of those first that have waited for too long. It fails with Forbidden.
func (s *Service) TakeCallbacks(ctx context.Context, c wallet.Caller, room wallet.CallbackRoom) ([]wallet.Callback, error) {
	if err := wallet.May(c, wallet.OperateServer, wallet.Subject{}).Err(); err != nil {
		return nil, err
	}
	now := s.WallClock()
	if room.GiveUpAfter > 0 {
		if err := s.db.GiveUpCallbacks(ctx, now, s.BusinessClock().Add(-room.GiveUpAfter)); err != nil {
			return nil, err
		}
	}
	return s.db.DueCallbacks(ctx, now, now.Add(callbackLease), room)
}

// CallbackTried records what became of an attempt to send a callback. retry says, of how often it was tried by now, when
// to try again, or that it is given up. It fails with Forbidden.
func (s *Service) CallbackTried(ctx context.Context, c wallet.Caller, transaction, number int64, a wallet.CallbackAttempt, retry func(tries int) (after time.Duration, giveUp bool)) error {
	if err := wallet.May(c, wallet.OperateServer, wallet.Subject{}).Err(); err != nil {
		return err
	}
	a.At = s.BusinessClock()
	return s.db.Update(ctx, func(tx *store.Tx) error { return tx.CallbackTried(transaction, number, a, retry) })
}

// ToldClient returns the number of the client that is told of a transaction. It fails with Forbidden and NotFound.
func (s *Service) ToldClient(ctx context.Context, c wallet.Caller, transaction int64) (int64, error) {
	if err := wallet.May(c, wallet.OperateServer, wallet.Subject{}).Err(); err != nil {
		return 0, err
	}
	t, err := s.db.TransactionOnce(ctx, transaction)
	if err == nil && t == nil {
		err = errNoTransaction()
	}
	if err != nil {
		return 0, err
	}
	return t.ClientID, nil
}

// CallbackFilter says which callbacks a list is of. Key is that of a transaction; empty fields do not filter.
type CallbackFilter struct {
	Key       string
	ProjectID int64
	State     store.CallbackState
	// Limit 0 is no limit.
	Limit, Offset int
}

// CallbackStates lists the states of a callback.
func CallbackStates() []store.CallbackState {
	return []store.CallbackState{store.CallbackWaiting, store.CallbackDelivered, store.CallbackGivenUp}
}

// CallbackView is a callback with the key of its transaction, and with the attempts to send it where they were asked for.
type CallbackView struct {
	wallet.Callback
	Key   string
	Tries []wallet.CallbackAttempt
}

// ListCallbacks returns a page of callbacks, those of the latest transactions first, and how many there are in all. It
// fails with Forbidden and NotFound.
func (s *Service) ListCallbacks(ctx context.Context, c wallet.Caller, f CallbackFilter) ([]CallbackView, int, error) {
	if err := wallet.May(c, wallet.OperateServer, wallet.Subject{}).Err(); err != nil {
		return nil, 0, err
	}
	filter := store.CallbackFilter{ProjectID: f.ProjectID, State: f.State, Limit: f.Limit, Offset: f.Offset}
	if f.Key != "" {
		var ok bool
		if filter.TransactionID, ok = s.Box.Number(f.Key); !ok {
			return nil, 0, errNoTransaction()
		}
	}
	found, total, err := s.db.Callbacks(ctx, filter)
	views := make([]CallbackView, len(found))
	for i, callback := range found {
		views[i] = CallbackView{Callback: callback, Key: s.Box.Handle(callback.TransactionID)}
	}
	return views, total, err
}

// maxCallbacks bounds the callbacks of one transaction that are shown: it has no more statuses than that.
const maxCallbacks = 100

// InspectCallbacks returns the callbacks of a transaction with every attempt to send them, the first one first. It fails
// with Forbidden and NotFound.
func (s *Service) InspectCallbacks(ctx context.Context, c wallet.Caller, key string) ([]CallbackView, error) {
	views, _, err := s.ListCallbacks(ctx, c, CallbackFilter{Key: key, Limit: maxCallbacks})
	if err != nil {
		return nil, err
	}
	if len(views) == 0 {
		return nil, wallet.Errorf(wallet.NotFound, "there are no callbacks of this transaction: its client was owed none, or they were removed since.")
	}
	attempts, err := s.db.CallbackAttempts(ctx, views[0].TransactionID)
	if err != nil {
		return nil, err
	}
	ordered := make([]CallbackView, len(views))
	for i, v := range views {
		v.Tries = attempts[v.Number]
		ordered[len(views)-1-i] = v
	}
	return ordered, nil
}

// SendCallback has a callback sent now, whatever became of it before: with the same event and the same id. It fails with
// Forbidden and NotFound.
func (s *Service) SendCallback(ctx context.Context, c wallet.Caller, key string, number int64) error {
	err := s.operate(ctx, c, func(tx *store.Tx) error {
		id, _ := s.Box.Number(key)
		sent, err := tx.SendCallback(id, number)
		if err != nil {
			return err
		}
		if !sent {
			return wallet.Errorf(wallet.NotFound, "there is no callback %d of this transaction: check the key and the number.", number)
		}
		return s.audit(tx, c, fmt.Sprintf("send callback %d", number), transactionObject, id, nil, nil)
	})
	if err == nil {
		s.Owed()
	}
	return err
}

// The settings with the keys that callbacks are signed with, sealed, and with the public ones, both the newest first.
const (
	callbackKeys       = "callback keys"
	callbackPublicKeys = "callback public keys"
)

// CallbackKey returns the key that callbacks are signed with, as PEM. The first call ever makes it. It fails with
// Forbidden.
func (s *Service) CallbackKey(ctx context.Context, c wallet.Caller) (secret.Text, error) {
	if err := wallet.May(c, wallet.OperateServer, wallet.Subject{}).Err(); err != nil {
		return "", err
	}
	sealed, err := s.db.Setting(ctx, callbackKeys)
	if err != nil {
		return "", err
	}
	if sealed == nil {
		if sealed, _, err = s.firstCallbackKey(ctx); err != nil {
			return "", err
		}
	}
	keys, err := s.Box.Open(sealed, "setting "+callbackKeys)
	return secret.FirstBlock(keys), err
}

// PublicKeys returns what callbacks are checked with, to anybody: the public keys as PEM blocks, the one that signs now
// first, and behind it the one that did before. It fails with Forbidden.
func (s *Service) PublicKeys(ctx context.Context, c wallet.Caller) ([]byte, error) {
	if err := wallet.May(c, wallet.ReadPublic, wallet.Subject{}).Err(); err != nil {
		return nil, err
	}
	public, err := s.db.Setting(ctx, callbackPublicKeys)
	if err == nil && public == nil {
		_, public, err = s.firstCallbackKey(ctx)
	}
	return public, err
}

// firstCallbackKey makes the first key, unless somebody has.
func (s *Service) firstCallbackKey(ctx context.Context) (sealed, public []byte, err error) {
	fresh, err := secret.NewRSAKey()
	if err != nil {
		return nil, nil, err
	}
	err = s.db.Update(ctx, func(tx *store.Tx) (err error) {
		if sealed, err = tx.Setting(callbackKeys); err != nil {
			return err
		}
		if sealed != nil {
			public, err = tx.Setting(callbackPublicKeys)
			return err
		}
		sealed, public, err = s.keepCallbackKeys(tx, fresh)
		return err
	})
	return sealed, public, err
}

// keepCallbackKeys stores keys in the place of those that there are.
func (s *Service) keepCallbackKeys(tx *store.Tx, keys secret.Text) (sealed, public []byte, err error) {
	if public, err = secret.PublicRSAKeys(keys); err != nil {
		return nil, nil, err
	}
	sealed = s.Box.Seal(keys, "setting "+callbackKeys)
	return sealed, public, errors.Join(tx.SetSetting(callbackKeys, sealed), tx.SetSetting(callbackPublicKeys, public))
}

// RotateCallbackKey makes another key to sign callbacks with, from now on, and returns the public keys: the new one, and
// the one before, which goes on being published until the next time. It fails with Forbidden.
func (s *Service) RotateCallbackKey(ctx context.Context, c wallet.Caller) (public []byte, err error) {
	if err := wallet.May(c, wallet.OperateServer, wallet.Subject{}).Err(); err != nil {
		return nil, err
	}
	fresh, err := secret.NewRSAKey()
	if err != nil {
		return nil, err
	}
	err = s.operate(ctx, c, func(tx *store.Tx) error {
		keys := fresh
		sealed, err := tx.Setting(callbackKeys)
		if err != nil {
			return err
		}
		if sealed != nil {
			old, err := s.Box.Open(sealed, "setting "+callbackKeys)
			if err != nil {
				return err
			}
			keys += secret.FirstBlock(old)
		}
		if _, public, err = s.keepCallbackKeys(tx, keys); err != nil {
			return err
		}
		return s.audit(tx, c, "rotate the key of callbacks", serverObject, 0, nil, nil)
	})
	return public, err
}
