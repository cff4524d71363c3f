package main

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"os"
	"strconv"
	"time"

	"github.com/purserhq/purser/internal/auth"
	"github.com/purserhq/purser/internal/secret"
	"github.com/purserhq/purser/internal/store"
	"github.com/purserhq/purser/internal/wallet"
	"github.com/purserhq/purser/money"
)

// naiveShop answers the three calls of a payment's life by the control's means, after the same MAC check as purser's.
type naiveShop struct {
	*naive
	auth *auth.Authenticator
}

// serveNaiveShop is the process of the control.
func serveNaiveShop(ctx context.Context, address, database, kekFile string) error {
	kek, err := os.ReadFile(kekFile)
	if err != nil {
		return err
	}
	box, err := secret.NewBox(secret.Text(kek))
	if err != nil {
		return err
	}
	db, err := store.Open(ctx, database, store.Options{Box: box, Now: time.Now, Log: slog.Default()})
	if err != nil {
		return err
	}
	defer db.Close()
	nonces, err := auth.OpenNonces(kekFile+".nonces", auth.DefaultWindow, time.Now())
	if err != nil {
		return err
	}
	defer nonces.Close()
	control, err := openNaive(ctx, database, time.Now)
	if err != nil {
		return err
	}
	shop := &naiveShop{control, auth.New(auth.Options{
		DB: db, WallClock: time.Now, BusinessClock: time.Now, Window: auth.DefaultWindow, Nonces: nonces, PlainHTTP: true,
	})}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(http.ResponseWriter, *http.Request) {})
	mux.HandleFunc("POST /rest/v1/transaction", shop.signed(shop.post))
	mux.HandleFunc("PUT /rest/v1/transaction/{key}/reserve", shop.signed(shop.putReserve))
	mux.HandleFunc("PUT /rest/v1/transaction/{key}/confirm", shop.signed(shop.putConfirm))
	server := &http.Server{Addr: address, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 20 * time.Second, WriteTimeout: 30 * time.Second, Handler: mux}
	return server.ListenAndServe()
}

// signed proves a request and answers it with the transaction.
func (s *naiveShop) signed(step func(r *http.Request, c wallet.Caller, body []byte) (*wallet.Transaction, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		caller, err := s.auth.Authenticate(r.Context(), r, body, "0123456789abcdef")
		if err != nil {
			http.Error(w, err.Error(), http.StatusUnauthorized)
			return
		}
		t, err := step(r, caller, body)
		if err != nil {
			http.Error(w, err.Error(), http.StatusConflict)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		json.NewEncoder(w).Encode(naiveAnswer{strconv.FormatInt(t.ID, 10), t.Status, t.Payments})
	}
}

// naiveAnswer is what the control says of a transaction.
type naiveAnswer struct {
	Key      string                   `json:"transaction_key"`
	Status   wallet.TransactionStatus `json:"status"`
	Payments []wallet.Payment         `json:"payments"`
}

func (s *naiveShop) post(r *http.Request, c wallet.Caller, body []byte) (*wallet.Transaction, error) {
	var asked struct {
		Payments []struct {
			Description string         `json:"description"`
			Price       int64          `json:"price"`
			Currency    money.Currency `json:"currency"`
		} `json:"payments"`
	}
	if err := json.Unmarshal(body, &asked); err != nil {
		return nil, err
	}
	if len(asked.Payments) != 1 || asked.Payments[0].Price != price.Minor {
		return nil, errors.New("the control knows one kind of payment")
	}
	project, err := c.Project()
	if err != nil {
		return nil, err
	}
	return s.create(r.Context(), c.Nonce, project)
}

func (s *naiveShop) putReserve(r *http.Request, c wallet.Caller, _ []byte) (*wallet.Transaction, error) {
	id, err := strconv.ParseInt(r.PathValue("key"), 10, 64)
	if err != nil {
		return nil, err
	}
	return s.reserve(r.Context(), c.Nonce, id, c.UserID())
}

func (s *naiveShop) putConfirm(r *http.Request, c wallet.Caller, _ []byte) (*wallet.Transaction, error) {
	id, err := strconv.ParseInt(r.PathValue("key"), 10, 64)
	if err != nil {
		return nil, err
	}
	return s.confirm(r.Context(), c.Nonce, id)
}
