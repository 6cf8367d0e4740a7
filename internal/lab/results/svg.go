package results

import (
	"fmt"
	"html"
	"math"
	"strings"
)

// A chart is one picture of panels that stand side by side in rows. It is written as SVG with real text, a title and a
// description for those who cannot see it, and colours that can be told apart on light and on dark pages; shapes of the
// marks say the same as the colours.
type chart struct {
	title, description string
	columns            int
	panels             []panel
}

// panel is one pair of axes.
type panel struct {
	title, x, y    string
	from, to       [2]float64 // least and largest of x and y
	xTicks, yTicks []tick
	series         []series
	diagonal       bool // draws y = x
	level          *tick
}

type tick struct {
	at   float64
	text string
}

// series is what is drawn in one colour.
type series struct {
	name   string
	line   bool
	hollow bool // marks without filling, without an interval: what others reached
	points []point
}

// point has an interval where low is below high.
type point struct{ x, y, low, high float64 }

const (
	panelWidth  = 420
	panelHeight = 260
	padLeft     = 58
	padRight    = 14
	padTop      = 34
	padBottom   = 46
	legendLine  = 18
	fewMarks    = 8
)

// palette are colours of at least three to one against white and near-black (after Okabe and Ito 2008).
var palette = []string{"#0072b2", "#d55e00", "#009e73", "#cc79a7", "#b07d00", "#7a5bd0", "#808080"}

const style = `text{font:12px system-ui,sans-serif;fill:#24292f}.h{font-weight:600}.g{stroke:#8c959f;stroke-opacity:.35}.a{stroke:#6e7781;fill:none}.d{stroke:#6e7781;stroke-dasharray:4 3;fill:none}@media(prefers-color-scheme:dark){text{fill:#c9d1d9}}`

func (c chart) svg() []byte {
	columns := max(1, c.columns)
	colours := map[string]int{} // the same for a name in every panel
	for _, p := range c.panels {
		for _, s := range p.series {
			if _, ok := colours[s.name]; !ok {
				colours[s.name] = len(colours)
			}
		}
	}
	rows := (len(c.panels) + columns - 1) / columns
	legend := 0
	for _, p := range c.panels {
		legend = max(legend, (len(p.series)+2)/3)
	}
	tall := panelHeight + legend*legendLine
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" width="%d" height="%d" role="img" aria-labelledby="t d">`+"\n",
		columns*panelWidth, rows*tall, columns*panelWidth, rows*tall)
	fmt.Fprintf(&b, "<title id=\"t\">%s</title>\n<desc id=\"d\">%s</desc>\n<style>%s</style>\n", html.EscapeString(c.title), html.EscapeString(c.description), style)
	for i, p := range c.panels {
		fmt.Fprintf(&b, "<g transform=\"translate(%d %d)\">\n", i%columns*panelWidth, i/columns*tall)
		p.write(&b, colours)
		b.WriteString("</g>\n")
	}
	b.WriteString("</svg>\n")
	return []byte(b.String())
}

