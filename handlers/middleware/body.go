package middleware

import (
	"errors"
	"io"
	"mime"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"

	"github.com/gin-gonic/gin"
	"github.com/klauspost/compress/flate"
	"github.com/klauspost/compress/gzip"

	"github.com/neurod/neurod/handlers/render"
	"github.com/neurod/neurod/models"
)

// BodyConfig says what a route takes.
type BodyConfig struct {
	// Limit is for what arrives and for what it unpacks to, in bytes. Required.
	Limit int64
	// Media are the media types beside JSON. Defaults to none.
	Media []string
	// Unpaced leaves it to the handler how long the body may take. Defaults to false: see pace.
	Unpaced bool
}

// What gzip may unpack to: zeros shrink to a thousandth, and what is worked on is the zeros. Samples as text or in base64
// shrink to a third at most.
const (
	unpackedFree  = 4 << 20 // bytes that any body may unpack to
	unpackedTimes = 5       // beyond them, so many times the bytes that arrived
)

// Prepare prepares the body of a request for a handler: only JSON in UTF-8, and bodies of the further media types given, are
// let through, gzip is unpacked, and both what arrives and what it unpacks to are held to the limit. Reading past it, or
// past what so many bytes of gzip may unpack to, gives PayloadTooLarge; bytes that are not gzip give InvalidRequestBody; and
// a body that comes in too slowly UploadTooSlow.
func Prepare(cfg BodyConfig) gin.HandlerFunc {
	limit, media := cfg.Limit, cfg.Media
	return func(c *gin.Context) {
		r := c.Request
		if r.Body == nil || r.Body == http.NoBody {
			c.Next()
			return
		}
		if r.ContentLength > limit {
			Fail(c, tooLarge(limit))
			return
		}
		if ct := r.Header.Get("Content-Type"); !isJSON(ct) && !isOneOf(ct, media) {
			takes := strings.Join(append([]string{"application/json"}, media...), ", ")
			c.Header("Accept", takes)
			Fail(c, models.Errorf(render.UnsupportedMediaType, "This call takes Content-Type: %s.", strings.Replace(takes, "json", "json in UTF-8", 1)))
			return
		}
		limited := &limitedBody{src: http.MaxBytesReader(c.Writer, r.Body, limit), limit: limit, left: limit}
		if !cfg.Unpaced {
			limited.pace = newPace(http.NewResponseController(c.Writer))
		}
		switch enc := strings.ToLower(strings.TrimSpace(r.Header.Get("Content-Encoding"))); enc {
		case "", "identity":
		case "gzip", "x-gzip":
			limited.zipped = true
			r.ContentLength = -1 // of what is inside nothing is known
		default:
			c.Header("Accept-Encoding", "gzip")
			Fail(c, models.Errorf(render.UnsupportedMediaType, "This call takes bodies that are uncompressed or have Content-Encoding: gzip."))
			return
		}
		r.Body = limited
		defer limited.release()
		c.Next()
	}
}

func isJSON(contentType string) bool {
	switch contentType { // what nearly every client sends
	case "application/json", "application/json; charset=utf-8":
		return true
	}
	media, params, err := mime.ParseMediaType(contentType)
	if err != nil || media != "application/json" && !(strings.HasPrefix(media, "application/") && strings.HasSuffix(media, "+json")) {
		return false
	}
	charset, given := params["charset"]
	return !given || strings.EqualFold(charset, "utf-8") || strings.EqualFold(charset, "us-ascii")
}

// isOneOf reports whether a content type is one of the media types.
func isOneOf(contentType string, media []string) bool {
	got, _, err := mime.ParseMediaType(contentType)
	return err == nil && slices.Contains(media, got)
}

func tooLarge(limit int64) *models.Error {
	return &models.Error{
		Code:    models.PayloadTooLarge,
		Details: map[string]any{"limit_bytes": limit},
	}
}

// limitedBody reads at most limit bytes, before and after decompression.
type limitedBody struct {
	src    io.ReadCloser
	pace   *pace // nil for none
	zipped bool
	gz     *gzip.Reader
	limit  int64
	left   int64
	came   int64 // bytes of src
}

// arriving is src as it comes in.
type arriving struct{ *limitedBody }

func (b arriving) Read(p []byte) (int, error) {
	if b.pace != nil {
		b.pace.before()
	}
	n, err := b.src.Read(p)
	b.came += int64(n)
	if b.pace != nil {
		b.pace.after(n, err)
	}
	return n, err
}

var gzipReaders = sync.Pool{New: func() any { return new(gzip.Reader) }}

func (b *limitedBody) Read(p []byte) (int, error) {
	var r io.Reader = arriving{b}
	if b.zipped {
		if b.gz == nil {
			gz := gzipReaders.Get().(*gzip.Reader)
			if err := gz.Reset(arriving{b}); err != nil {
				gzipReaders.Put(gz)
				return 0, b.fault(err)
			}
			b.gz = gz
		}
		r = b.gz
	}
	if b.left <= 0 { // the limit is reached: one more byte is one too many
		var one [1]byte
		n, err := r.Read(one[:])
		if n > 0 {
			return 0, tooLarge(b.limit)
		}
		return 0, b.fault(err)
	}
	if int64(len(p)) > b.left {
		p = p[:b.left]
	}
	n, err := r.Read(p)
	b.left -= int64(n)
	if unpacked := b.limit - b.left; b.zipped && unpacked > max(unpackedFree, unpackedTimes*b.came) {
		e := models.Errorf(models.PayloadTooLarge, "The body unpacks to more than %d times its size, which is allowed only up to %d bytes. Send it in parts, or uncompressed.",
			unpackedTimes, unpackedFree)
		e.Details = map[string]any{"limit_times": unpackedTimes, "limit_bytes": unpackedFree, "body_bytes": b.came}
		return 0, e
	}
	return n, b.fault(err)
}

// fault gives reading errors their place in the error table.
func (b *limitedBody) fault(err error) error {
	var tooBig *http.MaxBytesError
	switch {
	case err == nil || errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF):
		return err
	case errors.As(err, &tooBig):
		return tooLarge(b.limit)
	case errors.Is(err, os.ErrDeadlineExceeded) && b.pace != nil:
		return tooSlow(err)
	case b.zipped && (errors.Is(err, gzip.ErrHeader) || errors.Is(err, gzip.ErrChecksum) || isFlateError(err) || errors.Is(err, io.ErrUnexpectedEOF)):
		return models.Errorf(models.InvalidRequestBody, "The body is not valid gzip.").Wrap(err)
	default:
		return models.Errorf(models.InvalidRequestBody, "The body could not be read to its end.").Wrap(err)
	}
}

func (b *limitedBody) Close() error { return b.src.Close() }

// release gives the unpacker back; the body is not read after it.
func (b *limitedBody) release() {
	if b.gz != nil {
		gzipReaders.Put(b.gz)
		b.gz = nil
		b.zipped = false
		b.left = 0
	}
}

func isFlateError(err error) bool {
	var corrupt flate.CorruptInputError
	var internal flate.InternalError
	return errors.As(err, &corrupt) || errors.As(err, &internal)
}
