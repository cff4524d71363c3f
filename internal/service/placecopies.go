package service

import (
	"context"

	"github.com/purserhq/purser/internal/store"
	"github.com/purserhq/purser/internal/wallet"
)

// RenewCopies has everybody who keeps a copy of the public places begin anew, the next time that they ask what they lack: after
// a backup was restored, of which their copies know nothing. It fails with Forbidden.
func (s *Service) RenewCopies(ctx context.Context, c wallet.Caller) error {
	if err := wallet.May(c, wallet.OperateServer, wallet.Subject{}).Err(); err != nil {
		return err
	}
	return s.operate(ctx, c, func(tx *store.Tx) error {
		if err := tx.RenewLineage(); err != nil {
			return err
		}
		return s.audit(tx, c, "have copies of the places begin anew", serverObject, 0, nil, nil)
	})
}
