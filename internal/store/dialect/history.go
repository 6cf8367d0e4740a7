package dialect

import (
	"strconv"
	"strings"
	"time"

	"github.com/neurod/neurod/models"
)

// A line of jobs.history is an attempt that did not end its job, its parts with tabs between: number, owner, when it began, when it ended, how,
// and why. The statement that ends the attempt adds it, so that it costs no write of its own and goes with the job.

// PastLost ends the line of an attempt whose worker was not heard of any more.
const PastLost = "\tlost\t\n"

// maxWhy is how many bytes of an error a line has.
const maxWhy = 500

// PastBegins returns what a line has before the time at which its attempt began.
func PastBegins(attempt int, owner string) string {
	return strconv.Itoa(attempt) + "\t" + flat(owner) + "\t"
}

// PastEnds returns what a line has behind the time at which its attempt ended: it was handed back, or is to be tried again after a pause.
func PastEnds(pause time.Duration, why string) string {
	outcome := "retried"
	if pause <= 0 {
		outcome = "handed_back"
	}
	if len(why) > maxWhy {
		why = why[:maxWhy] + "…"
	}
	return "\t" + outcome + "\t" + flat(why) + "\n"
}

// flat makes a text a part of a line.
func flat(s string) string {
	return CleanText(strings.NewReplacer("\t", " ", "\n", " ", "\r", " ").Replace(strings.ToValidUTF8(s, "")))
}

// pastTimes are how the databases write times.
var pastTimes = []string{"2006-01-02 15:04:05.999999999-07:00", "2006-01-02 15:04:05.999999999-07"}

// ReadTime reads a time as the databases write it, nil where it is none.
func ReadTime(s string) *time.Time { return pastTime(s) }

func pastTime(s string) *time.Time {
	for _, layout := range pastTimes {
		if t, err := time.Parse(layout, s); err == nil {
			t = t.UTC()
			return &t
		}
	}
	return nil
}

// ReadHistory returns the attempts of a job that did not end it, in order. Lines that it cannot read it passes over.
func ReadHistory(history string) []models.Past {
	var out []models.Past
	for line := range strings.Lines(history) {
		parts := strings.SplitN(strings.TrimSuffix(line, "\n"), "\t", 6)
		if len(parts) != 6 {
			continue
		}
		n, err := strconv.Atoi(parts[0])
		ended := pastTime(parts[3])
		if err != nil || ended == nil {
			continue
		}
		out = append(out, models.Past{Attempt: n, Owner: parts[1], StartedAt: pastTime(parts[2]), EndedAt: *ended, Outcome: parts[4], Error: parts[5]})
	}
	return out
}
