package lab

import "context"

// TryAs asks the API as another user, by a token of theirs. Result may be nil.
func (s *ZabbixServer) TryAs(token, method string, params, result any) error {
	return s.call(context.Background(), token, method, params, result)
}
