//go:build !neurod_nos3

package blobs

import _ "gocloud.dev/blob/s3blob" // s3://
