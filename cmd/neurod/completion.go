package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/alecthomas/kong"

	"github.com/neurod/neurod/decoders/catalog"
	"github.com/neurod/neurod/decoders/recording"
	"github.com/neurod/neurod/eeg"
	"github.com/neurod/neurod/internal/lab/evaluation"
)

type completionCmd struct {
	Shell string `arg:"" enum:"bash,zsh,fish" help:"bash, zsh or fish."`
}

// Run prints the script that the shell reads.
func (c completionCmd) Run() error {
	fmt.Print(map[string]string{"bash": bashCompletion, "zsh": zshCompletion, "fish": fishCompletion}[c.Shell])
	return nil
}

// Each script asks the program itself what may come next, so that it never falls behind; where that is nothing, the shell
// completes file names.
const (
	bashCompletion = `# neurod completion for bash: source <(neurod completion bash)
_neurod() {
  local line
  COMPREPLY=()
  while IFS= read -r line; do
    COMPREPLY+=("$(printf '%q' "$line")")
  done < <("${COMP_WORDS[0]}" complete -- "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
}
complete -o default -o bashdefault -F _neurod neurod
`
	zshCompletion = `#compdef neurod
# neurod completion for zsh: source <(neurod completion zsh)
_neurod() {
  local -a found
  found=("${(@f)$("${words[1]}" complete -- "${words[@]:1:$((CURRENT - 1))}" 2>/dev/null)}")
  if [[ -n "${found[*]}" ]]; then
    compadd -Q -a found
  else
    _files
  fi
}
compdef _neurod neurod
`
	fishCompletion = `# neurod completion for fish: neurod completion fish | source
function __neurod_complete
    set -l words (commandline -opc) (commandline -ct)
    $words[1] complete -- $words[2..-1] 2>/dev/null
end
complete -c neurod -a '(__neurod_complete)'
`
)

type completeCmd struct {
	Words []string `arg:"" optional:"" passthrough:""`
}

// Run lists what the last word, which may be empty, may become.
func (c completeCmd) Run(app *kong.Application) error {
	words := c.Words
	if len(words) > 0 && words[0] == "--" {
		words = words[1:]
	}
	for _, w := range complete(app, words) {
		fmt.Println(w)
	}
	return nil
}

// complete returns what the last of some words may become: commands, flags, or the values of a flag that has some.
func complete(app *kong.Application, words []string) []string {
	if len(words) == 0 {
		words = []string{""}
	}
	node, last := app.Node, words[len(words)-1]
	var waiting *kong.Flag // for its value
	for _, w := range words[:len(words)-1] {
		switch {
		case waiting != nil:
			waiting = nil
		case strings.HasPrefix(w, "-"):
			name, _, assigned := strings.Cut(w, "=")
			if f := flagOf(node, name); f != nil && !f.IsBool() && !assigned {
				waiting = f
			}
		default:
			if next := commandOf(node, w); next != nil {
				node = next
			} else if node.DefaultCmd != nil {
				node = node.DefaultCmd
			}
		}
	}
	name, part, assigned := strings.Cut(last, "=")
	switch {
	case waiting != nil:
		return beginning(last, values(waiting), "")
	case assigned:
		if f := flagOf(node, name); f != nil {
			return beginning(part, values(f), name+"=")
		}
		return nil
	case strings.HasPrefix(last, "-"):
		var names []string
		for _, f := range flagsOf(node) {
			if !f.Hidden {
				names = append(names, "--"+f.Name)
			}
		}
		slices.Sort(names)
		return beginning(last, slices.Compact(names), "")
	}
	var names []string
	for _, child := range node.Children {
		if child.Type == kong.CommandNode && !child.Hidden {
			names = append(names, child.Name)
		}
	}
	for _, p := range node.Positional {
		names = append(names, p.EnumSlice()...)
	}
	return beginning(last, slices.DeleteFunc(names, func(s string) bool { return s == "" }), "")
}

func commandOf(node *kong.Node, name string) *kong.Node {
	for _, child := range node.Children {
		if child.Type == kong.CommandNode && child.Name == name {
			return child
		}
	}
	return nil
}

func flagOf(node *kong.Node, name string) *kong.Flag {
	for _, f := range flagsOf(node) {
		if "--"+f.Name == name || f.Short != 0 && "-"+string(f.Short) == name {
			return f
		}
	}
	return nil
}

// flagsOf are those of a command, of what it is below, and of the command that it means without another word.
func flagsOf(node *kong.Node) []*kong.Flag {
	if node.DefaultCmd != nil {
		node = node.DefaultCmd
	}
	var out []*kong.Flag
	for _, group := range node.AllFlags(false) {
		out = append(out, group...)
	}
	return out
}

// values are what a flag may be set to; none where that is a name of the caller's or a file.
func values(f *kong.Flag) []string {
	if enum := slices.DeleteFunc(f.EnumSlice(), func(s string) bool { return s == "" }); len(enum) > 0 {
		return enum
	}
	switch f.Name {
	case "paradigm":
		return slices.Sorted(slices.Values(eeg.Names(eeg.Paradigms())))
	case "ui-mode":
		return eeg.Names(eeg.UIModes())
	case "device":
		return recording.Devices()
	case "only":
		return evaluation.Families()
	case "model":
		var names []string
		if cat, err := catalog.Default(); err == nil {
			for _, e := range cat.List() {
				names = append(names, e.Name)
			}
		}
		return names
	case "pipeline":
		var names []string
		for _, p := range catalog.Pipelines() {
			names = append(names, p.Name())
		}
		return names
	}
	return nil
}

// beginning returns those that begin like a part, behind a prefix.
func beginning(part string, all []string, prefix string) []string {
	var out []string
	for _, s := range all {
		if strings.HasPrefix(strings.ToLower(s), strings.ToLower(part)) {
			out = append(out, prefix+s)
		}
	}
	return out
}
