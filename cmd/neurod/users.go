package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"golang.org/x/term"

	"github.com/neurod/neurod/internal/auth"
	"github.com/neurod/neurod/internal/config"
	"github.com/neurod/neurod/internal/service/accounts"
	"github.com/neurod/neurod/internal/store"
	"github.com/neurod/neurod/models"
)

// usersCmd is an operator's way to accounts: the first of a server, where nobody may sign up, among them.
type usersCmd struct {
	Add    usersAddCmd    `cmd:"" help:"Make an account."`
	Passwd usersPasswdCmd `cmd:"" help:"Give an account another password, and end its logins."`
	Unlink usersUnlinkCmd `cmd:"" help:"Forget who the user of an account is at the provider of logins, and end its logins."`
	List   usersListCmd   `cmd:"" help:"List the accounts."`
	Remove usersRemoveCmd `cmd:"" help:"Delete an account with the projects that have no other member and everything in them."`

	Operator usersOperatorCmd `cmd:"" help:"Make an account an operator, who may see the state of the whole server, or end that."`
	Role     usersRoleCmd     `cmd:"" help:"Give a member of a project another role, or remove them."`
}

// asOperator runs f on the accounts of the configured database; the audit log names the operator.
func asOperator(ctx context.Context, f func(ctx context.Context, a *accounts.Service, s *store.Store) error) error {
	settings, err := config.Load(os.Environ())
	if err != nil {
		return err
	}
	s, err := store.Open(ctx, settings.Store())
	if err != nil {
		return err
	}
	defer s.Close()
	if settings.Embedded() {
		_, err = s.Migrate(ctx, "up")
	} else {
		err = s.CheckMigrated(ctx)
	}
	if err != nil {
		return err
	}
	accounts := accounts.New(accounts.Config{Store: s, Passwords: auth.NewPasswords(auth.PasswordConfig{})})
	return said(f(models.WithOrigin(ctx, models.Origin{Actor: models.ActorOperator}), accounts, s))
}

// said words an error of the service for a terminal: its message, and what is wrong with each field.
func said(err error) error {
	var known *models.Error
	if !errors.As(err, &known) {
		return err
	}
	text := known.Text()
	if known.Code == models.InvalidRequestBody && known.Message == "" { // there is no body here
		text = "Not valid:"
	}
	for _, f := range known.Fields {
		text += " " + f.Path.String() + " " + f.Message + "."
	}
	if known.Cause != nil {
		text += " " + known.Cause.Error()
	}
	return errors.New(text)
}

// passwordInput is where a password comes from: never from the command line, which other users of the machine can see.
type passwordInput struct {
	PasswordStdin bool `name:"password-stdin" help:"Read the password from the first line of standard input instead of asking for it."`
}

// maxPasswordLine is longer than any password that is taken.
const maxPasswordLine = 64 << 10

func (p passwordInput) read() (string, error) {
	if p.PasswordStdin {
		line, err := bufio.NewReader(io.LimitReader(os.Stdin, maxPasswordLine)).ReadString('\n')
		if err != nil && !errors.Is(err, io.EOF) {
			return "", fmt.Errorf("read the password: %w", err)
		}
		return strings.TrimRight(line, "\r\n"), nil
	}
	if !term.IsTerminal(int(os.Stdin.Fd())) {
		return "", errors.New("standard input is not a terminal: give --password-stdin, and the password on the first line")
	}
	first, err := hidden("Password: ")
	if err != nil {
		return "", err
	}
	again, err := hidden("Once more: ")
	if err != nil {
		return "", err
	}
	if first != again {
		return "", errors.New("the two passwords differ")
	}
	return first, nil
}

// hidden asks without showing what is typed.
func hidden(prompt string) (string, error) {
	fmt.Fprint(os.Stderr, prompt)
	b, err := term.ReadPassword(int(os.Stdin.Fd()))
	fmt.Fprintln(os.Stderr)
	if err != nil {
		return "", fmt.Errorf("read the password: %w", err)
	}
	return string(b), nil
}

type usersAddCmd struct {
	Email         string `arg:"" help:"E-mail address, by which the user logs in."`
	passwordInput `embed:""`
}

// Run makes an account.
func (c usersAddCmd) Run(ctx context.Context) error {
	password, err := c.read()
	if err != nil {
		return err
	}
	return asOperator(ctx, func(ctx context.Context, a *accounts.Service, _ *store.Store) error {
		u, err := a.AddUser(ctx, c.Email, password)
		if err != nil {
			return err
		}
		fmt.Printf("added %s (%s)\n", u.Email, u.ID)
		return nil
	})
}

type usersPasswdCmd struct {
	Email         string `arg:"" help:"E-mail address of the account."`
	passwordInput `embed:""`
}

