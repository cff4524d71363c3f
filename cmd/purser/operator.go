package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"time"

	"github.com/purserhq/purser/internal/httpapi"
	"github.com/purserhq/purser/internal/secret"
	"github.com/purserhq/purser/internal/service"
	"github.com/purserhq/purser/internal/wallet"
	"github.com/purserhq/purser/money"
)

// Operator verbs reach the data in one of two ways: through the socket of the process that
// holds the data folder, or, when none does, by holding the folder for a moment themselves.
// Either way they are small HTTP requests to operatorAPI, so there is one road.

// movement is the body of a credit or a debit, and receipt its answer.
type movement struct {
	// Amount is decimal text in Currency.
	Amount   string         `json:"amount"`
	Currency money.Currency `json:"currency"`
	Reason   string         `json:"reason"`
}

type receipt struct {
	Entry     int64  `json:"entry"`
	Available string `json:"available"`
}

// operatorError is a refusal.
type operatorError struct {
	Code        wallet.Code `json:"error"`
	Description string      `json:"error_description"`
}

// maxOperatorBody bounds a request on the socket, in bytes.
const maxOperatorBody = 64 << 10

// operatorAPI answers operator verbs. Whoever may open the socket is the operator.
func operatorAPI(s *service.Service) http.Handler {
	operator := wallet.Caller{Kind: wallet.Operator}
	mux := http.NewServeMux()
	type move func(context.Context, wallet.Caller, int64, money.Amount, string) (service.Receipt, error)
	for verb, run := range map[string]move{"credit": s.CreditWallet, "debit": s.DebitWallet} {
		mux.HandleFunc("POST /wallet/{id}/"+verb, func(w http.ResponseWriter, r *http.Request) {
			id, m, amount, err := readMovement(r)
			if err != nil {
				replyOperator(w, nil, err)
				return
			}
			done, err := run(r.Context(), operator, id, amount, m.Reason)
			replyOperator(w, receipt{Entry: done.Entry, Available: done.Available.String()}, err)
		})
	}
	return mux
}

func readMovement(r *http.Request) (id int64, m movement, amount money.Amount, err error) {
	if id, err = strconv.ParseInt(r.PathValue("id"), 10, 64); err != nil || id <= 0 {
		return 0, m, amount, wallet.FieldError("wallet", "must be the number of a wallet")
	}
	if err = json.NewDecoder(io.LimitReader(r.Body, maxOperatorBody)).Decode(&m); err != nil {
		return 0, m, amount, wallet.Errorf(wallet.InvalidRequest, "the request is not JSON")
	}
	amount, err = parseAmount(m.Amount, string(m.Currency))
	return id, m, amount, err
}

// parseAmount reads an amount; it fails with InvalidParameters.
func parseAmount(text, code string) (money.Amount, error) {
	currency, err := money.ParseCurrency(code)
	if err != nil {
		return money.Amount{}, wallet.FieldError("currency", "must be an ISO 4217 code, such as EUR")
	}
	amount, err := money.Parse(text, currency)
	switch {
	case errors.Is(err, money.ErrDigits):
		return money.Amount{}, wallet.FieldError("amount", "%s has %d decimal digits", currency, currency.Digits())
	case err != nil:
		return money.Amount{}, wallet.FieldError("amount", "must be a decimal number, such as 12.50")
	}
	return amount, nil
}

func replyOperator(w http.ResponseWriter, out any, err error) {
	w.Header()["Content-Type"] = []string{"application/json"}
	if err != nil {
		shown := operatorError{Code: wallet.InternalServerError, Description: err.Error()}
		var known *wallet.Error
		if errors.As(err, &known) {
			shown = operatorError{Code: known.Code, Description: known.Description}
		}
		w.WriteHeader(httpapi.Status(shown.Code))
		out = shown
	}
	json.NewEncoder(w).Encode(out)
}

// operatorClient calls operatorAPI.
type operatorClient struct{ http *http.Client }

// call posts a request and reads the answer into out.
func (o *operatorClient) call(ctx context.Context, path string, in, out any) error {
	body, err := json.Marshal(in)
	if err != nil {
		return err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://purser"+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	response, err := o.http.Do(request)
	if err != nil {
		return fmt.Errorf("%w; it may have been done all the same, so look before you repeat it", unreachable(err))
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		var refused operatorError
		if err := json.NewDecoder(response.Body).Decode(&refused); err != nil {
			return fmt.Errorf("the server answered %s", response.Status)
		}
		return errors.New(refused.Description)
	}
	return json.NewDecoder(response.Body).Decode(out)
}

// operatorTimeout is how long a verb waits for the server: longer than that may take.
const operatorTimeout = time.Minute

// overSocket talks to the process that listens on a socket.
func overSocket(path string) *operatorClient {
	return &operatorClient{&http.Client{Timeout: operatorTimeout, Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "unix", path)
		},
	}}}
}

// asOperator runs a verb against the data of the configured folder or database.
func (p *program) asOperator(ctx context.Context, c config, verb func(*operatorClient) error) (err error) {
	s := &server{program: p, config: c}
	defer func() {
		if closed := s.close(); err == nil {
			err = closed
		}
	}()
	if err := s.openLog(p.err, true); err != nil {
		return err
	}
	var held *heldError
	if _, err := os.Stat(c.data); err != nil && c.database == "" {
		return fmt.Errorf("there is no data folder %s: name it with --data", c.data) // and make none
	}
	switch err := s.openFolder(); {
	case errors.As(err, &held) && held.Socket != "":
		if c.database != "" && databaseMark(c.database) != held.Database {
			return fmt.Errorf("process %d holds %s and works on another database than --database: name its folder, or another one, with --data", held.PID, c.data)
		}
		return verb(overSocket(held.Socket))
	case err != nil:
		return err
	}
	kek, err := s.verbKEK()
	if err != nil {
		return err
	}
	uses, db, err := s.openService(ctx, s.databaseAddress(), kek, true)
	if err != nil {
		return err
	}
	s.closing(db.Close)
	s.service = uses
	if err := s.listenOperator(); err != nil {
		return err
	}
	return verb(overSocket(s.socket))
}

// verbKEK is the key that a verb opens the database with: the configured one, or that of a
// sandbox that is there. A verb makes none.
func (s *server) verbKEK() (secret.Text, error) {
	if s.config.kek != "" {
		return s.config.kek, nil
	}
	if s.config.database == "" {
		if isNew, err := s.folder.isNew(); err != nil || isNew {
			return "", errors.Join(err, fmt.Errorf("there is no database in %s: name its folder with --data", s.config.data))
		}
	}
	kek, err := s.folder.readSandboxKEK()
	if errors.Is(err, os.ErrNotExist) {
		return "", errors.New("the database's key-encryption key is needed: pass --kek-file, or PURSER_KEK")
	}
	return kek, err
}
