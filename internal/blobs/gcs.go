//go:build !neurod_nogcs

package blobs

import _ "gocloud.dev/blob/gcsblob" // gs://
