package service_test

import (
	"sync"
	"testing"
	"time"

	"github.com/purserhq/purser/internal/service"
	"github.com/purserhq/purser/internal/store"
	"github.com/purserhq/purser/internal/wallet"
)

// Rita, an administrator of Ona's project, is dismissed while her edit waits to be written, and so is her edit: it is judged by
// what its transaction sees.
func TestADismissedAdministratorChangesNoPlace(t *testing.T) {
	withPeople(t, func(t *testing.T, w world) {
		words := wallet.Words{IsPlain: true, Plain: "Rita was here"}
		for what, change := range map[string]func(c wallet.Caller) error{
			"edit": func(c wallet.Caller) error {
				return errorOf(w.EditLocation(ctx, c, 11, service.LocationEdit{TitleWords: words}))
			},
			"add": func(c wallet.Caller) error {
				return errorOf(w.AddLocation(ctx, c, 1, service.LocationEdit{TitleWords: words, AddressWords: words}))
			},
		} {
			if err := w.AddAdministrator(ctx, operator, 1, 3); err != nil {
				t.Fatal(err)
			}
			c := w.withToken(site, 3, wallet.ScopeProjects)
			if err := w.whileItWaits(func() error { return change(c) }, func(tx *store.Tx) error {
				_, err := tx.DropAdministrator(1, 3)
				return err
			}); err != nil {
				refuses(t, what, err, wallet.Forbidden)
			} else {
				t.Errorf("%s: the dismissed administrator is served", what)
			}
		}
	})
}

// whileItWaits begins what somebody does, and has something else happen when that has looked around and waits to be written: a
// process writes one thing at a time.
func (w world) whileItWaits(do func() error, happens func(tx *store.Tx) error) error {
	w.t.Helper()
	done := make(chan error, 1)
	var once sync.Once
	err := w.db.Update(ctx, func(tx *store.Tx) error {
		once.Do(func() {
			go func() { done <- do() }()
			time.Sleep(200 * time.Millisecond) // so that it waits by now
		})
		return happens(tx)
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return <-done
}
