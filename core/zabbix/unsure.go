package zabbix

import "fmt"

// UnsureError is a request that went out, or may have, without a complete answer:
// nobody can say whether it was carried out.
type UnsureError struct {
	Address string
	Err     error
}

// Error names the address and what happened.
func (e *UnsureError) Error() string {
	return fmt.Sprintf("%s gave no complete answer, so it may have been carried out: %v", e.Address, e.Err)
}

// Unwrap returns what is behind it.
func (e *UnsureError) Unwrap() error { return e.Err }
