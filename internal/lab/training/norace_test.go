//go:build !race

package training_test

const slow = false
