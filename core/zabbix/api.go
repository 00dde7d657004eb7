package zabbix

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"penstock/core/secret"
)

const (
	versionAge   = 10 * time.Minute // then it is asked for again: a frontend may be upgraded under us
	loginRest    = time.Minute      // after a refused login: five in a row block the account
	logoutPeriod = 5 * time.Second
)

// Version is that of the frontend. The server has the same major and minor one.
type Version struct{ Major, Minor, Patch int }

// AtLeast reports whether it is that version or a later one.
func (v Version) AtLeast(major, minor int) bool {
	return v.Major > major || v.Major == major && v.Minor >= minor
}

// String returns it as Zabbix writes it, for instance 6.0.14.
func (v Version) String() string { return fmt.Sprintf("%d.%d.%d", v.Major, v.Minor, v.Patch) }

// API asks the API of a Zabbix frontend, from 6.0 on. It may be used by several
// goroutines at the same time.
type API struct {
	o         APIOptions
	token     secret.Secret // "" where it logs in
	password  secret.Secret
	transport *http.Transport
	now       func() time.Time
	turn      chan struct{} // held by the one that asks for the version or logs in

	mu        sync.Mutex
	version   Version
	versionAt time.Time
	session   secret.Secret // of the login
	refused   error         // the last login, where it was
	refusedAt time.Time
}

// OpenAPI reads the secrets and certificates that the options name. It connects to
// nothing.
func OpenAPI(o APIOptions) (*API, error) {
	var problems []string
	o.check(func(path, text string) { problems = append(problems, path+": "+text) })
	if o.URL == "" {
		problems = append(problems, "url: is missing")
	}
	if len(problems) > 0 {
		return nil, fmt.Errorf("check the options of the Zabbix API: %s", strings.Join(problems, "; "))
	}
	if err := refusePrinting(); err != nil {
		return nil, err
	}
	a := &API{o: o, now: time.Now, turn: make(chan struct{}, 1)}
	var err error
	if o.TokenFile != "" {
		a.token, err = readToken(o.TokenFile)
	} else {
		a.password, err = secret.Read(o.PasswordFile)
	}
	if err != nil {
		return nil, fmt.Errorf("open the Zabbix API: %w", err)
	}
	if a.transport, err = newTransport(&o); err != nil {
		return nil, err
	}
	return a, nil
}

// Call calls a method. The parameters are anything that JSON can hold; nil stands
// for none. The result is decoded into what result points to; nil drops it. Each of
// the requests that a call may need has the deadline of the options. The error is
// an *APIError where the API said no, and an *UnsureError where nobody can say
// whether the call was carried out.
func (a *API) Call(ctx context.Context, method string, params, result any) error {
	version, err := a.Version(ctx)
	if err != nil {
		return err
	}
	body, err := a.call(ctx, version, method, params)
	if err != nil {
		return a.told(method, err)
	}
	if result == nil {
		return nil
	}
	if err := json.Unmarshal(body, result); err != nil {
		err = &UnsureError{Address: a.o.URL, Err: fmt.Errorf("read the result: %w", err)}
		return fmt.Errorf("ask Zabbix: %s: %w", method, err)
	}
	return nil
}

// told wraps an error of call for those outside.
func (a *API) told(method string, err error) error {
	var said *APIError
	if errors.As(err, &said) {
		return fmt.Errorf("ask Zabbix: %w", err) // which names the method
	}
	var wire *wireError
	if errors.As(err, &wire) && wire.sent {
		err = &UnsureError{Address: a.o.URL, Err: wire.err}
	}
	return fmt.Errorf("ask Zabbix: %s: %w", method, err)
}

