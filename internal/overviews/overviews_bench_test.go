package overviews_test

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"strconv"
	"testing"
	"time"

	"github.com/neurod/neurod/internal/envelope"
	"github.com/neurod/neurod/internal/overviews"
	"github.com/neurod/neurod/internal/store"
	"github.com/neurod/neurod/internal/testkit"
	"github.com/neurod/neurod/models"
)

// BenchmarkOverviews keeps chunks of 64 channels at 250 Hz, 65.5 s each, in batches of a second, and makes their overviews: what scrubbing costs
// beside what ingest costs, in time and in room.
func BenchmarkOverviews(b *testing.B) {
	const wide, rate = 64, 250
	for name, url := range map[string]func() string{"embedded": func() string { return testkit.SQLite(b) }, "postgres": func() string { return testkit.Postgres(b) }} {
		b.Run(name, func(b *testing.B) {
			ctx := context.Background()
			db, err := store.Open(ctx, store.Config{DatabaseURL: url()})
			if err != nil {
				b.Fatal(err)
			}
			b.Cleanup(func() { _ = db.Close() })
			now := time.Now()
			ses := models.Session{ID: models.NewID(), ProjectID: models.NewID(), ExternalUserID: "u", DeviceType: "d", SampleRateHz: rate, IngestionMode: models.ModeStreaming,
				State: models.SessionOpen, HopMS: 2000, CreatedAt: now, StartedAt: now}
			for ch := range wide {
				ses.Channels = append(ses.Channels, fmt.Sprint("E", ch))
			}
			if err := db.CreateSession(ctx, ses); err != nil {
				b.Fatal(err)
			}
			rng := rand.New(rand.NewPCG(1, 1))
			data := make([]byte, 0, 4*wide*rate)
			for range wide * rate {
				data = binary.LittleEndian.AppendUint32(data, math.Float32bits(float32(20*rng.NormFloat64())))
			}
			var ingest, build time.Duration
			first := int64(0)
			for n := range b.N {
				begin := time.Now()
				for ; first <= int64(n+1)*envelope.ChunkSamples; first += rate {
					at, codec, packed := first, "", []byte(nil)
					codec, packed = store.PackSamples(data)
					job := models.Job{ID: models.NewID(), ProjectID: ses.ProjectID, Kind: models.KindSessionWindows, State: models.JobQueued, Request: json.RawMessage(`{}`), NextCheck: now, CreatedAt: now}
					_, err := db.IngestBatch(ctx, store.Ingest{Samples: rate, First: &at, Job: job, Batch: models.SampleBatch{SessionID: ses.ID, BatchID: strconv.FormatInt(first, 10),
						ProjectID: ses.ProjectID, StartMS: 1_700_000_000_000 + 4*first, Digest: "d", Codec: codec, Size: len(data), Data: packed, CreatedAt: now}})
					if err != nil {
						b.Fatal(err)
					}
				}
				ingest += time.Since(begin)
				kept, err := db.Session(ctx, ses.ProjectID, ses.ID)
				if err != nil {
					b.Fatal(err)
				}
				begin = time.Now()
				if err := overviews.Build(ctx, db, kept, nil); err != nil {
					b.Fatal(err)
				}
				build += time.Since(begin)
			}
			size := 0
			for _, level := range []models.OverviewLevel{models.OverviewCoarse, models.OverviewMid, models.OverviewFine} {
				list, err := db.Overviews(ctx, ses.ProjectID, ses.ID, level, 0, int64(b.N))
				if err != nil {
					b.Fatal(err)
				}
				for _, c := range list {
					size += len(c.Data)
				}
			}
			b.ReportMetric(float64(ingest.Microseconds())/1000/float64(b.N), "ingest-ms/chunk")
			b.ReportMetric(float64(build.Microseconds())/1000/float64(b.N), "overview-ms/chunk")
			b.ReportMetric(100*float64(size)/float64(4*wide*first), "%room")
		})
	}
}
