package main

import (
	"io"
	"os"
	"time"

	"github.com/mattn/go-isatty"
	"github.com/schollz/progressbar/v3"
)

// bar shows on the terminal how far long work has come. Where the standard error output is not a terminal it is silent.
type bar struct {
	what string
	view *progressbar.ProgressBar // nil: silent
	of   int
}

// newBar starts a bar of a length that is not known yet.
func newBar(what string) *bar {
	fd := os.Stderr.Fd()
	return drawBar(what, os.Stderr, isatty.IsTerminal(fd) || isatty.IsCygwinTerminal(fd))
}

func drawBar(what string, w io.Writer, terminal bool) *bar {
	if !terminal {
		return &bar{}
	}
	view := progressbar.NewOptions(-1, progressbar.OptionSetWriter(w), progressbar.OptionSetDescription(what), progressbar.OptionSetWidth(24),
		progressbar.OptionShowCount(), progressbar.OptionSetPredictTime(true), progressbar.OptionThrottle(100*time.Millisecond),
		progressbar.OptionClearOnFinish(), progressbar.OptionUseANSICodes(true), progressbar.OptionSetElapsedTime(true))
	return &bar{what: what, view: view}
}

// say changes the text beside the bar.
func (b *bar) say(text string) {
	if b.view == nil {
		return
	}
	const most = 48
	if r := []rune(text); len(r) > most {
		text = string(r[:most-1]) + "…"
	}
	b.view.Describe(text)
	if b.of == 0 {
		_ = b.view.Add(1) // of no known length: it turns
	}
}

// step says that so many parts are done.
func (b *bar) step(done, of int) {
	if b.view == nil {
		return
	}
	if of != b.of {
		b.of = of
		b.view.ChangeMax(of)
	}
	_ = b.view.Set(min(done, of))
}

// done takes the bar away, so that what is printed next begins on a line of its own.
func (b *bar) done() {
	if b.view != nil {
		_ = b.view.Clear()
		_ = b.view.Exit()
	}
}
