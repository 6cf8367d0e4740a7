package catalog

// Kinds of classifiers with a name of their own in the registry.
const (
	KindRxLDA = "RxLDA" // Bayesian linear discriminant analysis, see package bayes
	KindRxGMM = "RxGMM" // Bayesian Gaussian mixtures, likewise
)

// kinds of the pipelines whose models have one.
var kinds = map[string]string{"csp_rxlda": KindRxLDA, "xdawn_rxlda": KindRxLDA, "csp_rxgmm": KindRxGMM, "xdawn_rxgmm": KindRxGMM}

// Adaptive reports whether models of a pipeline keep learning: whether its decoders are decoders.Adaptive.
func Adaptive(pipeline string) bool { _, ok := kinds[pipeline]; return ok }

// Kind returns the kind of classifier in models of a pipeline; for those without a name of their own it is the
// pipeline's name.
func Kind(pipeline string) string {
	if k, ok := kinds[pipeline]; ok {
		return k
	}
	return pipeline
}
