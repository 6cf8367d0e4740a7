package openbci

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// Packets of a Cyton.
const (
	startByte  = 0xA0
	packetSize = 33
	// reference of the converter, V, and the gain that the board starts with.
	reference   = 4.5
	defaultGain = 24
	// cytonRate is that of the board, Hz; with the Daisy it is half of it.
	cytonRate = 250
	// accelScale is of a count of the accelerometer, g: 2 mg for 16 counts.
	accelScale = 0.002 / 16
)

// scale returns µV a count at a gain: 4.5 V / gain / (2²³ - 1).
func scale(gain float64) float64 { return reference / gain / (1<<23 - 1) * 1e6 }

// packet is one of a Cyton.
type packet struct {
	number byte
	values [8]int32
	beside [6]byte
	end    byte // C0 to CF
}

// int24 reads three bytes, big-endian, two's complement.
func int24(b []byte) int32 { return int32(uint32(b[0])<<24|uint32(b[1])<<16|uint32(b[2])<<8) >> 8 }

// parse reads a packet of 33 bytes. ok is false where it is none.
func parse(b []byte) (p packet, ok bool) {
	if len(b) < packetSize || b[0] != startByte || b[packetSize-1]&0xF0 != 0xC0 {
		return p, false
	}
	p.number, p.end = b[1], b[packetSize-1]
	for i := range p.values {
		p.values[i] = int24(b[2+3*i:])
	}
	copy(p.beside[:], b[26:32])
	return p, true
}

// acceleration returns what lies beside the channels, in g; ok is false where it is something else, or no new value.
func (p *packet) acceleration() (g [3]float64, ok bool) {
	if p.end != 0xC0 {
		return g, false
	}
	for i := range g {
		v := int16(uint16(p.beside[2*i])<<8 | uint16(p.beside[2*i+1]))
		ok = ok || v != 0
		g[i] = float64(v) * accelScale
	}
	return g, ok
}

// splitter finds packets in a stream of bytes. A packet is one where the next begins right behind it, or nothing has come yet: a byte of the samples may look
// like a beginning. What is no packet, such as texts of the board, and the rest of one that broke off, is passed over.
type splitter struct {
	buf     []byte
	skipped int64 // bytes passed over
}

// add takes bytes and calls f with the packets among them. final tells that no more will come for now, so that a last packet has nothing behind it.
func (s *splitter) add(b []byte, final bool, f func(packet)) {
	s.buf = append(s.buf, b...)
	at := 0
	for len(s.buf)-at >= packetSize {
		p, ok := parse(s.buf[at:])
		behind := at + packetSize
		if ok && behind < len(s.buf) && s.buf[behind] != startByte {
			ok = false
		}
		if ok && behind == len(s.buf) && !final {
			break
		}
		if !ok {
			at++
			s.skipped++
			continue
		}
		f(p)
		at = behind
	}
	s.buf = append(s.buf[:0], s.buf[at:]...)
}

// join makes samples of packets: of one each, or of a Cyton's and its Daisy's.
type join struct {
	daisy bool
	begun bool
	last  byte
	first packet // the Cyton's half
	half  bool   // first is there
}

// add takes a packet. It returns the values of a sample when it is whole, and how many samples are missing before it by the counter.
func (j *join) add(p packet) (values []int32, lost int64, ok bool) {
	if !j.daisy {
		if j.begun {
			lost = int64(p.number - j.last - 1)
		}
		j.begun, j.last = true, p.number
		return p.values[:], lost, true
	}
	if p.number%2 == 1 { // the Cyton's
		j.first, j.half = p, true
		return nil, 0, false
	}
	if !j.half || p.number != j.first.number+1 {
		j.half = false
		return nil, 0, false
	}
	j.half = false
	if j.begun {
		lost = int64((p.number - j.last - 2) / 2)
	}
	j.begun, j.last = true, p.number
	values = append(append(make([]int32, 0, 16), j.first.values[:]...), p.values[:]...)
	return values, lost, true
}

// banner is what a board says of itself after a reset.
type banner struct {
	text     string
	daisy    bool
	ganglion bool
	firmware string
}

var firmwareText = regexp.MustCompile(`Firmware:\s*v?([0-9.]+)`)

func parseBanner(text string) (b banner, ok bool) {
	b.text = strings.TrimSpace(text)
	if !strings.Contains(text, "OpenBCI") && !strings.Contains(text, "ADS1299") {
		return b, false
	}
	b.daisy = strings.Contains(text, "On Daisy ADS1299")
	b.ganglion = strings.Contains(text, "Ganglion")
	if m := firmwareText.FindStringSubmatch(text); m != nil {
		b.firmware = m[1]
	}
	return b, true
}

// gains are those of the amplifier, by their character in the command of a channel.
var gains = []float64{1, 2, 4, 6, 8, 12, 24}

// channelNames are the characters that commands name channels by.
const channelNames = "12345678QWERTYUI"

// ChannelSettings is the command of a channel: x, its name, power down, gain, input, bias, SRB2, SRB1, X.
type ChannelSettings struct {
	Channel int     // from 1
	Off     bool    // powered down
	Gain    float64 // 1, 2, 4, 6, 8, 12 or 24. Defaults to 24.
	Shorted bool    // input shorted instead of the electrode
	NoBias  bool    // left out of the bias
	NoSRB2  bool    // not against the reference
	SRB1    bool
}

// command returns the characters of the settings.
func (c ChannelSettings) command() (string, error) {
	if c.Gain == 0 {
		c.Gain = defaultGain
	}
	gain := -1
	for i, g := range gains {
		if g == c.Gain {
			gain = i
		}
	}
	if c.Channel < 1 || c.Channel > len(channelNames) {
		return "", fmt.Errorf("channel %d is not within 1 and %d", c.Channel, len(channelNames))
	}
	if gain < 0 {
		return "", fmt.Errorf("the gain %g is none of %v", c.Gain, gains)
	}
	bit := func(b bool) string {
		if b {
			return "1"
		}
		return "0"
	}
	input := "0"
	if c.Shorted {
		input = "1"
	}
	return "x" + string(channelNames[c.Channel-1]) + bit(c.Off) + strconv.Itoa(gain) + input + bit(!c.NoBias) + bit(!c.NoSRB2) + bit(c.SRB1) + "X", nil
}

// leadOff is the command that switches the current for measuring a contact: z, channel, P, N, Z.
func leadOff(channel int, on bool) (string, error) {
	if channel < 1 || channel > len(channelNames) {
		return "", fmt.Errorf("channel %d is not within 1 and %d", channel, len(channelNames))
	}
	n := "0"
	if on {
		n = "1"
	}
	return "z" + string(channelNames[channel-1]) + "0" + n + "Z", nil
}
