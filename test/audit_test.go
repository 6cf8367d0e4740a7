package test

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"
)

// TestAuditLog: the owner reads who did what to account, keys and people's data; nobody else does, and it holds no secret.
func TestAuditLog(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, s *server) {
		ada, eve := s.tenant(t, "ada@example.com"), s.tenant(t, "eve@example.com")
		s.call(t, "POST", "/v1/auth/login", "", object{"email": s.mail("ada@example.com"), "password": "not the password"}, "X-Request-Id: wrong-one")
		made := s.json(t, 201, "POST", "/v1/projects/"+ada.project+"/keys", ada.token, object{"name": "k"})
		s.json(t, 200, "POST", "/v1/auth/refresh", made["raw_key"].(string), nil)
		if a := s.call(t, "DELETE", "/v1/projects/"+ada.project+"/keys/"+made["id"].(string), ada.token, nil); a.StatusCode != 204 {
			t.Fatalf("%d %s", a.StatusCode, a.body)
		}
		s.json(t, 200, "DELETE", "/v1/users/somebody-real", ada.keys["good"], nil)

		var events []object
		pages := 0
		for path := "/v1/audit?limit=5"; path != ""; pages++ {
			a := s.call(t, "GET", path, ada.token, nil)
			if a.StatusCode != 200 {
				t.Fatalf("%d %s", a.StatusCode, a.body)
			}
			for _, secret := range []string{"nrd_", "somebody-real", "example.com"} {
				if strings.Contains(string(a.body), secret) {
					t.Errorf("the log holds %q: %s", secret, a.body)
				}
			}
			var page []object
			if err := json.Unmarshal(a.body, &page); err != nil {
				t.Fatal(err)
			}
			events = append(events, page...)
			path = ""
			if link := a.Header.Get("Link"); link != "" {
				path = link[1:strings.Index(link, ">")]
			}
		}
		if pages < 3 {
			t.Errorf("%d pages of 5 for %d events", pages, len(events))
		}
		count := map[string]int{}
		for _, e := range events {
			count[e["action"].(string)]++
		}
		for action, n := range map[string]int{"account.created": 1, "project.created": 1, "login.succeeded": 1, "login.failed": 1,
			"key.refreshed": 1, "key.revoked": 2, "user_data.erasing": 1, "user_data.erased": 1} {
			if count[action] != n {
				t.Errorf("%d of %s, want %d", count[action], action, n)
			}
		}
		i := slices.IndexFunc(events, func(e object) bool { return e["action"] == "login.failed" })
		if e := events[i]; e["actor_kind"] != "anonymous" || e["request_id"] != "wrong-one" || e["remote"] != "127.0.0.1" || e["subject"] != ada.userID {
			t.Errorf("%v", e)
		}
		i = slices.IndexFunc(events, func(e object) bool { return e["action"] == "key.revoked" && e["subject"] == made["id"] })
		if e := events[i]; e["actor"] != ada.userID || e["details"].(object)["keys"] != 2. || e["project_id"] != ada.project {
			t.Errorf("%v", e)
		}

		if a := s.call(t, "GET", "/v1/audit?project_id="+ada.project, eve.token, nil); strings.TrimSpace(string(a.body)) != "[]" {
			t.Errorf("another tenant sees %s", a.body)
		}
		for _, query := range []string{"action=none", "project_id=x", "cursor=x", "limit=0", "limit=201"} {
			if a := s.call(t, "GET", "/v1/audit?"+query, ada.token, nil); a.StatusCode != http.StatusBadRequest {
				t.Errorf("%s: %d %s", query, a.StatusCode, a.body)
			}
		}
	})
}

// TestTheOwnersRevokeTakesRefreshedKeys: whoever had a copy of a key and refreshed it has nothing left.
func TestTheOwnersRevokeTakesRefreshedKeys(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, s *server) {
		ada := s.tenant(t, "ada@example.com")
		refresh := func(key string) (id, raw string) {
			k := s.json(t, 200, "POST", "/v1/auth/refresh", key, nil)
			return k["key_id"].(string), k["api_key"].(string)
		}
		works := func(key string) bool { return s.call(t, "GET", "/api/v1/jobs", key, nil).StatusCode == 200 }
		for name, revoke := range map[string]func(id, raw string){
			"owner": func(id, _ string) {
				if a := s.call(t, "DELETE", "/v1/projects/"+ada.project+"/keys/"+id, ada.token, nil); a.StatusCode != 204 {
					t.Fatalf("%d %s", a.StatusCode, a.body)
				}
			},
			"holder": func(_, raw string) {
				if got := s.json(t, 200, "POST", "/v1/auth/revoke", raw, object{"include_refreshed": true}); got["keys_revoked"] != 3. {
					t.Errorf("%v", got)
				}
			},
		} {
			made := s.json(t, 201, "POST", "/v1/projects/"+ada.project+"/keys", ada.token, object{"name": "leaked"})
			id, leaked := made["id"].(string), made["raw_key"].(string)
			childID, child := refresh(leaked)
			grandchildID, grandchild := refresh(child)
			parents := map[string]any{}
			var keys []object
			a := s.call(t, "GET", "/v1/projects/"+ada.project+"/keys", ada.token, nil)
			if err := json.Unmarshal(a.body, &keys); err != nil {
				t.Fatal(err)
			}
			for _, k := range keys {
				parents[k["id"].(string)] = k["parent_id"]
			}
			if parents[id] != nil || parents[childID] != id || parents[grandchildID] != childID {
				t.Errorf("parents %v", parents)
			}
			if !works(grandchild) { // and it is remembered
				t.Fatal("the refreshed key does not work")
			}
			revoke(id, leaked)
			for _, k := range []string{leaked, child, grandchild} {
				if works(k) {
					t.Errorf("%s: a key works after the revoke", name)
				}
			}
			if !works(ada.keys["good"]) {
				t.Errorf("%s: another key was revoked as well", name)
			}
		}
	})
}
