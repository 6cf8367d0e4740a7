package app

import (
	"slices"
	"testing"

	"github.com/neurod/neurod/devices/holder"
	"github.com/neurod/neurod/internal/config"
)

// TestDriversOfTheSettings: what NEUROD_DEVICE_DRIVERS may name is what there is.
func TestDriversOfTheSettings(t *testing.T) {
	t.Parallel()
	if set, there := config.Drivers(), holder.Names(); !slices.Equal(set, there) {
		t.Errorf("the setting may name %v; the drivers are %v", set, there)
	}
}
