package app

import (
	"context"
	"fmt"
	"log/slog"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"
)

// openRedis returns a client for a Redis URL; it connects with its first command.
//
//	redis://… rediss://…                                    one server
//	redis-sentinel://HOST:PORT/DB?master_name=M&addr=H2:P2  Sentinel (rediss-sentinel:// with TLS)
//	redis-cluster://HOST:PORT?addr=H2:P2&addr=H3:P3         Cluster (rediss-cluster:// with TLS)
//
// Commands end with their context, so that a Redis that hangs holds nobody longer than the caller allows.
func openRedis(raw string, log *slog.Logger) (redis.UniversalClient, error) {
	redisLogOnce.Do(func() { redis.SetLogger(redisLog{log}) })
	u, err := url.Parse(raw)
	if err != nil {
		return nil, fmt.Errorf("app: REDIS_URL is not a URL") // the cause repeats the URL, which may hold a password
	}
	scheme, kind, _ := strings.Cut(u.Scheme, "-")
	u.Scheme = scheme
	switch kind {
	case "sentinel":
		o, err := redis.ParseFailoverURL(u.String())
		if err != nil {
			return nil, redisFault(err)
		}
		if o.MasterName == "" {
			return nil, fmt.Errorf("app: REDIS_URL: a Sentinel URL needs master_name")
		}
		o.ContextTimeoutEnabled = true
		return redis.NewFailoverClient(o), nil
	case "cluster":
		o, err := redis.ParseClusterURL(u.String())
		if err != nil {
			return nil, redisFault(err)
		}
		o.ContextTimeoutEnabled = true
		o.MaintNotificationsConfig = noMaintenance()
		o.ClusterStateReloadInterval = clusterReload
		return redis.NewClusterClient(o), nil
	case "":
		o, err := redis.ParseURL(u.String())
		if err != nil {
			return nil, redisFault(err)
		}
		o.ContextTimeoutEnabled = true
		o.MaintNotificationsConfig = noMaintenance()
		return redis.NewClient(o), nil
	}
	return nil, fmt.Errorf("app: REDIS_URL: unknown scheme %s-%s", scheme, kind)
}

// clusterReload is how soon a client of a Cluster learns that a replica has taken the place of a node that is gone: nobody is left there who
// would say so, and go-redis goes on dialing it until it asks anew which node serves what, once a minute by default.
const clusterReload = time.Second

// redisFault keeps go-redis's reason, which names schemes, parameters and database numbers, but no passwords.
func redisFault(err error) error {
	return fmt.Errorf("app: REDIS_URL: %s", strings.TrimPrefix(err.Error(), "redis: "))
}

// noMaintenance switches off a handshake of managed Redis services, which a client that copies another's options
// cannot repeat.
func noMaintenance() *maintnotifications.Config {
	return &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}
}

// redisLogOnce: go-redis has one logger a process.
var redisLogOnce sync.Once

// redisLog takes go-redis's own lines, one for every connection that fails. The engine says once that Redis is away,
// so they are for debugging.
type redisLog struct{ log *slog.Logger }

func (l redisLog) Printf(ctx context.Context, format string, v ...any) {
	if l.log.Enabled(ctx, slog.LevelDebug) {
		l.log.DebugContext(ctx, "redis client", "says", fmt.Sprintf(format, v...))
	}
}
