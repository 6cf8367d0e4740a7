package recording

// ReadFormats are the formats of the table of readers.
func ReadFormats() []Format {
	var list []Format
	for f := range readers {
		list = append(list, f)
	}
	return list
}

// Streamed tells whether a format is read as it comes in.
func Streamed(f Format) bool { return readers[f].survey != nil }
