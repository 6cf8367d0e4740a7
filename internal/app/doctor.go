package app

import (
	"context"
	"log/slog"

	"github.com/redis/go-redis/v9"

	"github.com/neurod/neurod/internal/blobs"
	"github.com/neurod/neurod/internal/doctor"
)

// Doctor looks at the server that the environment describes, without being a process of it.
func Doctor(ctx context.Context, environ []string) doctor.Report {
	return doctor.Examine(ctx, examination(environ))
}

// examination says how the doctor comes to what it looks at.
func examination(environ []string) doctor.Config {
	return doctor.Config{
		Environ: environ,
		OpenRedis: func(url string) (redis.UniversalClient, error) {
			return openRedis(url, slog.New(slog.DiscardHandler))
		},
		OpenObjects: func(ctx context.Context, url string) (doctor.Objects, error) { return blobs.Open(ctx, url) },
		LoadModels: func(dir string) (int, error) {
			cat, _, err := readModels(dir)
			if err != nil {
				return 0, err
			}
			return len(cat.List()), nil
		},
	}
}
