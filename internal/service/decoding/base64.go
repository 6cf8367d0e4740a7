package decoding

import (
	"bytes"
	"encoding/base64"
	"errors"
)

// badBase64 says where a text stops being base64 (RFC 4648).
type badBase64 struct {
	position int // of the character, from 0; -1 where the length is what is wrong
	reason   string
}

// decodeBase64 decodes base64 in the standard or the URL-safe alphabet, with or without padding.
func decodeBase64(text []byte) ([]byte, *badBase64) {
	body := text
	for n := 0; n < 2 && len(body) > 0 && body[len(body)-1] == '='; n++ {
		body = body[:len(body)-1]
	}
	// encoding/base64 skips line breaks; in a JSON string they are a fault like any other.
	for _, c := range []byte{'\n', '\r'} {
		if i := bytes.IndexByte(body, c); i >= 0 {
			return nil, &badBase64{i, "a line break"}
		}
	}
	out := make([]byte, base64.RawStdEncoding.DecodedLen(len(body)))
	n, err := base64.RawStdEncoding.Decode(out, body)
	if err != nil && bytes.ContainsAny(body, "-_") {
		n, err = base64.RawURLEncoding.Decode(out, body)
	}
	if err != nil {
		return nil, whyNot(body, err)
	}
	if padding := len(text) - len(body); padding > 0 && len(text)%4 != 0 {
		return nil, &badBase64{len(body), "padding that does not fill a group of four"}
	}
	return out[:n], nil
}

func whyNot(body []byte, err error) *badBase64 {
	var at base64.CorruptInputError
	if !errors.As(err, &at) || int(at) >= len(body) || alphabet(body[at]) {
		// Every character belongs to an alphabet, so what is wrong is a mixture of both or the length.
		if i, ok := mixture(body); ok {
			return &badBase64{i, "a character of the other alphabet"}
		}
		return &badBase64{-1, "a length that no base64 text has"}
	}
	return &badBase64{int(at), "a character outside the alphabet"}
}

func alphabet(c byte) bool {
	switch {
	case 'A' <= c && c <= 'Z', 'a' <= c && c <= 'z', '0' <= c && c <= '9', c == '+', c == '/', c == '-', c == '_':
		return true
	}
	return false
}

// mixture returns the first character that belongs to the other alphabet than the one before it chose.
func mixture(body []byte) (int, bool) {
	var standard, url bool
	for i, c := range body {
		standard = standard || c == '+' || c == '/'
		url = url || c == '-' || c == '_'
		if standard && url {
			return i, true
		}
	}
	return 0, false
}
