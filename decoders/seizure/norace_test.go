//go:build !race

package seizure_test

const slow = false
