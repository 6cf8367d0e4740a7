//go:build !race

package contact_test

const slow = false
