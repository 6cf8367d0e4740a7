package eeg

import (
	"bytes"
	"encoding/json"
)

// ByChannel is a list of values, one a channel in montage order, that JSON shows as an object keyed by channel name.
type ByChannel[T any] struct {
	Names  []string
	Values []T
}

// Get returns the value of a channel.
func (b ByChannel[T]) Get(name string) (v T, ok bool) {
	for i, n := range b.Names {
		if n == name {
			return b.Values[i], true
		}
	}
	return v, false
}

// MarshalJSON writes an object in montage order.
func (b ByChannel[T]) MarshalJSON() ([]byte, error) {
	out := []byte{'{'}
	for i, n := range b.Names {
		if i > 0 {
			out = append(out, ',')
		}
		k, err := json.Marshal(n)
		if err != nil {
			return nil, err
		}
		v, err := json.Marshal(b.Values[i])
		if err != nil {
			return nil, err
		}
		out = append(append(append(out, k...), ':'), v...)
	}
	return append(out, '}'), nil
}

// UnmarshalJSON reads an object, keeping its order.
func (b *ByChannel[T]) UnmarshalJSON(data []byte) error {
	d := json.NewDecoder(bytes.NewReader(data))
	*b = ByChannel[T]{}
	if tok, err := d.Token(); err != nil || tok == nil {
		return err
	} else if tok != json.Delim('{') {
		return &json.UnmarshalTypeError{Value: "non-object", Offset: 0}
	}
	for d.More() {
		tok, err := d.Token()
		if err != nil {
			return err
		}
		var v T
		if err := d.Decode(&v); err != nil {
			return err
		}
		b.Names = append(b.Names, tok.(string))
		b.Values = append(b.Values, v)
	}
	_, err := d.Token()
	return err
}
