package recording

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode"

	"github.com/neurod/neurod/decoders"
)

// Remedy ends the message of a Mismatch.
const Remedy = ". Where channels go by other names, tell them in channel_names (from the recording's to the model's; --rename on the command line), " +
	"else name another model or train one on these channels"

// Mismatch is the montage_mismatch error of a model that needs channels which a recording, that has those of have, lacks. The
// message says who needs them, what is there, which of it may be meant, and what can be done. details go beside channels_needed,
// channels_missing, channels_got and channels_nearest (missing → a channel that is there and may be it).
func Mismatch(who string, have, need, missing []string, details map[string]any) *decoders.Error {
	near := Nearest(have, need, missing)
	all := map[string]any{"channels_needed": slices.Clone(need), "channels_missing": missing, "channels_got": slices.Clone(have), "channels_nearest": near}
	maps.Copy(all, details)
	text := fmt.Sprintf("%s needs channels that the recording lacks: %s", who, FewNames(missing))
	if len(missing) < len(need) {
		text += ". It needs " + FewNames(need)
	}
	text += "; the recording has " + FewNames(have)
	if len(near) > 0 {
		var pairs []string
		for _, m := range missing {
			if n, ok := near[m]; ok {
				pairs = append(pairs, fmt.Sprintf("%s may be %s", n, m))
			}
		}
		text += "; " + strings.Join(pairs[:min(len(pairs), 8)], ", ")
	}
	return decoders.Errorf(decoders.CodeMontageMismatch, all, "%s", text+Remedy)
}

// Nearest guesses for missing channels which of those of have may be meant: one whose name holds the missing one as a word, such as
// "Amp1_C3" for C3, or differs by one letter or digit, and is not itself among those needed.
func Nearest(have, need, missing []string) map[string]string {
	taken := map[string]bool{}
	for _, n := range need {
		taken[strings.ToUpper(CanonicalName(n))] = true
	}
	out := map[string]string{}
	used := map[string]bool{}
	for _, exact := range []bool{true, false} {
		for _, m := range missing {
			if out[m] != "" {
				continue
			}
			want := strings.ToUpper(CanonicalName(m))
			for _, h := range have {
				if used[h] || taken[strings.ToUpper(CanonicalName(h))] {
					continue
				}
				if exact && holdsWord(strings.ToUpper(h), want) || !exact && !IsElectrode(h) && oneApart(strings.ToUpper(h), want) {
					out[m], used[h] = h, true
					break
				}
			}
		}
	}
	return out
}

// holdsWord reports whether text has want between its other characters, not inside a longer run of letters and digits, or at the end of
// letters that are not part of it ("chC3").
func holdsWord(text, want string) bool {
	words := strings.FieldsFunc(text, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })
	for _, w := range words {
		if w == want || len(want) >= 2 && strings.HasSuffix(w, want) && !IsElectrode(w) {
			return true
		}
	}
	return false
}

// oneApart reports whether two names of two and more characters differ by one that is changed, added or left out.
func oneApart(a, b string) bool {
	if len(a) < len(b) {
		a, b = b, a
	}
	if len(b) < 2 || len(a) > len(b)+1 {
		return false
	}
	i := 0
	for i < len(b) && a[i] == b[i] {
		i++
	}
	if len(a) == len(b) {
		return i < len(b) && i > 0 && a[i+1:] == b[i+1:]
	}
	return a[i+1:] == b[i:]
}

// FewNames lists names in a text: the first twelve of many, and how many more there are.
func FewNames(names []string) string {
	switch {
	case len(names) == 0:
		return "none"
	case len(names) > 12:
		return fmt.Sprintf("%s and %d more", strings.Join(names[:12], ", "), len(names)-12)
	}
	return strings.Join(names, ", ")
}

// Rename gives channels other names, for the time they are read under: names maps what they are called, as the file spells them or by
// their 10-20 name, to the names wanted. Error: montage_mismatch where a channel that is renamed is not there or two would have one name.
func (r *Recording) Rename(names map[string]string) error {
	got := r.Labels()
	to, err := renameAll(got, names)
	if err != nil {
		return err
	}
	for i := range r.Channels {
		if to[i] != got[i] {
			r.Channels[i].Label, r.Channels[i].Name = to[i], CanonicalName(to[i])
			if IsElectrode(to[i]) {
				r.Channels[i].Kind = EEG
			}
		}
	}
	return nil
}

// Renamed returns channels under the names that they are to be read under. Errors are those of Rename.
func Renamed(channels []string, names map[string]string) ([]string, error) {
	return renameAll(channels, names)
}

func renameAll(channels []string, names map[string]string) ([]string, error) {
	out := slices.Clone(channels)
	for _, from := range slices.Sorted(maps.Keys(names)) {
		at := slices.Index(channels, from)
		if at < 0 {
			at = slices.IndexFunc(channels, func(c string) bool { return strings.EqualFold(CanonicalName(c), CanonicalName(from)) })
		}
		if at < 0 {
			return nil, decoders.Errorf(decoders.CodeMontageMismatch, map[string]any{"channel": from, "channels_got": slices.Clone(channels)},
				"channel_names renames %q, which the recording does not have; it has %s", from, FewNames(channels))
		}
		out[at] = names[from]
	}
	seen := map[string]int{}
	for i, c := range out {
		if j, twice := seen[c]; twice && len(names) > 0 && (c != channels[i] || c != channels[j]) {
			return nil, decoders.Errorf(decoders.CodeMontageMismatch, map[string]any{"channel": c, "channels_got": slices.Clone(channels)},
				"channel_names gives two channels the name %q: %q and %q", c, channels[j], channels[i])
		}
		seen[c] = i
	}
	return out, nil
}
