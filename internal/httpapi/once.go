package httpapi

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/purserhq/purser/internal/wallet"
)

// keeping says how the answer to a request with an idempotency key is stored.
type keeping bool

// Answers that hold credentials, or of a person what is only stored sealed, are kept sealed.
const (
	sealed keeping = true
	plain  keeping = false
)

// once is how every POST and PUT calls its use case and writes what that answers. Where the request has an idempotency
// key, the use case stores the answer in the commit of its effect: those bytes are sent, now and whenever the request is
// repeated (decisions.md 9).
func once[T, W any](r *request, as keeping, call func(c wallet.Caller) (T, error), wire func(T) W) (any, error) {
	r.secret = bool(as)
	c := r.caller
	if c.Once == nil {
		out, err := call(c)
		if err != nil {
			return nil, err
		}
		return wire(out), nil
	}
	var kept []byte
	o := *c.Once
	o.Secret = bool(as)
	o.Encode = func(answer any) (_ []byte, err error) {
		out, ok := answer.(T)
		if !ok {
			return nil, fmt.Errorf("the use case keeps a %T, and answers with a %T", answer, out)
		}
		kept, err = encode(wire(out))
		return kept, err
	}
	c.Once = &o
	if _, err := call(c); err != nil {
		return nil, err
	}
	return rawAnswer{"application/json", kept}, nil
}

// errNotKept is a mistake of ours: a use case that does not keep its answer, or a handler that calls it without once.
var errNotKept = errors.New("the request has an idempotency key, and its answer was not kept")

// keptOrRefused lets nobody believe that a request can be repeated who would have it done twice.
func keptOrRefused(r *request, out any, err error) (any, error) {
	if err != nil || r.caller.Once == nil {
		return out, err
	}
	if raw, ok := out.(rawAnswer); !ok || raw.content == nil {
		return nil, errNotKept
	}
	return out, nil
}

// encode is an answer as it is sent.
func encode(out any) ([]byte, error) {
	buffer := buffers.Get().(*jsonBuffer)
	defer buffers.Put(buffer)
	buffer.Reset()
	if err := buffer.Encode(out); err != nil {
		return nil, err
	}
	return bytes.Clone(bytes.TrimSuffix(buffer.Bytes(), []byte("\n"))), nil
}
