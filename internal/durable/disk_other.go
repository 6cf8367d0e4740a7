//go:build !unix

package durable

import "errors"

// Disk returns how many bytes the disk of a folder has left for this user, and in all.
func Disk(string) (free, all int64, err error) {
	return 0, 0, errors.New("durable: the room on the disk is not known here")
}