// Version returns the version of the frontend, which is asked for now and then.
func (a *API) Version(ctx context.Context) (Version, error) {
	if v, fresh := a.known(); fresh {
		return v, nil
	}
	done, err := a.take(ctx)
	if err != nil {
		return Version{}, fmt.Errorf("ask Zabbix for its version: %w", err)
	}
	defer done()
	if v, fresh := a.known(); fresh {
		return v, nil
	}
	var text string
	body, err := a.post(ctx, credential{}, "apiinfo.version", nil)
	if err == nil {
		err = json.Unmarshal(body, &text)
	}
	if err != nil {
		return Version{}, fmt.Errorf("ask the Zabbix at %s for its version: %w", a.o.URL, err)
	}
	v, err := parseVersion(text)
	if err != nil {
		return Version{}, fmt.Errorf("ask the Zabbix at %s for its version: %w", a.o.URL, err)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.version, a.versionAt = v, a.now()
	return v, nil
}

func (a *API) known() (v Version, fresh bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	age := a.now().Sub(a.versionAt)
	return a.version, a.version.Major > 0 && age >= 0 && age < versionAge
}

func parseVersion(text string) (Version, error) {
	var n [3]int
	parts := strings.SplitN(text, ".", 3)
	for i, part := range parts {
		if end := strings.IndexFunc(part, func(r rune) bool { return r < '0' || r > '9' }); end >= 0 {
			part = part[:end] // 7.4.0rc1
		}
		var err error
		if n[i], err = strconv.Atoi(part); err != nil || len(parts) < 2 || len(part) > 4 {
			return Version{}, fmt.Errorf("%q is not a version of Zabbix", plain(text, 40))
		}
	}
	v := Version{n[0], n[1], n[2]}
	if !v.AtLeast(6, 0) {
		return Version{}, fmt.Errorf("it is %s, which is older than 6.0", v)
	}
	return v, nil
}

// call sends a request in our name, and logs in before where that is needed: once
// more where the session had ended.
func (a *API) call(ctx context.Context, version Version, method string, params any) (json.RawMessage, error) {
	if slices.Contains([]string{"apiinfo.version", "user.login", "user.checkAuthentication"}, method) {
		return a.post(ctx, credential{}, method, params) // refused with a token, in every version
	}
	bearer := version.AtLeast(6, 4) // the body is deprecated from there on, and refused from 7.2 on
	if a.token.Reveal() != "" {
		return a.post(ctx, credential{a.token, bearer}, method, params)
	}
	session, err := a.login(ctx, secret.Secret{})
	if err != nil {
		return nil, err
	}
	body, err := a.post(ctx, credential{session, bearer}, method, params)
	if !a.ended(ctx, session, err) {
		return body, err
	}
	if session, err = a.login(ctx, session); err != nil {
		return nil, err
	}
	return a.post(ctx, credential{session, bearer}, method, params)
}

// ended reports whether a call failed because its session is no more. The error of
// the call does not tell: its code is that of wrong parameters, its words are
// translated. So the API is asked about the session itself.
func (a *API) ended(ctx context.Context, session secret.Secret, err error) bool {
	var said *APIError
	if !errors.As(err, &said) || said.Code != CodeParams {
		return false
	}
	_, err = a.post(ctx, credential{}, "user.checkAuthentication", map[string]any{"sessionid": session.Reveal(), "extend": true})
	return errors.As(err, &said)
}

// login returns a session that is not the old one: that of another goroutine, or a
// new one.
func (a *API) login(ctx context.Context, old secret.Secret) (secret.Secret, error) {
	done, err := a.take(ctx)
	if err != nil {
		return secret.Secret{}, fmt.Errorf("log in: %w", err)
	}
	defer done()
	a.mu.Lock()
	session, refused, rest := a.session, a.refused, a.refusedAt.Add(loginRest).Sub(a.now())
	a.mu.Unlock()
	if session.Reveal() != "" && session.Reveal() != old.Reveal() {
		return session, nil
	}
	if refused != nil && rest > 0 && rest <= loginRest {
		return secret.Secret{}, fmt.Errorf("log in: not tried again yet: %w", refused)
	}
	body, err := a.post(ctx, credential{}, "user.login", map[string]string{"username": a.o.User, "password": a.password.Reveal()})
	var text string
	if err == nil {
		err = json.Unmarshal(body, &text)
	}
	if err == nil && (text == "" || len(text) > 256 || strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r > '~' })) {
		err = errors.New("the session is not one word")
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.session, a.refused = secret.Secret{}, nil
	var said *APIError
	if errors.As(err, &said) {
		a.refused, a.refusedAt = err, a.now()
	}
	if err != nil {
		return secret.Secret{}, fmt.Errorf("log in: %w", err)
	}
	a.session = secret.New(text)
	return a.session, nil
}

// take waits for the turn.
func (a *API) take(ctx context.Context) (done func(), err error) {
	select {
	case a.turn <- struct{}{}:
		return func() { <-a.turn }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// post sends one request and returns its result. The error is an *APIError or a
// *wireError.
func (a *API) post(ctx context.Context, who credential, method string, params any) (json.RawMessage, error) {
	answer, err := a.exchange(ctx, who, method, params)
	if err != nil {
		return nil, err
	}
	if e := answer.Error; e.Code != 0 {
		secrets := a.secrets()
		return nil, &APIError{method, e.Code, shown(e.Message, maxErrorText, secrets...), shown(e.Data, maxErrorText, secrets...)}
	}
	return answer.Body, nil
}

// secrets are what no error may show, should the server say it.
func (a *API) secrets() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return []string{a.token.Reveal(), a.password.Reveal(), a.session.Reveal()}
}

// Close logs out where it logged in, and ends connections that are not in use. It
// waits at most a few seconds.
func (a *API) Close() {
	a.mu.Lock()
	session, version := a.session, a.version
	a.session = secret.Secret{}
	a.mu.Unlock()
	if session.Reveal() != "" {
		ctx, cancel := context.WithTimeout(context.Background(), logoutPeriod)
		defer cancel()
		// A session that stays is ended by Zabbix itself in time.
		_, _ = a.post(ctx, credential{session, version.AtLeast(6, 4)}, "user.logout", nil)
	}
	a.transport.CloseIdleConnections()
}
