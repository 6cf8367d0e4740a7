package recording

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"io"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// UTF8Text returns text as UTF-8: what begins with the byte order mark of UTF-16, or has zeros where its ASCII would, is
// turned into it. Everything else passes as it is.
func UTF8Text(r io.Reader) io.Reader {
	b := bufio.NewReaderSize(r, 4096)
	head, _ := b.Peek(4) // its error comes again with the first read
	var order binary.ByteOrder
	switch {
	case bytes.HasPrefix(head, []byte{0xff, 0xfe}):
		order = binary.LittleEndian
	case bytes.HasPrefix(head, []byte{0xfe, 0xff}):
		order = binary.BigEndian
	case len(head) == 4 && head[1] == 0 && head[3] == 0 && head[0] != 0 && head[2] != 0:
		order = binary.LittleEndian
	case len(head) == 4 && head[0] == 0 && head[2] == 0 && head[1] != 0 && head[3] != 0:
		order = binary.BigEndian
	default:
		return b
	}
	return &utf16Reader{r: b, order: order}
}

// utf16Reader turns UTF-16 into UTF-8.
type utf16Reader struct {
	r     *bufio.Reader
	order binary.ByteOrder
	left  []byte // UTF-8 that was not yet taken
	high  rune   // first half of a surrogate pair
	buf   [1024]byte
	out   []byte
}

func (u *utf16Reader) Read(p []byte) (int, error) {
	for len(u.left) == 0 {
		n, err := io.ReadFull(u.r, u.buf[:])
		if n < 2 {
			if err == io.ErrUnexpectedEOF {
				err = io.EOF
			}
			return 0, err
		}
		u.out = u.out[:0]
		for i := 0; i+1 < n; i += 2 {
			c := rune(u.order.Uint16(u.buf[i:]))
			switch {
			case u.high != 0:
				u.out = utf8.AppendRune(u.out, utf16.DecodeRune(u.high, c))
				u.high = 0
			case c >= 0xd800 && c < 0xdc00:
				u.high = c
			default:
				u.out = utf8.AppendRune(u.out, c)
			}
		}
		u.left = u.out
	}
	n := copy(p, u.left)
	u.left = u.left[n:]
	return n, nil
}

// PlainText returns the beginning of a text file as UTF-8, without a byte order mark and white space before the first line; ok is false where it is
// no text.
func PlainText(head []byte) (s string, ok bool) {
	if bytes.IndexByte(head, 0) >= 0 { // UTF-16
		head, _ = io.ReadAll(UTF8Text(bytes.NewReader(head)))
	}
	if len(head) == 0 || bytes.IndexByte(head, 0) >= 0 {
		return "", false
	}
	return strings.TrimLeft(strings.TrimPrefix(string(head), "\ufeff"), " \t\r\n"), true
}

// FirstLine returns the first line of a text file that is not empty; ok is false where it is not text.
func FirstLine(head []byte) (line string, ok bool) {
	s, ok := PlainText(head)
	line, _, _ = strings.Cut(s, "\n")
	line = strings.TrimSpace(line)
	return line, ok && line != ""
}
