package clients

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// TestTheDevicesDocumentsClients runs the examples of the devices document in the shell, in JavaScript and in GraphQL as they stand there, but for
// where they call and what they name, with clients that no one here wrote: curl, Node's fetch and WebSocket, and gql of Python.
func TestTheDevicesDocumentsClients(t *testing.T) {
	t.Parallel()
	if err := newNode(); err != nil {
		t.Fatal(err)
	}
	interpreter := pythonWith(t, "graphql")
	onBoth(t, func(t *testing.T, s *server) {
		s.call(t, "/v2/devices", map[string]any{"id": "openbci_001", "name": "Board", "driver": "synthetic", "settings": map[string]any{"pattern": "sine"}}, nil)
		// Node 20 has a WebSocket behind a flag; later ones have it anyway.
		run(t, patience, "neurascale", s.environment(t), "node", "--experimental-websocket", "--no-warnings", "clients.mjs")
		run(t, patience, "graphql", append(s.environment(t), "PYTHONDONTWRITEBYTECODE=1"), interpreter, "clients.py")
	})
}

// TestTheAsyncAPIIsParsed holds api/asyncapi.yaml to the rules of AsyncAPI as its own parser has them.
func TestTheAsyncAPIIsParsed(t *testing.T) {
	t.Parallel()
	dir := nodeFolder(t, "neurascale", "parse.mjs")
	run(t, 5*time.Minute, dir, os.Environ(), "node", "--no-warnings", "parse.mjs", absolute(t, filepath.Join(root, "api", "asyncapi.yaml")))
}

// TestTheDevicesExamplesAreTheDocuments holds the copies in testdata to the document where it is at hand, which shows them in one line each.
func TestTheDevicesExamplesAreTheDocuments(t *testing.T) {
	t.Parallel()
	space := regexp.MustCompile(`\s+`)
	text := space.ReplaceAllString(document(t, "neurascale.txt"), "")
	if text == "" {
		t.Skip("the document is not on this machine: its examples in testdata were NOT compared with it")
	}
	paths, err := filepath.Glob(filepath.Join("testdata", "neurascale", "*"))
	if err != nil || len(paths) != 8 {
		t.Fatalf("%d examples, want 8: %v", len(paths), err)
	}
	for _, path := range paths {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(text, space.ReplaceAllString(string(b), "")) {
			t.Errorf("%s is not as in the document", path)
		}
	}
}
