package service_test

import (
	"context"
	"errors"
	"reflect"
	"testing"

	"github.com/purserhq/purser/internal/service"
	"github.com/purserhq/purser/internal/store"
	"github.com/purserhq/purser/internal/wallet"
	"github.com/purserhq/purser/internal/wallettest"
)

// Somebody forgets to pass on who calls, and hands a use case the zero Caller. Whatever the use
// case is, and whatever it is asked, it must refuse before it does anything: permission is its
// first line. A method that takes no caller cannot ask, so there may be none.
func TestNoUseCaseServesAnEmptyCaller(t *testing.T) {
	wallettest.Engines(t, func(t *testing.T, db *store.DB) {
		clock := wallettest.NewClock()
		uses, err := service.New(context.Background(), db, service.Options{
			WallClock: clock.Now, BusinessClock: clock.Now, Box: db.Box, Currencies: wallettest.Currencies,
		})
		if err != nil {
			t.Fatal(err)
		}
		value := reflect.ValueOf(uses)
		for i := range value.NumMethod() {
			name := value.Type().Method(i).Name
			t.Run(name, func(t *testing.T) { refusesNobody(t, value.Method(i)) })
		}
		if value.NumMethod() == 0 {
			t.Error("there are no use cases")
		}
	})
}

// refusesNobody calls a use case with an empty Caller and with nothing else either.
func refusesNobody(t *testing.T, method reflect.Value) {
	arguments := make([]reflect.Value, method.Type().NumIn())
	takesCaller := false
	for i := range arguments {
		switch in := method.Type().In(i); in {
		case reflect.TypeFor[context.Context]():
			arguments[i] = reflect.ValueOf(context.Background())
		case reflect.TypeFor[wallet.Caller]():
			takesCaller = true
			fallthrough
		default:
			arguments[i] = reflect.Zero(in)
		}
	}
	if !takesCaller {
		t.Fatal("it takes no wallet.Caller, so it cannot ask whether this is allowed")
	}
	results := method.Call(arguments)
	err, _ := results[len(results)-1].Interface().(error)
	var refused *wallet.Error
	if !errors.As(err, &refused) || refused.Code != wallet.Forbidden {
		t.Fatalf("it answers %v, want forbidden", err)
	}
	for _, result := range results[:len(results)-1] {
		if !result.IsZero() {
			t.Errorf("it refuses, and yet returns %v", result)
		}
	}
}
