//go:build unix

package main

import (
	"context"
	"io"
	"net/http"
	"os"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/redis/go-redis/v9"
)

// serveFloor is the least that any service with the same promise must do for one request: read the same
// body, write the same bytes in one durable transaction, and make one Redis round trip. It decodes nothing.
func serveFloor(ctx context.Context, addr string) error {
	pool, err := pgxpool.New(ctx, os.Getenv("DATABASE_URL"))
	if err != nil {
		return err
	}
	defer pool.Close()
	// A plain table, and one that spares PostgreSQL the attempt to compress the bytes, as the service's own does.
	if _, err := pool.Exec(ctx, `CREATE TABLE IF NOT EXISTS bench_floor (id bigserial PRIMARY KEY, body bytea NOT NULL);
		CREATE TABLE IF NOT EXISTS bench_floor_raw (id bigserial PRIMARY KEY, body bytea NOT NULL);
		ALTER TABLE bench_floor_raw ALTER COLUMN body SET STORAGE EXTERNAL`); err != nil {
		return err
	}
	opts, err := redis.ParseURL(os.Getenv("REDIS_URL"))
	if err != nil {
		return err
	}
	rdb := redis.NewClient(opts)
	defer rdb.Close()

	gin.SetMode(gin.ReleaseMode)
	r := gin.New()
	r.GET("/healthz", func(c *gin.Context) { c.Status(http.StatusOK) })
	write := func(c *gin.Context, statement string, also func() error) {
		body, err := io.ReadAll(c.Request.Body)
		if err != nil {
			c.AbortWithStatus(http.StatusBadRequest)
			return
		}
		tx, err := pool.Begin(c)
		if err == nil {
			_, err = tx.Exec(c, statement, body)
			if err == nil {
				err = tx.Commit(c)
			}
		}
		if err == nil && also != nil {
			err = also()
		}
		if err != nil {
			c.AbortWithStatus(http.StatusInternalServerError)
			return
		}
		c.JSON(http.StatusAccepted, gin.H{"status": "ok"})
	}
	const plain, raw = `INSERT INTO bench_floor (body) VALUES ($1)`, `INSERT INTO bench_floor_raw (body) VALUES ($1)`
	push := func() error { return rdb.LPush(ctx, "bench:floor", "1").Err() }
	r.POST("/floor", func(c *gin.Context) { write(c, plain, push) })
	r.POST("/floor-raw", func(c *gin.Context) { write(c, raw, push) })
	r.POST("/insert", func(c *gin.Context) { write(c, plain, nil) })
	r.POST("/insert-raw", func(c *gin.Context) { write(c, raw, nil) })
	srv := &http.Server{Addr: addr, Handler: r, ReadHeaderTimeout: 5 * time.Second}
	go func() {
		<-ctx.Done()
		srv.Close()
	}()
	if err := srv.ListenAndServe(); err != http.ErrServerClosed {
		return err
	}
	return nil
}
