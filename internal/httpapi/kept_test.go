package httpapi

import (
	"context"
	"errors"
	"testing"

	"github.com/purserhq/purser/internal/wallet"
	"github.com/purserhq/purser/walletapi"
)

// Somebody writes a handler that calls its use case without once, or a use case that keeps nothing. A request with a key
// is then not answered as if it could be repeated; one without a key is served.
func TestNoAnswerGoesUnkept(t *testing.T) {
	forgets := func(wallet.Caller) (int64, error) { return 7, nil }
	keeps := func(c wallet.Caller) (int64, error) {
		_, err := c.Once.Encode(int64(7))
		return 7, err
	}
	withKey := &request{caller: wallet.Caller{Kind: wallet.ByClient, Once: &wallet.Once{}}}
	for _, story := range []struct {
		what    string
		handler handler
		want    error
	}{
		{"a handler without once", func(context.Context, *request) (any, error) { return wireNumber(7), nil }, errNotKept},
		{"a use case that keeps nothing", func(_ context.Context, r *request) (any, error) { return once(r, plain, forgets, wireNumber) }, errNotKept},
		{"as it should be", func(_ context.Context, r *request) (any, error) { return once(r, plain, keeps, wireNumber) }, nil},
	} {
		out, err := story.handler(context.Background(), withKey)
		if out, err = keptOrRefused(withKey, out, err); !errors.Is(err, story.want) {
			t.Errorf("%s: %v, %v", story.what, out, err)
		}
		if raw, _ := out.(rawAnswer); story.want == nil && string(raw.content) != `{"id":7}` {
			t.Errorf("%s: the bytes that were kept are not sent: %v", story.what, out)
		}
	}
	out, err := once(&request{caller: wallet.Caller{Kind: wallet.ByClient}}, plain, forgets, wireNumber)
	if user, _ := out.(walletapi.User); err != nil || user.ID != 7 {
		t.Errorf("without a key: %v, %v", out, err)
	}
}
