package motorimagery

import (
	"context"
	"fmt"
	"math"

	"gonum.org/v1/gonum/mat"

	"github.com/neurod/neurod/decoders"
	"github.com/neurod/neurod/decoders/epoch"
	"github.com/neurod/neurod/decoders/riemann"
)

// RecentringConfig says how fast a [Recentring] follows.
type RecentringConfig struct {
	// Forget is the least weight of the newest clip in the mean, between 0 and 1. 0 weighs all clips alike, as for the
	// batch alignment of a new person; 0.05 follows drift over some 20 clips. Defaults to 0.
	Forget float64
	// Prior is how many clips the mean that the decoder was trained around counts for at the start. Defaults to 0: the
	// first clip replaces it.
	Prior float64
}

// DefaultRecentring is how the service moves models and how built-in ones are measured. On the people of EEGMMIDB any Prior
// from 2 to 10 clips does as well, and weighing a clip by 1/50 at least changes nothing over the 45 clips of a person, which
// is as far as that could be measured; it keeps a session of hours from standing still.
func DefaultRecentring() RecentringConfig { return RecentringConfig{Prior: 5, Forget: 0.02} }

// Recentring learns around which covariance one person's clips lie, without labels, and makes decoders that are moved
// there: Euclidean alignment or re-centring for somebody new, and a recursive mean that follows drift within a session.
// The clips of all classes should be about as frequent as in training, and a recentring belongs to one person, session
// and goroutine. After n clips the mean is M ← (1-a)M + aC, or for the geometric center the point at a on the geodesic
// from M to C, with a = max(Forget, 1/(Prior+n)).
type Recentring struct {
	cfg     RecentringConfig
	decoder recentrable
	centers []*mat.SymDense
	seen    int
}

// recentrable is a decoder of this package that was trained with alignment.
type recentrable interface {
	decoders.Trained
	// covariances are those of a clip's window, one a band, before any alignment.
	covariances(in *decoders.Input) ([]*mat.SymDense, error)
	recentred(centers []*mat.SymDense) (decoders.Trained, error)
	shared() *model
}

var (
	_ recentrable = (*cspDecoder)(nil)
	_ recentrable = (*tsDecoder)(nil)
	_ recentrable = (*mdmDecoder)(nil)
	_ recentrable = (*fgDecoder)(nil)
	_ recentrable = (*fbcspDecoder)(nil)
)

// NewRecentring starts at the mean that d was trained around. A decoder of another package, or one that was trained
// without Config.Align, is model_incompatible.
func NewRecentring(d decoders.Trained, cfg RecentringConfig) (*Recentring, error) {
	r, ok := d.(recentrable)
	if !ok || r.shared().centers == nil {
		return nil, incompatible("pipeline %s was not trained with alignment: its clips cannot be moved", d.Info().Pipeline)
	}
	if !(cfg.Forget >= 0 && cfg.Forget <= 1) || !(cfg.Prior >= 0) || math.IsInf(cfg.Prior, 0) {
		return nil, incompatible("forget %v is not between 0 and 1, or prior %v is negative", cfg.Forget, cfg.Prior)
	}
	return &Recentring{cfg: cfg, decoder: r, centers: r.shared().centers}, nil
}

// Observe counts a clip in. Errors are those of a decode; the mean is then what it was.
func (r *Recentring) Observe(ctx context.Context, in *decoders.Input) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	covs, err := r.decoder.covariances(in)
	if err != nil {
		return err
	}
	weight := min(1, max(r.cfg.Forget, 1/(r.cfg.Prior+float64(r.seen)+1)))
	next := make([]*mat.SymDense, len(covs))
	for b, c := range covs {
		next[b] = mat.NewSymDense(c.SymmetricDim(), nil)
		if weight == 1 {
			next[b].CopySym(c)
			continue
		}
		if r.decoder.shared().cfg.Center == CenterRiemann {
			if err := riemann.Geodesic(next[b], r.centers[b], c, weight); err != nil {
				return degenerate(err)
			}
			continue
		}
		next[b].ScaleSym((1-weight)/weight, r.centers[b])
		next[b].AddSym(next[b], c)
		next[b].ScaleSym(weight, next[b])
	}
	r.centers = next
	r.seen++
	return nil
}

