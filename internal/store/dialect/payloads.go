package dialect

import (
	"errors"
	"fmt"
	"sync"

	"github.com/klauspost/compress/zstd"

	"github.com/neurod/neurod/models"
)

// How a payload's bytes are kept (column codec).
const (
	codecNone = "none"
	codecZstd = "zstd"
	// CodecOutside says that they lie in an object outside the database, which the data name; see package store, objects.go.
	CodecOutside = "outside"
)

// ErrObjects says that where objects lie outside the database does not answer, or is not set.
var ErrObjects = errors.New("store: the store of objects does not answer")

// compressFrom is the size from which a payload is compressed, in bytes. Raw float samples hardly shrink and a short
// recording is on the path that must be fast; files of integers (EDF, BDF) are long and shrink to about half.
const compressFrom = 256 << 10

// maxPayload bounds what a stored payload may unpack to, in bytes: the largest accepted is 32 MiB.
const maxPayload = 64 << 20

var (
	zstdEncoder = sync.OnceValue(func() *zstd.Encoder {
		e, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(2))
		if err != nil {
			panic(err) // the options are constants
		}
		return e
	})
	zstdDecoder = sync.OnceValue(func() *zstd.Decoder {
		d, err := zstd.NewReader(nil, zstd.WithDecoderMaxMemory(maxPayload), zstd.WithDecoderConcurrency(2))
		if err != nil {
			panic(err) // the options are constants
		}
		return d
	})
)

// NewPayload returns a job's payload as it is stored: compressed when it is long and gets shorter by it.
func NewPayload(job models.Job, data []byte) models.Payload {
	p := models.Payload{JobID: job.ID, ProjectID: job.ProjectID, Codec: codecNone, Size: len(data), Data: data, CreatedAt: job.CreatedAt}
	if len(data) < compressFrom {
		return p
	}
	p.Codec, p.Data = Pack(data)
	return p
}

// Pack returns bytes as they are stored: compressed where they get shorter by it.
func Pack(data []byte) (codec string, packed []byte) {
	if packed := zstdEncoder().EncodeAll(data, make([]byte, 0, len(data))); len(packed) < len(data)*9/10 {
		return codecZstd, packed
	}
	return codecNone, data
}

// Unpack returns bytes as they were before Pack.
func Unpack(codec string, size int, data []byte) ([]byte, error) {
	switch codec {
	case codecNone:
		return data, nil
	case codecZstd:
		if size < 0 || size > maxPayload {
			return nil, fmt.Errorf("store: payload of %d bytes", size)
		}
		b, err := zstdDecoder().DecodeAll(data, make([]byte, 0, size))
		if err != nil {
			return nil, fmt.Errorf("store: payload: %w", err)
		}
		return b, nil
	case CodecOutside:
		return nil, fmt.Errorf("%w: none is set", ErrObjects)
	}
	return nil, fmt.Errorf("store: payload codec %q is not known", codec)
}
