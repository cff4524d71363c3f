package service

import (
	"context"

	"github.com/purserhq/purser/internal/wallet"
)

// Prune removes what has served its time: spent tokens and codes, old sign-ins and messages, and whoever
// registered and never confirmed a contact. It fails with Forbidden.
func (s *Service) Prune(ctx context.Context, c wallet.Caller) error {
	if err := wallet.May(c, wallet.OperateServer, wallet.Subject{}).Err(); err != nil {
		return err
	}
	return s.db.Prune(ctx, s.WallClock(), SignInMost)
}
