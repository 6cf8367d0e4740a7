// Package api embeds the contracts of the ways in, so that the server can hand them out.
package api

import (
	"embed"
	"io/fs"
	"sync"

	"github.com/goccy/go-yaml"
)

// OpenAPI is the OpenAPI 3.1 document of the HTTP API.
//
//go:embed openapi.yaml
var OpenAPI []byte

// GraphQL is the schema of the GraphQL API.
//
//go:embed schema.graphql
var GraphQL string

// OpenAPIJSON returns the same document in JSON. It is made when it is first asked for.
var OpenAPIJSON = sync.OnceValues(func() ([]byte, error) { return yaml.YAMLToJSON(OpenAPI) })

//go:embed proto/*/*/*.proto
var protos embed.FS

// ProtoFiles are the names of the protobuf files of the gRPC API, as they import each other.
func ProtoFiles() []string {
	found, err := fs.Glob(protos, "proto/*/*/*.proto")
	if err != nil {
		panic(err) // the pattern is one
	}
	for i, name := range found {
		found[i] = name[len("proto/"):]
	}
	return found
}

// Proto returns a protobuf file by its name. Error: fs.ErrNotExist.
func Proto(name string) ([]byte, error) { return protos.ReadFile("proto/" + name) }

// AsyncAPI is the AsyncAPI 3 document of the WebSockets.
//
//go:embed asyncapi.yaml
var AsyncAPI []byte

// AsyncAPIJSON returns the same document in JSON. It is made when it is first asked for.
var AsyncAPIJSON = sync.OnceValues(func() ([]byte, error) { return yaml.YAMLToJSON(AsyncAPI) })
