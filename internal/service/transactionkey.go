package service

import "fmt"

// transactionKey is what a transaction is called by outside.
func (s *Service) transactionKey(id int64) string { return fmt.Sprint(id) }

// passwordPlace is where the password of a payment is sealed for.
func passwordPlace(payment int64) string { return fmt.Sprint("payment password ", payment) }
