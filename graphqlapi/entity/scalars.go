package entity

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"time"

	"github.com/99designs/gqlgen/graphql"

	"github.com/neurod/neurod/internal/service/devices"
)

// MarshalDateTime writes a time in UTC, with milliseconds, or with microseconds where it has some.
func MarshalDateTime(t time.Time) graphql.Marshaler {
	return graphql.WriterFunc(func(w io.Writer) {
		layout := "2006-01-02T15:04:05.000Z"
		if t.Nanosecond()%int(time.Millisecond) != 0 {
			layout = "2006-01-02T15:04:05.000000Z"
		}
		_, _ = io.WriteString(w, `"`+t.UTC().Format(layout)+`"`)
	})
}

// UnmarshalDateTime reads a time as RFC 3339 has it.
func UnmarshalDateTime(v any) (time.Time, error) {
	text, ok := v.(string)
	if ok {
		if t, err := time.Parse(time.RFC3339Nano, text); err == nil {
			return t, nil
		}
	}
	return time.Time{}, fmt.Errorf("must be a time as RFC 3339 has it, with its offset")
}

// instant is a time in ms as a time, to the microsecond.
func instant(ms float64) time.Time { return time.UnixMicro(int64(math.Round(ms * 1000))).UTC() }

// MarshalJSON writes a JSON value as it is.
func MarshalJSON(v json.RawMessage) graphql.Marshaler {
	return graphql.WriterFunc(func(w io.Writer) {
		if len(v) == 0 {
			v = json.RawMessage("null")
		}
		_, _ = w.Write(v)
	})
}

// UnmarshalJSON takes any JSON value.
func UnmarshalJSON(v any) (json.RawMessage, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, fmt.Errorf("must be a JSON value")
	}
	return bytes.TrimSpace(b.Bytes()), nil
}

// MarshalChannelRef writes a channel of a device.
func MarshalChannelRef(c devices.Channel) graphql.Marshaler {
	if c.Name != "" {
		return graphql.MarshalString(c.Name)
	}
	return graphql.MarshalInt(c.Number)
}

// UnmarshalChannelRef reads the number of a channel, from 1, or its name.
func UnmarshalChannelRef(v any) (devices.Channel, error) {
	if name, ok := v.(string); ok {
		return devices.Channel{Name: name}, nil
	}
	n, err := graphql.UnmarshalInt(v)
	if err != nil || n < 1 {
		return devices.Channel{}, fmt.Errorf("must be the number of a channel, from 1, or its name")
	}
	return devices.Channel{Number: n}, nil
}
