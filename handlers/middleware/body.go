package middleware

import (
	"errors"
	"io"
	"mime"
	"net/http"
	"slices"
	"strings"
	"sync"

	"github.com/gin-gonic/gin"
	"github.com/klauspost/compress/flate"
	"github.com/klauspost/compress/gzip"

	"github.com/neurod/neurod/models"
)

// Body prepares the body of a request for a handler: only JSON in UTF-8, and bodies of the further media types given, are
// let through, gzip is unpacked, and both
// what arrives and what it unpacks to are held to limit bytes. Reading past either limit gives PayloadTooLarge;
// bytes that are no gzip give InvalidRequestBody.
func Body(limit int64, media ...string) gin.HandlerFunc {
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
			Fail(c, models.Errorf(models.UnsupportedMediaType, "This call takes Content-Type: %s.", strings.Replace(takes, "json", "json in UTF-8", 1)))
			return
		}
		limited := &limitedBody{src: http.MaxBytesReader(c.Writer, r.Body, limit), limit: limit, left: limit}
		switch enc := strings.ToLower(strings.TrimSpace(r.Header.Get("Content-Encoding"))); enc {
		case "", "identity":
		case "gzip", "x-gzip":
			limited.zipped = true
			r.ContentLength = -1 // of what is inside nothing is known
		default:
			c.Header("Accept-Encoding", "gzip")
			Fail(c, models.Errorf(models.UnsupportedMediaType, "This call takes bodies plain or with Content-Encoding: gzip."))
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
	zipped bool
	gz     *gzip.Reader
	limit  int64
	left   int64
}

var gzipReaders = sync.Pool{New: func() any { return new(gzip.Reader) }}

func (b *limitedBody) Read(p []byte) (int, error) {
	var r io.Reader = b.src
	if b.zipped {
		if b.gz == nil {
			gz := gzipReaders.Get().(*gzip.Reader)
			if err := gz.Reset(b.src); err != nil {
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
