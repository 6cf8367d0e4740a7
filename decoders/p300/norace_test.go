//go:build !race

package p300_test

const slow = false
