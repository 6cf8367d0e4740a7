// Package catalog keeps trained decoders: the model file, the registry of pipelines that bring a file back to
// life, and the rule that picks a model for a request.
//
// # The model file
//
// A model file (*.nrdm) is data only; reading one never runs code. All numbers are little-endian.
//
//	offset  size  what
//	0       8     "NRDMODEL"
//	8       4     format version, unsigned: 1
//	12      8     header length H, unsigned
//	20      H     header: one JSON object in UTF-8
//	...           arrays, each at the offset the header gives, a multiple of 64, zeros between
//	end-32  32    SHA-256 of everything before it
//
// The header names the pipeline, paradigm, name, version, classes, channels, rate_hz (0 where any will do), config
// (the pipeline's options), card (see ModelCard) and arrays: a list of {name, dtype, shape, offset}, dtype
// "float64" or "float32", row-major, offset counted from the start of the file. Arrays lie in the order of the list
// and do not overlap. Readers ignore header fields that they do not know; a change that they could not ignore
// raises the format version.
//
// Ten lines of Python read one (the test runs them):
//
//	import hashlib, json, math, struct, sys
//	raw = open(sys.argv[1], "rb").read()
//	magic, version, size = struct.unpack_from("<8sIQ", raw)
//	assert magic == b"NRDMODEL" and version == 1, "not a model file"
//	assert hashlib.sha256(raw[:-32]).digest() == raw[-32:], "checksum"
//	header = json.loads(raw[20:20 + size])
//	arrays = {}
//	for a in header["arrays"]:
//	    form = "<%d%s" % (math.prod(a["shape"]), {"float64": "d", "float32": "f"}[a["dtype"]])
//	    arrays[a["name"]] = struct.unpack_from(form, raw, a["offset"])
//
// # Invariants
//
//   - Load gives an error of type *decoders.Error for every file that Write could not have made; it never panics, and
//     what it allocates is bounded by the size of the file.
//   - Writing the same model twice gives the same bytes.
//   - A published name@version never changes: a second, different file of that name and version is refused.
//   - A Catalog may be used from any number of goroutines.
package catalog
