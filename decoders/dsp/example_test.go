package dsp_test

import (
	"fmt"
	"math"

	"github.com/neurod/neurod/decoders/dsp"
)

// A 10 Hz rhythm of 20 µV rides on an electrode offset of 800 µV; its power is 20²/2 = 200 µV².
func Example() {
	const fs = 250
	x := make([]float64, 4*fs)
	for i := range x {
		x[i] = 800 + 20*math.Sin(2*math.Pi*10*float64(i)/fs)
	}
	welch, err := dsp.NewWelch(2*fs, fs, fs)
	if err != nil {
		fmt.Println(err)
		return
	}
	psd := welch.PSD(nil, x)
	fmt.Printf("alpha %.0f µV², beta %.0f µV²\n",
		dsp.BandPower(welch.Freqs(), psd, 8, 13), dsp.BandPower(welch.Freqs(), psd, 13, 30))

	_, err = dsp.ButterBandPass(4, 8, 150, fs)
	fmt.Println(err)
	// Output:
	// alpha 200 µV², beta 0 µV²
	// dsp: invalid parameter: upper edge 150 Hz is not between 0 and the Nyquist frequency 125 Hz
}
