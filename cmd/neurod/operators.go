package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"text/tabwriter"
	"time"

	"github.com/neurod/neurod/internal/service/accounts"
	"github.com/neurod/neurod/internal/store"
)

// operatorsCmd says who sees and acts on the whole server. Only who has the server's database does.
type operatorsCmd struct {
	Add    operatorsAddCmd    `cmd:"" help:"Make an account an operator of the server."`
	Remove operatorsRemoveCmd `cmd:"" help:"Make an operator a user like the others."`
	List   operatorsListCmd   `cmd:"" help:"List the operators."`
}

// setOperator makes an account an operator's, or takes that back, and says what it is then.
func setOperator(ctx context.Context, email string, on bool) error {
	return asOperator(ctx, func(ctx context.Context, a *accounts.Service, _ *store.Store) error {
		u, err := a.SetOperator(ctx, email, on)
		if err != nil {
			return err
		}
		not := "not "
		if u.Operator {
			not = ""
		}
		fmt.Printf("%s is %san operator of this server\n", u.Email, not)
		return nil
	})
}

type operatorsAddCmd struct {
	Email string `arg:"" help:"E-mail address of the account."`
}

// Run makes an operator.
func (c operatorsAddCmd) Run(ctx context.Context) error { return setOperator(ctx, c.Email, true) }

type operatorsRemoveCmd struct {
	Email string `arg:"" help:"E-mail address of the account."`
}

// Run ends that.
func (c operatorsRemoveCmd) Run(ctx context.Context) error { return setOperator(ctx, c.Email, false) }

type operatorsListCmd struct {
	JSON bool `name:"json" help:"Print a JSON object a line."`
}

// Run lists the operators.
func (c operatorsListCmd) Run(ctx context.Context) error {
	return asOperator(ctx, func(ctx context.Context, _ *accounts.Service, s *store.Store) error {
		users, err := s.Users(ctx)
		if err != nil {
			return err
		}
		lines, table := json.NewEncoder(os.Stdout), tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
		if !c.JSON {
			fmt.Fprintln(table, "EMAIL\tACCOUNT SINCE\tID")
		}
		for _, u := range users {
			if !u.Operator {
				continue
			}
			at := u.CreatedAt.UTC().Format(time.RFC3339)
			if !c.JSON {
				fmt.Fprintf(table, "%s\t%s\t%s\n", u.Email, at, u.ID)
				continue
			}
			err := lines.Encode(struct {
				ID        string `json:"id"`
				Email     string `json:"email"`
				CreatedAt string `json:"created_at"`
			}{u.ID, u.Email, at})
			if err != nil {
				return err
			}
		}
		return table.Flush()
	})
}