func (p panel) write(b *strings.Builder, colours map[string]int) {
	const left, right, top, bottom = padLeft, panelWidth - padRight, padTop, panelHeight - padBottom
	at := func(x, y float64) (float64, float64) {
		return left + (x-p.from[0])/(p.to[0]-p.from[0])*(right-left), bottom - (y-p.from[1])/(p.to[1]-p.from[1])*(bottom-top)
	}
	fmt.Fprintf(b, "<text class=\"h\" x=\"%d\" y=\"18\">%s</text>\n", left, html.EscapeString(p.title))
	for _, t := range p.yTicks {
		_, y := at(0, t.at)
		fmt.Fprintf(b, "<path class=\"g\" d=\"M%d %sH%d\"/><text x=\"%d\" y=\"%s\" text-anchor=\"end\">%s</text>\n", left, px(y), right, left-6, px(y+4), html.EscapeString(t.text))
	}
	for _, t := range p.xTicks {
		x, _ := at(t.at, 0)
		fmt.Fprintf(b, "<text x=\"%s\" y=\"%d\" text-anchor=\"middle\">%s</text>\n", px(x), bottom+16, html.EscapeString(t.text))
	}
	fmt.Fprintf(b, "<path class=\"a\" d=\"M%d %dV%dH%d\"/>\n", left, top, bottom, right)
	fmt.Fprintf(b, "<text x=\"%d\" y=\"%d\" text-anchor=\"middle\">%s</text>\n", (left+right)/2, bottom+36, html.EscapeString(p.x))
	fmt.Fprintf(b, "<text transform=\"translate(14 %d) rotate(-90)\" text-anchor=\"middle\">%s</text>\n", (top+bottom)/2, html.EscapeString(p.y))
	if p.diagonal {
		low, high := max(p.from[0], p.from[1]), min(p.to[0], p.to[1])
		x0, y0 := at(low, low)
		x1, y1 := at(high, high)
		fmt.Fprintf(b, "<path class=\"d\" d=\"M%s %sL%s %s\"/>\n", px(x0), px(y0), px(x1), px(y1))
	}
	if p.level != nil {
		_, y := at(0, p.level.at)
		fmt.Fprintf(b, "<path class=\"d\" d=\"M%d %sH%d\"/><text x=\"%d\" y=\"%s\" text-anchor=\"end\">%s</text>\n", left, px(y), right, right, px(y-4), html.EscapeString(p.level.text))
	}
	for place, s := range p.series {
		k := colours[s.name]
		colour := palette[k%len(palette)]
		every := max(1, len(s.points)/fewMarks) // marks of a long line
		fmt.Fprintf(b, "<g stroke=\"%s\" fill=\"%s\">", colour, fill(s, colour))
		if s.line && len(s.points) > 1 {
			var d strings.Builder
			for i, q := range s.points {
				x, y := at(q.x, q.y)
				fmt.Fprintf(&d, "%s%s %s", map[bool]string{true: "M", false: "L"}[i == 0], px(x), px(y))
			}
			fmt.Fprintf(b, "<path fill=\"none\" stroke-width=\"1.6\" d=\"%s\"/>", d.String())
		}
		for i, q := range s.points {
			x, y := at(q.x, q.y)
			if q.low < q.high {
				_, lo := at(q.x, q.low)
				_, hi := at(q.x, q.high)
				fmt.Fprintf(b, "<path fill=\"none\" d=\"M%s %sV%s\"/>", px(x), px(lo), px(hi))
			}
			if !s.line || i%every == 0 {
				b.WriteString(mark(k, x, y))
			}
		}
		lx, ly := float64(left+place%3*118), float64(panelHeight+place/3*legendLine+2)
		fmt.Fprintf(b, "%s</g><text x=\"%s\" y=\"%s\">%s</text>\n", mark(k, lx+4, ly), px(lx+14), px(ly+4), html.EscapeString(s.name))
	}
}

func fill(s series, colour string) string {
	if s.hollow {
		return "none"
	}
	return colour
}

// mark is the shape of a series.
func mark(k int, x, y float64) string {
	switch k % 4 {
	case 0:
		return fmt.Sprintf("<circle cx=\"%s\" cy=\"%s\" r=\"3.5\"/>", px(x), px(y))
	case 1:
		return fmt.Sprintf("<path d=\"M%s %sh7v7h-7z\"/>", px(x-3.5), px(y-3.5))
	case 2:
		return fmt.Sprintf("<path d=\"M%s %sl4 7h-8z\"/>", px(x), px(y-4))
	default:
		return fmt.Sprintf("<path d=\"M%s %sl4 4-4 4-4-4z\"/>", px(x), px(y-4))
	}
}

// px writes a coordinate with at most one decimal.
func px(v float64) string {
	r := math.Round(v*10) / 10
	if r == 0 {
		r = 0 // no -0
	}
	return strings.TrimSuffix(fmt.Sprintf("%.1f", r), ".0")
}

// ticks are evenly spaced ones with two decimals at most.
func ticks(from, to, step float64) []tick {
	var out []tick
	for i := 0; from+float64(i)*step <= to+1e-9; i++ {
		v := from + float64(i)*step
		out = append(out, tick{v, strings.TrimSuffix(strings.TrimRight(fmt.Sprintf("%.2f", v), "0"), ".")})
	}
	return out
}
