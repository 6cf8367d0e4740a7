package models

// Object is what lies outside the database of rows, or of ones that were deleted a moment ago.
type Object struct {
	Key       string
	ProjectID string
	Bytes     int64 // as they are packed
	Refs      int   // rows that name it
}

// ObjectStore says what the keys of a database's objects begin with; there is one.
type ObjectStore struct {
	ID     int
	Prefix string
}
