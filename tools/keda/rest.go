//go:build linux

package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/goccy/go-yaml"
)

// object is a Kubernetes object as it is written.
type object = map[string]any

// at walks into an object, nil where there is nothing.
func at(v any, path ...string) any {
	for _, p := range path {
		o, _ := v.(object)
		v = o[p]
	}
	return v
}

func text(v any, path ...string) string {
	s, _ := at(v, path...).(string)
	return s
}

var separator = regexp.MustCompile(`(?m)^---\s*$`)

// objects reads the documents of a manifest.
func objects(manifest []byte) (out []object, err error) {
	for _, document := range separator.Split(string(manifest), -1) {
		var o object
		if err := yaml.Unmarshal([]byte(document), &o); err != nil {
			return nil, err
		}
		if o != nil {
			out = append(out, o)
		}
	}
	return out, nil
}

// client speaks to an API server, as Kubernetes' API conventions say.
type client struct {
	base string
	http *http.Client

	mu    sync.Mutex
	kinds map[string]string // path of a kind's objects by apiVersion and kind, with %s for the namespace
}

func newClient(base string, ca *authority, id identity) (*client, error) {
	cert, err := tls.LoadX509KeyPair(id.cert, id.key)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	pool.AddCert(ca.cert)
	return &client{base: base, kinds: map[string]string{}, http: &http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: 16,
		TLSClientConfig: &tls.Config{RootCAs: pool, Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12}}}}, nil
}

// statusError is an answer that is none of success.
type statusError struct {
	status  int
	message string
}

func (e *statusError) Error() string { return fmt.Sprintf("HTTP %d: %s", e.status, e.message) }

func missing(err error) bool {
	var e *statusError
	return errors.As(err, &e) && e.status == http.StatusNotFound
}

// do sends a call and reads the answer into out, where that is not nil.
func (c *client) do(ctx context.Context, method, path, contentType string, body, out any) error {
	var sent io.Reader
	if body != nil {
		b, err := json.Marshal(body)
		if err != nil {
			return err
		}
		sent = bytes.NewReader(b)
	}
	req, err := http.NewRequestWithContext(ctx, method, c.base+path, sent)
	if err != nil {
		return err
	}
	if body != nil {
		req.Header.Set("Content-Type", contentType)
	}
	req.Header.Set("Accept", "application/json")
	res, err := c.http.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		return err
	}
	if res.StatusCode/100 != 2 {
		var status struct{ Message string }
		if json.Unmarshal(b, &status) != nil || status.Message == "" {
			status.Message = string(b)
		}
		return fmt.Errorf("%s %s: %w", method, path, &statusError{res.StatusCode, status.Message})
	}
	if out == nil {
		return nil
	}
	return json.Unmarshal(b, out)
}

const (
	asJSON  = "application/json"
	asPatch = "application/merge-patch+json"
	asApply = "application/apply-patch+yaml" // JSON is YAML
)

func (c *client) get(ctx context.Context, path string, out any) error {
	return c.do(ctx, http.MethodGet, path, "", nil, out)
}

func (c *client) post(ctx context.Context, path string, body, out any) error {
	return c.do(ctx, http.MethodPost, path, asJSON, body, out)
}

func (c *client) patch(ctx context.Context, path string, body any) error {
	return c.do(ctx, http.MethodPatch, path, asPatch, body, nil)
}

// path returns where an object is, by what the server says of its kind.
func (c *client) path(ctx context.Context, o object) (string, error) {
	version, kind := text(o, "apiVersion"), text(o, "kind")
	c.mu.Lock()
	defer c.mu.Unlock()
	form, known := c.kinds[version+" "+kind]
	if !known {
		base := "/apis/" + version
		if !strings.Contains(version, "/") {
			base = "/api/" + version
		}
		var list struct {
			Resources []struct {
				Name, Kind string
				Namespaced bool
			}
		}
		if err := c.get(ctx, base, &list); err != nil {
			return "", err
		}
		for _, r := range list.Resources {
			if r.Kind != kind || strings.Contains(r.Name, "/") {
				continue
			}
			if form = base + "/%s" + r.Name; r.Namespaced {
				form = base + "/namespaces/%s/" + r.Name
			}
		}
		if form == "" {
			return "", fmt.Errorf("the server has no %s of %s", kind, version)
		}
		c.kinds[version+" "+kind] = form
	}
	return fmt.Sprintf(form, text(o, "metadata", "namespace")) + "/" + text(o, "metadata", "name"), nil
}

// apply has the server make an object what it says (server-side apply), as Helm 4 and kubectl do.
func (c *client) apply(ctx context.Context, o object) error {
	path, err := c.path(ctx, o)
	if err != nil {
		return err
	}
	return c.do(ctx, http.MethodPatch, path+"?fieldManager=helm&force=true", asApply, o, nil)
}

// applyAll applies the documents of a manifest; those without a namespace go to the one given where their kind has one.
func (c *client) applyAll(ctx context.Context, manifest []byte, namespace string) error {
	all, err := objects(manifest)
	if err != nil {
		return err
	}
	for _, o := range all {
		if err := c.applyIn(ctx, o, namespace); err != nil {
			return err
		}
	}
	return nil
}

// applyIn applies an object to the namespace that it names, or to the one given.
func (c *client) applyIn(ctx context.Context, o object, namespace string) error {
	if meta, ok := o["metadata"].(object); ok && meta["namespace"] == nil && !wide[text(o, "kind")] {
		meta["namespace"] = namespace
	}
	return c.apply(ctx, o)
}

// wide are the kinds here that no namespace has.
var wide = map[string]bool{"Namespace": true, "Node": true, "ClusterRole": true, "ClusterRoleBinding": true, "CustomResourceDefinition": true, "APIService": true}
