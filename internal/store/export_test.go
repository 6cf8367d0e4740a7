package store

// ErasedColumns returns for each table that erasure empties the column with the session and that with the job.
func ErasedColumns() map[string][2]string {
	out := map[string][2]string{}
	for _, t := range sessionTables {
		out[t.name] = [2]string{t.session, t.job}
	}
	return out
}
