//go:build !race

package decode_test

const slow = false