// Seen returns how many clips were counted in.
func (r *Recentring) Seen() int { return r.seen }

// Mean returns the mean so far as numbers: the upper triangle of each band's covariance, row by row. With Seen it is all that
// Resume needs to go on as if there had been no break, to the last bit.
func (r *Recentring) Mean() []float64 {
	out := make([]float64, 0, r.Size())
	for _, c := range r.centers {
		n := c.SymmetricDim()
		for i := range n {
			for j := i; j < n; j++ {
				out = append(out, c.At(i, j))
			}
		}
	}
	return out
}

// Size returns how many numbers Mean has.
func (r *Recentring) Size() int {
	n := len(r.decoder.shared().channels)
	return len(r.centers) * n * (n + 1) / 2
}

// Resume goes on from a mean over so many clips that a recentring of the same model had. A mean that is none of this model
// is model_incompatible.
func (r *Recentring) Resume(seen int, mean []float64) error {
	n, bands := len(r.decoder.shared().channels), len(r.centers)
	if seen < 0 || len(mean) != r.Size() {
		return incompatible("a mean of %d numbers over %d clips is none of %d bands of %d channels", len(mean), seen, bands, n)
	}
	centers := make([]*mat.SymDense, bands)
	for b := range centers {
		c := mat.NewSymDense(n, nil)
		for i := range n {
			for j := i; j < n; j++ {
				c.SetSym(i, j, mean[0])
				mean = mean[1:]
			}
		}
		if _, err := riemann.NewAlignerAt(c); err != nil {
			return incompatible("the mean to resume from: %v", err)
		}
		centers[b] = c
	}
	r.centers, r.seen = centers, seen
	return nil
}

// Window returns the window around a cue that is looked at, in s after it, and how much of the signal on both sides of the
// window is filtered along where it is there.
func (r *Recentring) Window() (start, end, along float64) {
	return r.decoder.shared().Window()
}

// Decoder returns the decoder moved to the mean so far. It is a decoder of its own: storing it keeps the mean, and later
// clips do not change it.
func (r *Recentring) Decoder() (decoders.Trained, error) {
	d, err := r.decoder.recentred(r.centers)
	if err != nil {
		return nil, unusable(fmt.Errorf("recentre: %w", err))
	}
	return d, nil
}

func (m *model) shared() *model { return m }

// at returns a copy of the model with other centers.
func (m *model) at(centers []*mat.SymDense) (*model, error) {
	c := *m
	if err := c.setCenters(centers); err != nil {
		return nil, err
	}
	return &c, nil
}

// locationOf returns the covariance of a clip's window by the front end of a single band.
func (m *model) locationOf(in *decoders.Input, kind riemann.Kind) ([]*mat.SymDense, error) {
	c, err := m.frontend.location(in, kind)
	if err != nil {
		return nil, err
	}
	return []*mat.SymDense{c}, nil
}

// location returns the covariance of a clip's window; KindSCM means the uncentred one of spatial patterns.
func (f *frontend) location(in *decoders.Input, kind riemann.Kind) (*mat.SymDense, error) {
	if err := epoch.Check(in.Signal, f.minSamples(in.Rate), f.minRate()); err != nil {
		return nil, err
	}
	s, err := f.locate(in)
	if err != nil {
		return nil, err
	}
	sc := f.pool.Get().(*scratch)
	defer f.pool.Put(sc)
	w, err := f.window(in, s, nil, sc)
	if err != nil {
		return nil, err
	}
	c := mat.NewSymDense(len(f.channels), nil)
	if kind == riemann.KindSCM {
		err = riemann.Cov(c, w)
	} else {
		err = riemann.OAS(c, w)
	}
	if err == nil {
		err = usable(c, f.cfg.Normalize)
	}
	if err != nil {
		return nil, decoders.Errorf(decoders.CodeInvalidSignal, nil, "%v", err)
	}
	return c, nil
}
