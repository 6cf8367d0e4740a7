package registry_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/neurod/neurod/decoders/catalog"
	"github.com/neurod/neurod/eeg"
	"github.com/neurod/neurod/internal/auth"
	"github.com/neurod/neurod/internal/science"
	"github.com/neurod/neurod/internal/service/registry"
	"github.com/neurod/neurod/internal/store"
	"github.com/neurod/neurod/internal/testkit"
	"github.com/neurod/neurod/models"
)

var began = time.Date(2026, 5, 6, 7, 8, 9, 0, time.UTC)

// smallest is the smallest built-in model of motor imagery, as its file has it.
var smallest = sync.OnceValues(func() ([]byte, error) {
	cat, err := catalog.Default()
	if err != nil {
		return nil, err
	}
	var least []byte
	for _, e := range cat.List() {
		if e.Source != eeg.SourceBuiltIn || e.Paradigm != eeg.MotorImagery {
			continue
		}
		b, err := cat.File(e.Name, e.Version)
		if err != nil {
			return nil, err
		}
		if least == nil || len(b) < len(least) {
			least = b
		}
	}
	return least, nil
})

// modelFile is that model under another name and version.
func modelFile(t *testing.T, name, version string, license models.License) []byte {
	t.Helper()
	least, err := smallest()
	if err != nil {
		t.Fatal(err)
	}
	m, err := catalog.Parse(least)
	if err != nil {
		t.Fatal(err)
	}
	m.Card.RequiresLicense = string(license)
	var out bytes.Buffer
	if err := catalog.Write(&out, m.Paradigm, name, version, m.Card, m.State); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// desk is the use cases over a database and a catalog of an operator: a model of each tier, and two versions of one.
type desk struct {
	*registry.Service
	store  *store.Store
	tokens *auth.Tokens
	caller models.Principal // with every scope, and the tier that is free
}

func newDesk(t *testing.T, db *store.Store, change func(*registry.Config)) *desk {
	t.Helper()
	folder := fstest.MapFS{}
	for _, l := range models.Licenses() {
		folder["op-"+string(l)+catalog.Extension] = &fstest.MapFile{Data: modelFile(t, "op-"+string(l), "1.0.0", l)}
	}
	folder["later"+catalog.Extension] = &fstest.MapFile{Data: modelFile(t, "op-free", "2.0.0", models.LicenseFree)}
	cat, err := catalog.New(catalog.Pipelines()...)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := cat.AddFS(folder, eeg.SourceDirectory); err != nil {
		t.Fatal(err)
	}
	shared, err := science.NewModels(cat, nil)
	if err != nil {
		t.Fatal(err)
	}
	tokens, err := auth.NewTokens(auth.TokenConfig{Key: []byte(strings.Repeat("k", 32)), Now: func() time.Time { return began }})
	if err != nil {
		t.Fatal(err)
	}
	cfg := registry.Config{Store: db, Catalog: shared, Read: shared.Read, Tokens: tokens, Now: func() time.Time { return began }, Log: slog.New(slog.DiscardHandler)}
	if change != nil {
		change(&cfg)
	}
	return &desk{registry.New(cfg), db, tokens, models.Principal{ProjectID: models.NewID(), KeyID: models.NewID(), Scopes: models.Scopes(), License: models.LicenseFree}}
}

// upload checks and stores a file.
func (d *desk) upload(p models.Principal, file []byte) (models.ProjectModel, bool, error) {
	m, err := d.Check(context.Background(), p, file)
	if err != nil {
		return models.ProjectModel{}, false, err
	}
	return d.Upload(context.Background(), p, m)
}

func refs(list []registry.ListedModel) []string {
	out := make([]string, len(list))
	for i, m := range list {
		out[i] = fmt.Sprintf("%s@%s own=%t", m.Name, m.Version, m.Own)
	}
	slices.Sort(out)
	return out
}

// TestModelsAreListedByLicence, the project's own in place of those of the same name, each with a token for this version.
func TestModelsAreListedByLicence(t *testing.T) {
	t.Parallel()
	testkit.Stores(t, func(t *testing.T, db *store.Store) {
		d := newDesk(t, db, nil)
		var all []string
		for _, l := range models.Licenses() { // from the one that covers least
			all = append(all, "op-"+string(l)+"@1.0.0 own=false")
			p := d.caller
			p.License = l
			list, err := d.Available(t.Context(), p, registry.Filter{})
			if err != nil {
				t.Fatal(err)
			}
			want := append(slices.Clone(all), "op-free@2.0.0 own=false")
			slices.Sort(want)
			if diff := cmp.Diff(want, refs(list)); diff != "" {
				t.Errorf("with %s (-want +got):\n%s", l, diff)
			}
			for _, m := range list {
				if g, err := d.tokens.VerifyDownload(m.Token); err != nil || g.Model != m.Name+"@"+m.Version || g.ProjectID != p.ProjectID || g.KeyID != p.KeyID {
					t.Errorf("the token of %s: %+v, %v", m.Name, g, err)
				}
			}
		}
		file := modelFile(t, "op-free", "7", models.LicenseFree)
		if _, _, err := d.upload(d.caller, file); err != nil {
			t.Fatal(err)
		}
		list, err := d.Available(t.Context(), d.caller, registry.Filter{Paradigm: eeg.MotorImagery, Type: ""})
		if err != nil || len(list) != 1 || list[0].Version != "7" || !list[0].Own || list[0].Size != int64(len(file)) {
			t.Errorf("with an own model of the name: %v, %v", refs(list), err)
		}
		other := d.caller
		other.ProjectID = models.NewID()
		if list, err := d.Available(t.Context(), other, registry.Filter{}); err != nil || len(list) != 2 {
			t.Errorf("another project: %v, %v", refs(list), err)
		}
		for _, f := range []registry.Filter{{Paradigm: eeg.P300}, {Type: "no type"}} {
			if list, err := d.Available(t.Context(), d.caller, f); err != nil || len(list) != 0 {
				t.Errorf("%+v: %v, %v", f, refs(list), err)
			}
		}
		if _, err := d.Available(t.Context(), d.caller, registry.Filter{Paradigm: "telepathy"}); models.CodeOf(err) != models.InvalidParameter || models.AsError(err).Fields[0].Path.String() != "paradigm" {
			t.Errorf("no such paradigm: %v", err)
		}
	})
}

// TestVersionsNeverChangeAndOnlyRise: the same file again is no news, another file under its name is refused, and so is one that is
// damaged, too large or more than the project may keep.
func TestVersionsNeverChangeAndOnlyRise(t *testing.T) {
	t.Parallel()
	testkit.Stores(t, func(t *testing.T, db *store.Store) {
		file := modelFile(t, "mine", "2", models.LicenseResearch)
		d := newDesk(t, db, func(c *registry.Config) { c.MaxBytes = int64(2*len(file) + len(file)/2) })
		m, created, err := d.upload(d.caller, file)
		if err != nil || !created || m.Ref() != "mine@2" || m.State != models.ModelActive || m.Info.License != models.LicenseFree {
			t.Fatalf("%+v, %t, %v", m, created, err)
		}
		if again, created, err := d.upload(d.caller, file); err != nil || created || again.ID != m.ID {
			t.Errorf("the same again: %+v, %t, %v", again, created, err)
		}
		if _, _, err := d.upload(d.caller, modelFile(t, "mine", "2", models.LicenseFree)); models.CodeOf(err) != models.ModelVersionTaken {
			t.Errorf("another file: %v", err)
		}
		if _, _, err := d.upload(d.caller, modelFile(t, "mine", "1.9", models.LicenseFree)); models.CodeOf(err) != models.ModelVersionTaken {
			t.Errorf("an earlier version: %v", err)
		}
		for name, bad := range map[string][]byte{"nothing": nil, "no model": []byte("PK\x03\x04"), "a file cut off": file[:len(file)-1], "a bit that fell over": append(bytes.Clone(file[:40]), append([]byte{file[40] ^ 1}, file[41:]...)...)} {
			_, _, err := d.upload(d.caller, bad)
			if e := models.AsError(err); e.Code != models.InvalidRequestBody || e.Details["reason"] == "" {
				t.Errorf("%s: %v %v", name, err, e.Details)
			}
		}
		if _, err := d.Check(context.Background(), d.caller, make([]byte, registry.MaxModelBytes+1)); models.CodeOf(err) != models.PayloadTooLarge || models.AsError(err).Details["payload_bytes"] != registry.MaxModelBytes+1 {
			t.Errorf("a large file: %v", err)
		}
		if _, _, err := d.upload(d.caller, modelFile(t, "mine", "3", models.LicenseFree)); err != nil {
			t.Fatal(err)
		}
		if _, _, err := d.upload(d.caller, modelFile(t, "mine", "4", models.LicenseFree)); models.CodeOf(err) != models.ModelStorageFull {
			t.Errorf("beyond what the project may keep: %v", err)
		}

		back, err := d.Activate(t.Context(), d.caller, "mine", "")
		if err != nil || back.Version != "2" {
			t.Errorf("rolled back to %s, %v", back.Version, err)
		}
		if _, err := d.Activate(t.Context(), d.caller, "mine", ""); models.CodeOf(err) != models.ModelNotFound || !strings.Contains(models.AsError(err).Text(), "before its active one") {
			t.Errorf("before the first: %v", err)
		}
		if forward, err := d.Activate(t.Context(), d.caller, "mine", "3"); err != nil || forward.State != models.ModelActive {
			t.Errorf("forward: %+v, %v", forward, err)
		}
		list, err := d.Versions(t.Context(), d.caller, "mine")
		if err != nil || len(list) != 2 || list[0].Version != "3" || list[1].Version != "2" {
			t.Errorf("versions %v, %v", list, err)
		}
		if own, err := d.Own(t.Context(), d.caller); err != nil || len(own) != 2 {
			t.Errorf("own %v, %v", own, err)
		}
		for _, ref := range []string{"", "mine@", "@2", "nobody", "mine@9"} {
			if err := d.Delete(t.Context(), d.caller, ref); models.CodeOf(err) != models.ModelNotFound {
				t.Errorf("deleting %q: %v", ref, err)
			}
		}
		for _, ref := range []string{"mine@3", "mine"} {
			if err := d.Delete(t.Context(), d.caller, ref); err != nil {
				t.Errorf("deleting %q: %v", ref, err)
			}
		}
		for _, name := range []string{"mine", ""} {
			if _, err := d.Versions(t.Context(), d.caller, name); models.CodeOf(err) != models.ModelNotFound {
				t.Errorf("versions of %q: %v", name, err)
			}
		}
	})
}

// changedOnDisk is a catalog of which a file is no longer what it was when the program read it.
type changedOnDisk struct{ registry.Catalog }

func (c changedOnDisk) File(name, version string) ([]byte, error) {
	b, err := c.Catalog.File(name, version)
	if len(b) > 0 {
		b = bytes.Clone(b)
		b[len(b)-1] ^= 1
	}
	return b, err
}

// TestDownloads: a version of the project's own or one that the licence covers, whole or not at all.
func TestDownloads(t *testing.T) {
	t.Parallel()
	testkit.Stores(t, func(t *testing.T, db *store.Store) {
		d := newDesk(t, db, nil)
		file := modelFile(t, "mine", "1", models.LicenseFree)
		if _, _, err := d.upload(d.caller, file); err != nil {
			t.Fatal(err)
		}
		own, err := d.Download(t.Context(), d.caller, "mine", "1")
		if err != nil || own.Size != int64(len(file)) || !own.CreatedAt.Equal(began) {
			t.Fatalf("%+v, %v", own, err)
		}
		if b, err := own.Open(t.Context()); err != nil || !bytes.Equal(b, file) {
			t.Errorf("%d bytes of %d, %v", len(b), len(file), err)
		}
		shared, err := d.Download(t.Context(), d.caller, "op-free", "1.0.0")
		if err != nil || !shared.CreatedAt.IsZero() {
			t.Errorf("%+v, %v", shared, err)
		}
		if b, err := shared.Open(t.Context()); err != nil || !bytes.Equal(b, modelFile(t, "op-free", "1.0.0", models.LicenseFree)) {
			t.Errorf("%d bytes, %v", len(b), err)
		}
		last := models.Licenses()[len(models.Licenses())-1]
		_, err = d.Download(t.Context(), d.caller, "op-"+string(last), "1.0.0")
		if want := map[string]any{"model": "op-" + string(last) + "@1.0.0", "requires_license": string(last), "license": "free"}; models.CodeOf(err) != models.LicenseRequired || !cmp.Equal(models.AsError(err).Details, want) {
			t.Errorf("a higher tier: %v %v", err, models.AsError(err).Details)
		}
		other := d.caller
		other.ProjectID = models.NewID()
		for _, tc := range []struct {
			p             models.Principal
			name, version string
		}{{other, "mine", "1"}, {d.caller, "mine", "2"}, {d.caller, "mine", ""}, {d.caller, "op-free", ""}, {d.caller, "", ""}, {d.caller, "x' OR 1=1", "1"}} {
			if _, err := d.Download(t.Context(), tc.p, tc.name, tc.version); models.CodeOf(err) != models.ModelNotFound {
				t.Errorf("%s@%s: %v", tc.name, tc.version, err)
			}
		}
		if err := d.Delete(t.Context(), d.caller, "mine"); err != nil {
			t.Fatal(err)
		}
		if _, err := own.Open(t.Context()); models.CodeOf(err) != models.ModelNotFound {
			t.Errorf("deleted between: %v", err)
		}
		damaged := newDesk(t, db, func(c *registry.Config) { c.Catalog = changedOnDisk{c.Catalog} })
		f, err := damaged.Download(t.Context(), damaged.caller, "op-free", "1.0.0")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.Open(t.Context()); models.CodeOf(err) != models.Internal || !errors.Is(err, store.ErrDamaged) || strings.Contains(models.AsError(err).Text(), "op-free") {
			t.Errorf("a file that changed on the disk: %v", err)
		}
	})
}

// TestModelsOfDecodesAreChecked before a decode is accepted; names that nobody knows pass, because the job says so.
func TestModelsOfDecodesAreChecked(t *testing.T) {
	t.Parallel()
	testkit.Stores(t, func(t *testing.T, db *store.Store) {
		d := newDesk(t, db, nil)
		last := "op-" + string(models.Licenses()[len(models.Licenses())-1])
		for ref, code := range map[string]models.Code{"": "", "nobody": "", "op-free": "", "op-free@1.0.0": "", last: models.LicenseRequired, last + "@1.0.0": models.LicenseRequired, last + "@9": ""} {
			if err := d.CheckModel(t.Context(), d.caller, ref); models.CodeOf(err) != code {
				t.Errorf("%q: %v, want %q", ref, err, code)
			}
		}
		if _, _, err := d.upload(d.caller, modelFile(t, last, "1.0.0", models.LicenseFree)); err != nil {
			t.Fatal(err)
		}
		if err := d.CheckModel(t.Context(), d.caller, last); err != nil {
			t.Errorf("the project's own of the name: %v", err)
		}
	})
}

// TestPublishGivesTheNextVersion, and what the builder of the file says where it fails.
func TestPublishGivesTheNextVersion(t *testing.T) {
	t.Parallel()
	testkit.Stores(t, func(t *testing.T, db *store.Store) {
		d := newDesk(t, db, nil)
		build := func(version string) (registry.NewVersion, error) {
			return registry.NewVersion{File: modelFile(t, "mine", version, models.LicenseFree)}, nil
		}
		if _, _, err := d.upload(d.caller, modelFile(t, "mine", "4.7.1", models.LicenseFree)); err != nil {
			t.Fatal(err)
		}
		for _, want := range []string{"5", "6"} {
			if m, err := d.Publish(t.Context(), d.caller.ProjectID, "mine", build); err != nil || m.Version != want {
				t.Errorf("%s, %v, want %s", m.Version, err, want)
			}
		}
		if m, err := d.Publish(t.Context(), models.NewID(), "mine", build); err != nil || m.Version != "1" {
			t.Errorf("the first of another project: %s, %v", m.Version, err)
		}
		fault := errors.New("no trial can be read")
		if _, err := d.Publish(t.Context(), d.caller.ProjectID, "mine", func(string) (registry.NewVersion, error) { return registry.NewVersion{}, fault }); !errors.Is(err, fault) {
			t.Errorf("%v", err)
		}
		if _, err := d.Publish(t.Context(), d.caller.ProjectID, "mine", func(v string) (registry.NewVersion, error) {
			return registry.NewVersion{File: modelFile(t, "mine", v, models.LicenseFree), Sessions: []string{models.NewID()}}, nil
		}); models.CodeOf(err) != models.TrainingDataGone {
			t.Errorf("of a session that is gone: %v", err)
		}
		late := 0 // somebody else is faster every time
		_, err := d.Publish(t.Context(), d.caller.ProjectID, "mine", func(v string) (registry.NewVersion, error) {
			late++
			if _, _, err := d.upload(d.caller, modelFile(t, "mine", v, models.LicenseResearch)); err != nil {
				t.Fatal(err)
			}
			return registry.NewVersion{File: modelFile(t, "mine", v, models.LicenseFree)}, nil
		})
		if models.CodeOf(err) != models.ModelVersionTaken || late != 5 {
			t.Errorf("overtaken %d times: %v", late, err)
		}
	})
}

// TestEveryUseCaseAsksForItsRight, and says unavailable where the database is.
func TestEveryUseCaseAsksForItsRight(t *testing.T) {
	t.Parallel()
	d := newDesk(t, testkit.Backend{Store: store.Config{DatabaseURL: testkit.SQLite(t)}}.Open(t), nil)
	file := modelFile(t, "mine", "1", models.LicenseFree)
	checked, err := d.Check(context.Background(), d.caller, file)
	if err != nil {
		t.Fatal(err)
	}
	calls := map[string]struct {
		right models.Right
		call  func(p models.Principal) error
	}{
		"available": {models.RightCatalogRead, func(p models.Principal) error { _, err := d.Available(t.Context(), p, registry.Filter{}); return err }},
		"download":  {models.RightCatalogRead, func(p models.Principal) error { _, err := d.Download(t.Context(), p, "mine", "1"); return err }},
		"own":       {models.RightCatalogRead, func(p models.Principal) error { _, err := d.Own(t.Context(), p); return err }},
		"versions":  {models.RightCatalogRead, func(p models.Principal) error { _, err := d.Versions(t.Context(), p, "mine"); return err }},
		"global":    {models.RightCatalogRead, func(p models.Principal) error { _, err := d.Global(t.Context(), p); return err }},
		"check":     {models.RightCatalogWrite, func(p models.Principal) error { _, err := d.Check(context.Background(), p, file); return err }},
		"upload":    {models.RightCatalogWrite, func(p models.Principal) error { _, _, err := d.Upload(t.Context(), p, checked); return err }},
		"activate":  {models.RightCatalogWrite, func(p models.Principal) error { _, err := d.Activate(t.Context(), p, "mine", "1"); return err }},
		"delete":    {models.RightCatalogWrite, func(p models.Principal) error { return d.Delete(t.Context(), p, "mine") }},
	}
	for name, c := range calls {
		less := d.caller
		less.Scopes = slices.DeleteFunc(slices.Clone(models.Scopes()), func(s models.Scope) bool { return s == models.ScopeOf(c.right) })
		for who, p := range map[string]models.Principal{"nobody": {}, "a key without the scope": less} {
			if err := c.call(p); models.CodeOf(err) != models.InsufficientScope {
				t.Errorf("%s by %s: %v", name, who, err)
			}
		}
		if viewer := (models.Principal{ProjectID: "p", UserID: "u", Role: models.RoleViewer}); c.right == models.RightCatalogWrite {
			if err := c.call(viewer); models.CodeOf(err) != models.InsufficientRole {
				t.Errorf("%s by a viewer: %v", name, err)
			}
		}
	}
	if err := d.store.Close(); err != nil {
		t.Fatal(err)
	}
	for name, c := range calls {
		want := models.Unavailable
		if name == "check" || name == "global" { // which ask no database
			want = ""
		}
		if err := c.call(d.caller); models.CodeOf(err) != want {
			t.Errorf("%s without a database: %v, want %q", name, err, want)
		}
	}
}
