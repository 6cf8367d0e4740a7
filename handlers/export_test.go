package handlers

import (
	"encoding/csv"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"

	"github.com/gin-gonic/gin"
)

// TestCSVText holds every way in which a cell can begin a formula (OWASP, "CSV Injection").
func TestCSVText(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"":                         "",
		"Cz":                       "Cz",
		"größer":                   "größer",
		"a=b+c-d@e":                "a=b+c-d@e",
		"'=1":                      "'=1",
		`=cmd|'/C calc'!A0`:        `'=cmd|'/C calc'!A0`,
		`=HYPERLINK("http://x";1)`: `'=HYPERLINK("http://x";1)`,
		"+1":                       "'+1",
		"-1+1":                     "'-1+1",
		"@SUM(1+1)":                "'@SUM(1+1)",
		"\tx":                      "'\tx",
		"\t=1":                     "'\t'=1",
		"\rx":                      "'\rx",
		"\n=1":                     "'\n'=1",
		"＝1":                       "'＝1",
		"a;=1":                     "a;'=1", // where lists are separated by semicolons, a cell begins here
		"a,+1":                     "a,'+1",
		"a\n-1":                    "a\n'-1", // a line break inside a text begins nothing by itself
	} {
		if got := csvText(in); got != want {
			t.Errorf("%q becomes %q, want %q", in, got, want)
		}
	}
	if got := csvList([]string{"Cz", "=1+1", "Pz"}); got != "Cz;'=1+1;Pz" {
		t.Errorf("list %q", got)
	}
}

// FuzzCSVText checks that no text begins a formula, in whatever separator a spreadsheet believes, and that nothing but quotes
// is added.
func FuzzCSVText(f *testing.F) {
	for _, s := range []string{"=1", "a;=1", "\t\r\n@", ",,--", "''=", "\xff=", "＋"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if strings.ToValidUTF8(s, "") != s {
			t.Skip("names are valid UTF-8")
		}
		got := csvText(s)
		for part := range strings.FieldsFuncSeq(got, func(r rune) bool { return strings.ContainsRune(";,\t\r\n", r) }) {
			if strings.ContainsRune("=+-@＝＋－＠", []rune(part)[0]) {
				t.Fatalf("%q becomes %q, in which %q is a formula", s, got, part)
			}
		}
		if len(got) > 0 && strings.ContainsRune("\t\r\n", rune(got[0])) {
			t.Fatalf("%q becomes %q", s, got)
		}
		if strings.ReplaceAll(got, "'", "") != strings.ReplaceAll(s, "'", "") {
			t.Fatalf("%q becomes %q", s, got)
		}
		var b strings.Builder
		w := csv.NewWriter(&b)
		w.UseCRLF = true
		if err := w.Write([]string{got, "next"}); err != nil {
			t.Fatal(err)
		}
		w.Flush()
		row, err := csv.NewReader(strings.NewReader(b.String())).Read()
		// A reader of RFC 4180 gives line breaks back in one form.
		same := strings.NewReplacer("\r\n", "\n", "\r", "")
		if err != nil || len(row) != 2 || same.Replace(row[0]) != same.Replace(got) {
			t.Fatalf("%q is read as %q: %v", b.String(), row, err)
		}
	})
}

func TestExportFormatOf(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		query, accept, want string
		wrong               []string
	}{
		{"", "", "json", nil},
		{"", "*/*", "json", nil},
		{"", "text/html, text/csv;q=0.9, application/json", "csv", nil},
		{"", "text/csv;q=0, application/x-edf", "edf", nil},
		{"", "text/csv;q=0.000, application/x-bdf;q=0.1", "bdf", nil},
		{"", "text/html", "json", nil},
		{"", "text/csv; charset=utf-8", "csv", nil},
		{"", ";;,,", "json", nil},
		{"format=bdf", "text/csv", "bdf", nil},
		{"format=json", "text/csv", "json", nil},
		{"format=CSV", "", "json", []string{"format"}},
		{"format=", "text/csv", "json", []string{"format"}},
	} {
		c, _ := gin.CreateTestContext(httptest.NewRecorder())
		c.Request = httptest.NewRequest(http.MethodGet, "/?"+tt.query, nil)
		if tt.accept != "" {
			c.Request.Header.Set("Accept", tt.accept)
		}
		q := query{c: c}
		got := exportFormatOf(c, &q)
		var wrong []string
		for _, f := range q.wrong {
			wrong = append(wrong, f.Path.String())
		}
		if got.name != tt.want || !reflect.DeepEqual(wrong, tt.wrong) {
			t.Errorf("%q, Accept %q: %s, wrong %q", tt.query, tt.accept, got.name, wrong)
		}
	}
}
