package decode

import (
	"fmt"
	"slices"
	"strings"

	"github.com/neurod/neurod/decoders/contact"
	"github.com/neurod/neurod/eeg"
)

// addContact names the channels of an answer that hold no EEG; report is nil where all hold some.
func addContact(out *eeg.Result, report *contact.Report) {
	if report != nil && out.Quality != nil {
		out.Quality.BadChannels = slices.Concat(report.Bad, report.Unread)
	}
}

// badChannels names the channels that hold no EEG, and what became of them.
func badChannels(r *contact.Report) string {
	var text []string
	if len(r.Bad) > 0 {
		did := "The answer rests on the others"
		switch {
		case r.Undetermined:
			did = "There is no answer without it"
			if len(r.Bad) > 1 {
				did = "There is no answer without them"
			}
		case r.Method == contact.Untouched:
			did = "The decoder leaves out what it cannot read"
		}
		text = append(text, fmt.Sprintf("No EEG in %s. %s.", faults(r.Bad), did))
	}
	if len(r.Unread) > 0 {
		text = append(text, fmt.Sprintf("No EEG in %s, which the model does not read.", faults(r.Unread)))
	}
	return strings.Join(text, " ")
}

// faults lists channels with what is wrong with each.
func faults(list []eeg.BadChannel) string {
	texts := make([]string, len(list))
	for i, c := range list {
		texts[i] = fmt.Sprintf("%s (%s)", c.Name, c.Fault)
	}
	return listed(texts)
}

// whyUndetermined says why bad channels left no answer.
func whyUndetermined(r *contact.Report) string {
	if r.Method == contact.Untouched {
		return fmt.Sprintf("There is no EEG in %s: too little is left to decode.", faults(r.Bad))
	}
	return fmt.Sprintf("There is no EEG in %s, and what the other channels tell does not settle the answer.", faults(r.Bad))
}
