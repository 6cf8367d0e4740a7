package recording

// Format names a file format.
type Format string
