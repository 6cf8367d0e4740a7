// Package openbci reads the boards of OpenBCI over their serial dongles: Cyton, Cyton with Daisy, and Ganglion.
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
// Of the 16 channels OpenBCI's own libraries join so, and this package; BrainFlow joins a packet of the Daisy with the Cyton's behind it, half a sample apart.
//
// Ganglion. Its dongle is a BLED112 of Bluegiga, which speaks BGAPI: the package finds the board, connects to it, finds the characteristics of its service fe84 and has
// it notify. Packets of 20 bytes say by their first byte what they hold:
//
//	firmware 3   0-99     two samples of 4 channels, the highest 18 bits of each value, and an axis of the accelerometer
//	             100-199  two samples, 19 bits
//	firmware 2   0        one sample, 24 bits
//	             1-100    two samples as differences (less than the one before by so much) of 18 bits, and an axis of the accelerometer
//	             101-200  two samples as differences of 19 bits
//	both         201-205  impedance of channels 1 to 4 and of the reference: ohms as text, up to a Z
//	             206, 207 text; 207 is its end
//
//	µV = value · 1.2 V / 1.5 / 51 / (2²³ - 1) · 10⁶          200 samples a second
//
// The lowest bit of a value of 18 or 19 bits repeats the sign. Axes are x, y, z with first bytes that end in 1, 2 and 3, 0.032 g a count. Where a packet of
// firmware 2 is lost, what follows is unknown up to the next whole sample, up to 0.9 s later, and counts as lost.
//
// A number says exactly how many samples were lost, up to a wrap of the counter; how many wraps there were the time of arrival says.
//
// Impedance. A Cyton sends a current of 6 nA at 31.25 Hz through an electrode, whose voltage is measured; a Ganglion measures by itself.
//
// Sources: OpenBCI documentation, "Cyton Data Format", "OpenBCI Cyton SDK", "Ganglion Data Format", "Ganglion SDK"; Silicon Labs, Bluetooth Smart Software v1.3.1 API Reference; Texas
// Instruments, ADS1299 data sheet (scale of a value, lead-off). No board was at hand: the package is tested on emulators over pseudo-terminals that send what these pages describe,
// and held to BrainFlow, which reads the same bytes.
package openbci
