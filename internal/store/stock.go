package store

import "context"

// stock are the numbers of a counter that a money writer owns. They rise; what is left of them when the process
// ends is never used.
type stock struct {
	of Counter
	// numbers are used up first, then those of later.
	numbers
	later []numbers
	// each is how many must be at hand for each command of a batch, block how many are taken at least.
	each, block int64
}

// Blocks of numbers. Those that callers see are small, since what is left of them at the end is lost.
const entryBlock, accountBlock, visibleBlock = 4096, 16, 256

// take returns the next number. Past the end of the last block it is not ours to use: see short.
func (s *stock) take() int64 {
	if s.next >= s.end && len(s.later) > 0 {
		s.numbers, s.later = s.later[0], s.later[1:]
	}
	return s.numbers.take()
}

// left is how many are at hand.
func (s *stock) left() int64 {
	left := max(s.end-s.next, 0)
	for _, n := range s.later {
		left += n.end - n.next
	}
	return left
}

// short says whether more were taken than were at hand.
func (s *stock) short() bool { return s.next > s.end }

// add puts a block behind the others.
func (s *stock) add(n numbers) {
	if s.next >= s.end && len(s.later) == 0 {
		s.numbers = n
		return
	}
	s.later = append(s.later, n)
}

// stocks are those of a money writer.
type stocks struct{ entries, accounts, transactions, payments, allowances stock }

func newStocks() stocks {
	return stocks{
		entries:      stock{of: entryIDs, each: 4, block: entryBlock},
		accounts:     stock{of: accountIDs, each: 1, block: accountBlock},
		transactions: stock{of: transactionIDs, each: 1, block: visibleBlock},
		payments:     stock{of: paymentIDs, each: 1, block: visibleBlock},
		allowances:   stock{of: allowanceIDs, each: 1, block: visibleBlock},
	}
}

// fill makes sure that a batch of so many commands, which see so many accounts, has enough numbers at hand.
func (s *stocks) fill(ctx context.Context, db *DB, commands, accounts int) error {
	var low []*stock
	var take []int64
	for _, one := range []*stock{&s.entries, &s.accounts, &s.transactions, &s.payments, &s.allowances} {
		wanted := one.each * int64(commands)
		if one == &s.accounts {
			wanted = int64(accounts)
		}
		if one.left() < wanted {
			low, take = append(low, one), append(take, max(wanted, one.block))
		}
	}
	if len(low) == 0 {
		return nil
	}
	first := make([]int64, len(low))
	err := db.Update(ctx, func(tx *Tx) (err error) {
		for i, one := range low {
			if first[i], err = tx.nextIDs(one.of, take[i]); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err // whose they are is not known: they are left alone
	}
	for i, one := range low {
		one.add(numbers{first[i], first[i] + take[i]})
	}
	return nil
}

// short says whether a batch took more than were at hand, and sees to it that the next attempt has more.
func (s *stocks) short() (short bool) {
	for _, one := range []*stock{&s.entries, &s.transactions, &s.payments, &s.allowances} {
		if one.short() {
			one.each *= 2
			short = true
		}
	}
	return short
}
