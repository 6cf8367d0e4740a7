//go:build !race

package motorimagery_test

const slow = false
