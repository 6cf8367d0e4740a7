package handlers

import (
	"net/http"

	"github.com/gin-gonic/gin"
	"github.com/klauspost/compress/gzhttp"
	"github.com/klauspost/compress/gzip"
)

// minCompressed is the shortest answer that is compressed, in bytes: a shorter one, as the result of a decode, arrives in the same round
// trip as it is, in the segments that a connection begins with (RFC 3390: 4380 bytes), and costs neither side the processor.
const minCompressed = 4380

// compress returns a handler that compresses what those behind it write.
func compress() gin.HandlerFunc {
	wrap, err := gzhttp.NewWrapper(gzhttp.MinSize(minCompressed), gzhttp.CompressionLevel(gzip.BestSpeed), gzhttp.RandomJitter(32, 0, false),
		gzhttp.ContentTypes([]string{"application/json", "application/problem+json", "application/yaml"}))
	if err != nil {
		panic(err) // the options are constants
	}
	return func(c *gin.Context) {
		plain := c.Writer
		defer func() { c.Writer = plain }()
		wrap(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			c.Writer = &compressedWriter{ResponseWriter: plain, to: w}
			c.Next()
		})).ServeHTTP(plain, c.Request)
	}
}

// compressedWriter has what gin writes go through the compressor.
type compressedWriter struct {
	gin.ResponseWriter
	to     http.ResponseWriter
	status int
}

func (w *compressedWriter) WriteHeader(status int) {
	w.status = status
	w.to.WriteHeader(status)
}

func (w *compressedWriter) Write(b []byte) (int, error) { return w.to.Write(b) }

func (w *compressedWriter) WriteString(s string) (int, error) { return w.to.Write([]byte(s)) }

// WriteHeaderNow waits for the body: the compressor decides by its length.
func (w *compressedWriter) WriteHeaderNow() {}

// Status is what was said last: the compressor passes it on with the body.
func (w *compressedWriter) Status() int {
	if w.status == 0 {
		return w.ResponseWriter.Status()
	}
	return w.status
}
