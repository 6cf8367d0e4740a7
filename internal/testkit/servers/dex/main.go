// Command dex is the provider of logins that tests use: the server of https://dexidp.io, which is what its own program runs, too, with the people and the client
// of a file, and nothing stored. It is a module of its own, as what dex needs is nothing that neurod does; the program of
// dex cannot be installed from elsewhere, because its module replaces a part of itself.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"time"

	gosundheit "github.com/AppsFlyer/go-sundheit"
	"github.com/dexidp/dex/server"
	"github.com/dexidp/dex/server/authflow"
	"github.com/dexidp/dex/server/connectors"
	"github.com/dexidp/dex/server/signer"
	"github.com/dexidp/dex/server/tokens"
	"github.com/dexidp/dex/storage"
	"github.com/dexidp/dex/storage/memory"
	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/crypto/bcrypt"
)

// settings is what stands in the file that the first argument names.
type settings struct {
	Addr   string // to listen on
	Issuer string
	Client struct{ ID, Secret, Redirect string }
	People []struct {
		Email, Password, Subject string
		Verified                 bool
	}
}

func main() {
	if err := run(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, "dex:", err)
		os.Exit(1)
	}
}

// life is how long its tokens are good.
const life = time.Hour

func run(ctx context.Context) error {
	var s settings
	text, err := os.ReadFile(os.Args[1])
	if err != nil {
		return err
	}
	if err := json.Unmarshal(text, &s); err != nil {
		return err
	}
	log := slog.New(slog.NewTextHandler(os.Stdout, nil))
	var people []storage.Password
	for _, p := range s.People {
		hash, err := bcrypt.GenerateFromPassword([]byte(p.Password), bcrypt.MinCost+6) // the least that dex takes
		if err != nil {
			return err
		}
		people = append(people, storage.Password{Email: p.Email, Username: p.Email, Hash: hash, UserID: p.Subject, EmailVerified: &p.Verified})
	}
	kept := memory.New(log)
	kept = storage.WithStaticClients(kept, []storage.Client{{ID: s.Client.ID, Secret: s.Client.Secret, Name: "neurod", RedirectURIs: []string{s.Client.Redirect}}})
	kept = storage.WithStaticPasswords(kept, people, log)
	kept = storage.WithStaticConnectors(kept, []storage.Connector{{ID: connectors.LocalConnector, Type: connectors.LocalConnector, Name: "Email"}})
	signs, err := (&signer.LocalConfig{KeysRotationPeriod: "6h"}).Open(ctx, kept, life, time.Now, log)
	if err != nil {
		return err
	}
	provider, err := server.NewServer(ctx, server.Config{Issuer: s.Issuer, Storage: kept, SkipApprovalScreen: true, IDTokensValidFor: life, RefreshTokenPolicy: tokens.NewRefreshStrategy(true, 0, 0, 0, nil),
		PKCE: authflow.PKCEConfig{Enforce: true}, Signer: signs, Logger: log, PrometheusRegistry: prometheus.NewRegistry(), HealthChecker: gosundheit.New()})
	if err != nil {
		return err
	}
	return (&http.Server{Addr: s.Addr, Handler: provider, ReadHeaderTimeout: 5 * time.Second}).ListenAndServe()
}