// Run resets the password of an account.
func (c usersPasswdCmd) Run(ctx context.Context) error {
	password, err := c.read()
	if err != nil {
		return err
	}
	return asOperator(ctx, func(ctx context.Context, a *accounts.Service, _ *store.Store) error {
		u, err := a.ResetPassword(ctx, c.Email, password)
		if err != nil {
			return err
		}
		fmt.Printf("changed the password of %s; its logins have ended\n", u.Email)
		return nil
	})
}

type usersUnlinkCmd struct {
	Email string `arg:"" help:"E-mail address of the account."`
}

// Run unlinks an account from providers.
func (c usersUnlinkCmd) Run(ctx context.Context) error {
	return asOperator(ctx, func(ctx context.Context, a *accounts.Service, _ *store.Store) error {
		u, err := a.Unlink(ctx, c.Email)
		if err != nil {
			return err
		}
		fmt.Printf("unlinked %s; its logins have ended\n", u.Email)
		return nil
	})
}

type usersListCmd struct {
	JSON bool `name:"json" help:"Print a JSON object a line."`
}

// Run lists the accounts.
func (c usersListCmd) Run(ctx context.Context) error {
	return asOperator(ctx, func(ctx context.Context, _ *accounts.Service, s *store.Store) error {
		users, err := s.Users(ctx)
		if err != nil {
			return err
		}
		lines, table := json.NewEncoder(os.Stdout), tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
		if !c.JSON {
			fmt.Fprintln(table, "EMAIL\tOWNS\tMEMBER OF\tOPERATOR\tCREATED\tID")
		}
		for _, u := range users {
			at := u.CreatedAt.UTC().Format(time.RFC3339)
			if !c.JSON {
				operator := ""
				if u.Operator {
					operator = "yes"
				}
				fmt.Fprintf(table, "%s\t%d\t%d\t%s\t%s\t%s\n", u.Email, u.Projects, u.Member, operator, at, u.ID)
				continue
			}
			err := lines.Encode(struct {
				ID        string `json:"id"`
				Email     string `json:"email"`
				Projects  int    `json:"projects"`  // that the user owns
				MemberOf  int    `json:"member_of"` // and those where they are something else
				Operator  bool   `json:"operator"`
				CreatedAt string `json:"created_at"`
			}{u.ID, u.Email, u.Projects, u.Member, u.Operator, at})
			if err != nil {
				return err
			}
		}
		return table.Flush()
	})
}

type usersRemoveCmd struct {
	Email string `arg:"" help:"E-mail address of the account."`
	Yes   bool   `help:"Do not ask."`
}

// Run deletes an account.
func (c usersRemoveCmd) Run(ctx context.Context) error {
	if !c.Yes {
		if !term.IsTerminal(int(os.Stdin.Fd())) {
			return errors.New("standard input is not a terminal: give --yes to delete the account with everything it has")
		}
		fmt.Fprintf(os.Stderr, "This deletes %s with the projects that have no other member, their sessions and models, for good. Type the e-mail address to go on: ", c.Email)
		line, err := bufio.NewReader(os.Stdin).ReadString('\n')
		if err != nil || strings.TrimSpace(line) != c.Email {
			return errors.New("nothing was deleted")
		}
	}
	return asOperator(ctx, func(ctx context.Context, a *accounts.Service, _ *store.Store) error {
		u, projects, err := a.RemoveUser(ctx, c.Email)
		if err != nil {
			return err
		}
		fmt.Printf("removed %s with %d projects; a running server deletes their data\n", u.Email, len(projects))
		return nil
	})
}

type usersOperatorCmd struct {
	Email string `arg:"" help:"E-mail address of the account."`
	State string `arg:"" enum:"on,off" help:"on or off."`
}

// Run is operators add and remove.
func (c usersOperatorCmd) Run(ctx context.Context) error {
	return setOperator(ctx, c.Email, c.State == "on")
}

type usersRoleCmd struct {
	Email   string `arg:"" help:"E-mail address of the account."`
	Project string `arg:"" help:"Id of the project, of which the account is a member."`
	Role    string `arg:"" enum:"owner,member,viewer,none" help:"owner, member or viewer; none removes."`
}

// Run changes a membership where no owner of the project can.
func (c usersRoleCmd) Run(ctx context.Context) error {
	role := models.Role(c.Role)
	if c.Role == "none" {
		role = ""
	}
	return asOperator(ctx, func(ctx context.Context, a *accounts.Service, _ *store.Store) error {
		u, err := a.SetRole(ctx, c.Email, c.Project, role)
		if err != nil {
			return err
		}
		if role == "" {
			fmt.Printf("%s is not a member of %s\n", u.Email, c.Project)
		} else {
			fmt.Printf("%s is %s of %s\n", u.Email, role, c.Project)
		}
		return nil
	})
}
