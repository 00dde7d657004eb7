package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"penstock/core/zabbix"
)

// setupTimeout is how long one call of setup may take: Zabbix imports a template in
// seconds, and in more on a small machine.
const setupTimeout = time.Minute

// login is how an administrator of Zabbix logs in for setup. Neither a password nor
// a token is ever an argument: everybody on the machine sees these.
type login struct{ url, tokenFile, user, passwordFile, caFile string }

func (l *login) add(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&l.url, "url", "", "`address` of the API, ending with api_jsonrpc.php (zabbix.api.url)")
	flags.StringVar(&l.tokenFile, "token-file", "", "`file` with an API token of an administrator")
	flags.StringVar(&l.user, "user", "", "`name` of an administrator")
	flags.StringVar(&l.passwordFile, "password-file", "", "`file` with the password of --user; without it the terminal is asked")
	flags.StringVar(&l.caFile, "ca-file", "", "`file` with certificates to trust (zabbix.api.ca_file)")
}

// open returns the administrator's API. It connects to nothing.
func (l *login) open(ctx context.Context, e *env, worker *zabbix.APIOptions) (*zabbix.API, error) {
	if l.user == "" && l.tokenFile == "" {
		l.user, l.tokenFile = e.getenv("PENSTOCK_SETUP_USER"), e.getenv("PENSTOCK_SETUP_TOKEN_FILE")
	}
	l.url = cmp.Or(l.url, e.getenv("PENSTOCK_SETUP_URL"), worker.URL)
	l.passwordFile = cmp.Or(l.passwordFile, e.getenv("PENSTOCK_SETUP_PASSWORD_FILE"))
	o := zabbix.APIOptions{
		URL: l.url, TokenFile: l.tokenFile, User: l.user, CAFile: cmp.Or(l.caFile, worker.CAFile), Timeout: setupTimeout,
	}
	switch {
	case o.URL == "":
		return nil, exitError{exitUsage, errors.New("the address of the API is not known"), "set zabbix.api.url, or give --url"}
	case l.user == "" && l.tokenFile == "":
		return nil, exitError{exitUsage, errors.New("no administrator of Zabbix is named"), "give --user or --token-file"}
	case l.user != "" && l.tokenFile != "":
		return nil, exitError{exitUsage, errors.New("--user and --token-file cannot be used together"), "a token needs no login"}
	case l.user != "" && l.passwordFile == "":
		return l.asked(ctx, e, o)
	case l.user != "":
		o.PasswordFile = l.passwordFile
	}
	return opened(o)
}

func opened(o zabbix.APIOptions) (*zabbix.API, error) {
	api, err := zabbix.OpenAPI(o)
	if err != nil {
		return nil, exitError{exitInput, err, ""}
	}
	return api, nil
}

// asked asks the terminal for the password. It reaches the API's client through a
// pipe, as a file that was never on a disk.
func (l *login) asked(ctx context.Context, e *env, o zabbix.APIOptions) (*zabbix.API, error) {
	in, isFile := e.stdin.(*os.File)
	if !isFile || !isTerminal(in) {
		return nil, exitError{exitUsage, errors.New("there is no terminal to ask for the password"), "give --password-file"}
	}
	fmt.Fprintf(e.stderr, "Password of %s in Zabbix: ", printable(l.user))
	password, err := readPassword(ctx, int(in.Fd()))
	fmt.Fprintln(e.stderr)
	if err != nil {
		return nil, err
	}
	r, w, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("hand over the password: %w", err)
	}
	defer func() { _ = r.Close() }() // it was only read
	const fits = 4096                // bytes that a pipe takes without a reader
	if len(password) > fits {
		return nil, exitError{exitInput, errors.New("the password is too long"), ""}
	}
	_, err = w.Write(password)
	if err := errors.Join(err, w.Close()); err != nil {
		return nil, fmt.Errorf("hand over the password: %w", err)
	}
	o.PasswordFile = fmt.Sprintf("/dev/fd/%d", r.Fd())
	return opened(o)
}

// readPassword reads a line that the terminal does not show. Ctrl-C gives the
// terminal back as it was.
func readPassword(ctx context.Context, fd int) ([]byte, error) {
	before, err := term.GetState(fd)
	if err != nil {
		return nil, fmt.Errorf("ask for the password: %w", err)
	}
	type answer struct {
		password []byte
		err      error
	}
	got := make(chan answer, 1)
	go func() { // ends with the line, or with the program
		password, err := term.ReadPassword(fd)
		got <- answer{password, err}
	}()
	select {
	case a := <-got:
		if a.err != nil {
			return nil, fmt.Errorf("ask for the password: %w", a.err)
		}
		return a.password, nil
	case <-ctx.Done():
		_ = term.Restore(fd, before) // a terminal that is gone needs none
		return nil, ctx.Err()
	}
}
