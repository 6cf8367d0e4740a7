// Package api embeds the contract of the HTTP API, so that the server can hand it out.
package api

import (
	_ "embed"
	"sync"

	"github.com/goccy/go-yaml"
)

// OpenAPI is the OpenAPI 3.1 document of the HTTP API.
//
//go:embed openapi.yaml
var OpenAPI []byte

// OpenAPIJSON returns the same document in JSON. It is made when it is first asked for.
var OpenAPIJSON = sync.OnceValues(func() ([]byte, error) { return yaml.YAMLToJSON(OpenAPI) })
