// Package openbci reads the boards of OpenBCI over their serial dongles: Cyton, and Cyton with Daisy.
//
// Cyton. Text commands of a character go to the board, each one may have an answer that ends in "$$$"; samples come in packets of 33 bytes:
//
//	A0 · number 0-255 · 8 × int24, big-endian · 6 bytes beside · C0-C6
//
//	µV = value · 4.5 V / gain / (2²³ - 1) · 10⁶          gain 24 where no channel was set otherwise
//
// What lies beside is by the last byte: C0 three int16, big-endian, of acceleration (0.002 / 16 g each, 0 where there is no new one), others raw or
// with time stamps. 250 samples a second.
//
// Cyton with Daisy. Packets of an odd number are of the Cyton's 8 channels, the following one of an even number of the Daisy's. A sample is one of each, 125 a second.
//
// A Ganglion, whose dongle speaks Bluetooth's host interface instead, is not read; one that answers is refused by name.
//
// A number says exactly how many samples were lost, up to a wrap of the counter; how many wraps there were the time of arrival says.
//
// Sources: OpenBCI documentation, "Cyton Data Format", "OpenBCI Cyton SDK"; Texas Instruments, ADS1299 data sheet (scale of a
// value). No board was at hand: the package is tested on emulators over pseudo-terminals that send what these pages describe.
package openbci
