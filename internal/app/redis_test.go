package app

import (
	"log/slog"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/neurod/neurod/internal/testkit"
)

func TestOpenRedis(t *testing.T) {
	t.Parallel()
	addr := testkit.Redis(t)
	host, port, _ := strings.Cut(addr, ":")
	tests := []struct{ name, url, kind string }{
		{"one server", "redis://" + addr, "*redis.Client"},
		{"with user, password and database", "redis://user:pass@" + addr + "/3", "*redis.Client"},
		{"TLS", "rediss://" + addr, "*redis.Client"},
		{"Sentinel", "redis-sentinel://" + addr + "/0?master_name=main&addr=" + host + ":" + port, "*redis.Client"},
		{"Cluster", "redis-cluster://" + addr + "?addr=" + host + ":" + port, "*redis.ClusterClient"},
		{"Cluster with TLS", "rediss-cluster://" + addr, "*redis.ClusterClient"},
		{"Sentinel without a master", "redis-sentinel://" + addr, ""},
		{"other scheme", "http://" + addr, ""},
		{"unknown kind", "redis-ring://" + addr, ""},
		{"database that is not a number", "redis://:hunter2@" + addr + "/x", ""},
		{"no URL", "redis://:hunter2@\x7f", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c, err := openRedis(tt.url, slog.New(slog.DiscardHandler))
			if tt.kind == "" {
				if err == nil {
					_ = c.Close()
					t.Fatal("accepted")
				}
				if strings.Contains(err.Error(), "hunter2") {
					t.Errorf("the error shows the password: %v", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			kind := "*redis.Client"
			if _, ok := c.(*redis.ClusterClient); ok {
				kind = "*redis.ClusterClient"
			}
			if kind != tt.kind {
				t.Errorf("%s, want %s", kind, tt.kind)
			}
		})
	}
	c, err := openRedis("redis://"+addr, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.Ping(t.Context()).Err(); err != nil {
		t.Error(err)
	}
}
