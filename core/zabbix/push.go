package zabbix

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
)

// Pusher hands values over through history.push of the API, from 7.0 on. It is a
// Door, and says which values were refused.
type Pusher struct{ api *API }

// NewPusher returns one that asks as the API does.
func NewPusher(a *API) *Pusher { return &Pusher{a} }

// Send hands over at most MostValues values in one request. The error is an
// *UnsureError where nobody can say whether they arrived: also where the frontend
// says that it could not hand them to the server, as it may not have waited for it.
func (p *Pusher) Send(ctx context.Context, values []Value) (Taken, error) {
	if len(values) > MostValues {
		return Taken{}, fmt.Errorf("push %d values: a request has at most %d", len(values), MostValues)
	}
	if len(values) == 0 {
		return Taken{}, nil // which the API refuses
	}
	version, err := p.api.Version(ctx)
	if err != nil {
		return Taken{}, err
	}
	if !version.AtLeast(7, 0) {
		return Taken{}, fmt.Errorf("push values: Zabbix is %s, and takes them from 7.0 on: set zabbix.send.way to sender", version)
	}
	body := make([]wireValue, len(values))
	for i, v := range values {
		clock, ns := wireTime(v.At)
		body[i] = wireValue{wireText(v.Host), wireText(v.Key), wireText(v.Value), clock, ns}
	}
	var result struct {
		Data []struct {
			Error json.RawMessage `json:"error"` // text, which says nothing that decides
		} `json:"data"`
	}
	err = p.api.Call(ctx, "history.push", body, &result)
	var said *APIError
	switch {
	case errors.As(err, &said) && said.Code == CodeApplication:
		return Taken{}, &UnsureError{Address: p.api.o.URL, Err: err}
	case err != nil:
		return Taken{}, err
	case len(result.Data) != len(values):
		return Taken{}, &UnsureError{Address: p.api.o.URL, Err: fmt.Errorf("history.push: %d answers came for %d values", len(result.Data), len(values))}
	}
	var taken Taken
	for i, d := range result.Data {
		if len(d.Error) > 0 {
			taken.Which = append(taken.Which, i)
		}
	}
	taken.Failed = len(taken.Which)
	taken.Processed = len(values) - taken.Failed
	return taken, nil
}
