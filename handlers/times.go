package handlers

import "time"

// rfc3339 writes a time as the documents of accounts and sessions do: UTC, whole seconds.
func rfc3339(t time.Time) string { return t.UTC().Format(time.RFC3339) }

func rfc3339p(t *time.Time) *string {
	if t == nil {
		return nil
	}
	s := rfc3339(*t)
	return &s
}

// instant writes the time at which a session begins or ends, with milliseconds where there are any: the document has whole
// seconds, and its windows have milliseconds.
func instant(t time.Time) string {
	if t = t.UTC(); t.Nanosecond()/int(time.Millisecond) == 0 {
		return rfc3339(t)
	}
	return t.Format("2006-01-02T15:04:05.000Z07:00")
}

func instantp(t *time.Time) *string {
	if t == nil {
		return nil
	}
	s := instant(*t)
	return &s
}

func unix(t *time.Time) *int64 {
	if t == nil {
		return nil
	}
	s := t.Unix()
	return &s
}
