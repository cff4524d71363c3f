package walletapi_test

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"strconv"
	"sync"
	"testing"
	"time"

	sample "github.com/purserhq/purser/internal/sandbox"
	mischief "github.com/purserhq/purser/internal/trouble"
	"github.com/purserhq/purser/walletapi"
)

// payments is how many payments are made in trouble: PURSER_TEST_PAYMENTS, or 60.
func payments(t *testing.T) int {
	t.Helper()
	text := os.Getenv("PURSER_TEST_PAYMENTS")
	if text == "" {
		return 60
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		t.Fatalf("PURSER_TEST_PAYMENTS is %q", text)
	}
	return n
}

// The sandbox makes trouble at 30 %, of all kinds: requests that are refused or lost before their effect, answers that are lost
// after it, a clock that jumps and tokens that end. Every payment is made, once.
func TestPaymentsAreMadeOnceInTheSandboxsTrouble(t *testing.T) {
	const tills = 8
	n := payments(t)
	s := newServer(t)
	plan := mischief.Default()
	plan.Seed, plan.Every = 11, max(120, n) // some four spells
	plan.Hold, plan.Slow = 20*time.Millisecond, 20*time.Millisecond
	maker := s.Trouble("shop", plan)

	shop := as(s, "shop").InProject(1221)
	shop.HTTP = &http.Client{Timeout: 10 * time.Second}
	shop.Retry = walletapi.Retry{Attempts: 20, Pause: time.Millisecond}
	shop.SetPause(func(context.Context, time.Duration) error { return nil }) // who waits as asked needs minutes
	paula := shop.InProject(0).WithToken(tokenOf(s.Manifest.Tokens, 5678), nil)
	orders := make(chan int)
	var all sync.WaitGroup
	for range tills {
		all.Go(func() {
			for order := range orders {
				if err := sell(shop, paula, order); err != nil {
					t.Errorf("order %d: %v", order, err)
				}
			}
		})
	}
	for order := range n {
		orders <- order
	}
	close(orders)
	all.Wait()

	status := maker.All()[0]
	if _, err := maker.Off(status.Client); err != nil {
		t.Fatal(err)
	}
	t.Logf("%d requests for %d payments: %v", status.Requests, n, status.Counts)
	for _, what := range []string{
		"409", "429", "500-before", "500-after", "502-before", "502-after", "timeout-before", "timeout-after", "slow", "cut", "clock", "expiry",
	} {
		if status.Counts[what] == 0 {
			t.Errorf("%s has not happened", what)
		}
	}
	calm := as(s, "shop")
	if balance, err := calm.Balance(ctx, 14471); err != nil || balance["EUR"].AtDisposal != int64(1000_00-n) || balance["EUR"].Reserved != 0 {
		t.Errorf("the payer has %+v, %v", balance["EUR"], err)
	}
	made := map[string]int{}
	for one, err := range calm.AllTransactions(ctx, walletapi.TransactionFilter{ProjectID: 1221}) {
		if err != nil {
			t.Fatal(err)
		}
		made[one.Payments[0].Description+" "+one.Status]++
	}
	for order := range n {
		if name := fmt.Sprintf("Order %d confirmed", order); made[name] != 1 {
			t.Errorf("%s %d times", name, made[name])
		}
	}
	if len(made) != n {
		t.Errorf("made were %v", made)
	}
}

// sell has the payer pay one order, and the shop take the money.
func sell(shop, paula *walletapi.Client, order int) error {
	t, err := shop.CreateTransaction(ctx, walletapi.NewTransaction{
		Payments: []walletapi.NewPayment{{Price: 1, Currency: "EUR", Description: fmt.Sprintf("Order %d", order)}},
	})
	if err != nil {
		return fmt.Errorf("creating it: %w", err)
	}
	if _, err := paula.ReserveFrom(ctx, t.TransactionKey, walletapi.Me, walletapi.Reservation{}); err != nil {
		return fmt.Errorf("paying it: %w", err)
	}
	if _, err := shop.Confirm(ctx, t.TransactionKey, nil); err != nil {
		return fmt.Errorf("taking the money: %w", err)
	}
	return nil
}

// tokenOf is the token that a user of the sample world has given to the shop.
func tokenOf(tokens []sample.Token, user int64) walletapi.Token {
	for _, one := range tokens {
		if one.User == user {
			return walletapi.Token{AccessToken: one.AccessToken, MACKey: one.MACKey, RefreshToken: one.RefreshToken}
		}
	}
	return walletapi.Token{}
}
