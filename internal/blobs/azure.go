//go:build !neurod_noazure

package blobs

import _ "gocloud.dev/blob/azureblob" // azblob://
