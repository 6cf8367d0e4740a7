package recording

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
)

// Montage describes how a device numbers its electrodes.
type Montage struct {
	Name     string
	Channels []string  // 10-20 names in the device's order; Extra not among them
	Extra    []string  // channels a device can add behind the others, such as Muse's auxiliary electrode
	Rates    []float64 // Hz the device samples at, the usual one first
	MinUV    float64   // µV: no true sample of the device lies below
	MaxUV    float64   // µV: no true sample of the device lies above
	// Fixed tells that the positions follow from the device. Where it is false the vendor leaves the placement
	// to the user and Channels is only the usual one.
	Fixed  bool
	Note   string
	Source string
}

// clone keeps callers from changing the table.
func (m Montage) clone() Montage {
	m.Channels, m.Extra, m.Rates = slices.Clone(m.Channels), slices.Clone(m.Extra), slices.Clone(m.Rates)
	return m
}

func names(list string) []string { return strings.Fields(list) }

// The montages. Orders, rates and input ranges are the vendors'; the source is beside each.
var (
	// The ADS1299 at its default gain of 24 and a reference of 4.5 V takes ±4.5 V/24 = ±187,500 µV.
	cyton = Montage{
		Name: "OpenBCI Cyton", Channels: names("Fp1 Fp2 C3 C4 P7 P8 O1 O2"), Rates: []float64{250},
		MinUV: -187500, MaxUV: 187500, Fixed: false,
		Note:   "the Ultracortex Mark IV default; the board takes electrodes anywhere",
		Source: "OpenBCI documentation, Ultracortex Mark IV and Cyton data format",
	}
	daisy = Montage{
		Name:     "OpenBCI Cyton+Daisy",
		Channels: names("Fp1 Fp2 C3 C4 P7 P8 O1 O2 F7 F8 F3 F4 T7 T8 P3 P4"), Rates: []float64{125, 250},
		MinUV: -187500, MaxUV: 187500, Fixed: false,
		Note:   "the Ultracortex Mark IV default; 125 Hz over the radio, 250 Hz over WiFi or the SD card",
		Source: "OpenBCI documentation, Ultracortex Mark IV and Cyton data format",
	}
	// The MCP3912 takes ±1.2 V/1.5 behind an amplifier of 51: ±15,686 µV.
	ganglion = Montage{
		Name: "OpenBCI Ganglion", Channels: names("Fp1 Fp2 C3 C4"), Rates: []float64{200},
		MinUV: -15687, MaxUV: 15687, Fixed: false,
		Note:   "no default placement is documented: the first four of the Ultracortex Mark IV are assumed",
		Source: "OpenBCI documentation, Ganglion data format",
	}
	// 12 bits of 0.48828 µV on Muse 2 and S; the exports have the offset still in them, up to 1682 µV.
	muse = Montage{
		Name: "Muse", Channels: names("TP9 AF7 AF8 TP10"), Extra: []string{"AUX"}, Rates: []float64{256, 220},
		MinUV: -1700, MaxUV: 1700, Fixed: true,
		Note:   "reference Fpz; 220 Hz only the Muse of 2014; raw exports sit near 800 µV",
		Source: "Interaxon, Muse hardware specifications; muse-lsl channel order",
	}
	// The 14-bit EPOC resolves 0.51 µV over 8400 µV; its EDF and CSV exports keep an offset near 4200 µV.
	epoc = Montage{
		Name: "Emotiv EPOC", Channels: names("AF3 F7 F3 FC5 T7 P7 O1 O2 P8 T8 FC6 F4 F8 AF4"),
		Rates: []float64{128, 256}, MinUV: -8400, MaxUV: 8400, Fixed: true,
		Note:   "EPOC, EPOC+ and EPOC X; 256 Hz on EPOC+ and EPOC X; references CMS/DRL at P3/P4",
		Source: "Emotiv user manual, technical specifications",
	}
	insight = Montage{
		Name: "Emotiv Insight", Channels: names("AF3 T7 Pz T8 AF4"), Rates: []float64{128},
		MinUV: -8250, MaxUV: 8250, Fixed: true,
		Source: "Emotiv Insight user manual, technical specifications",
	}
	unicorn = Montage{
		Name: "g.tec Unicorn Hybrid Black", Channels: names("Fz C3 Cz C4 Pz PO7 Oz PO8"), Rates: []float64{250},
		MinUV: -750000, MaxUV: 750000, Fixed: true,
		Source: "g.tec, Unicorn Hybrid Black user manual",
	}
	// ±187.5 mV: the highest sensitivity of the amplifier's ranges.
	nautilus8 = Montage{
		Name: "g.Nautilus 8", Channels: names("Fz C3 Cz C4 Pz PO7 Oz PO8"), Rates: []float64{250, 500},
		MinUV: -187500, MaxUV: 187500, Fixed: false,
		Note:   "the cap leaves the eight positions to the user: g.tec's order for P300 and imagery is assumed",
		Source: "g.tec, g.Nautilus product description",
	}
	nautilus16 = Montage{
		Name:     "g.Nautilus 16",
		Channels: names("Fp1 Fp2 F3 Fz F4 T7 C3 Cz C4 T8 P3 Pz P4 PO7 PO8 Oz"), Rates: []float64{250, 500},
		MinUV: -187500, MaxUV: 187500, Fixed: true,
		Source: "g.tec, g.Nautilus electrode layout",
	}
	nautilus32 = Montage{
		Name: "g.Nautilus 32",
		Channels: names("Fp1 Fp2 AF3 AF4 F7 F3 Fz F4 F8 FC5 FC1 FC2 FC6 T7 C3 Cz C4 T8 " +
			"CP5 CP1 CP2 CP6 P7 P3 Pz P4 P8 PO7 PO3 PO4 PO8 Oz"), Rates: []float64{250, 500},
		MinUV: -187500, MaxUV: 187500, Fixed: true,
		Source: "g.tec, g.Nautilus electrode layout",
	}
	// ActiveTwo: 24 bits of 31.25 nV, ±262,144 µV, DC-coupled.
	biosemi16 = Montage{
		Name:     "BioSemi 16",
		Channels: names("Fp1 Fp2 F4 Fz F3 T7 C3 Cz C4 T8 P4 Pz P3 O1 Oz O2"), Rates: []float64{512, 256, 1024, 2048},
		MinUV: -262144, MaxUV: 262144, Fixed: true,
		Source: "BioSemi, headcap coordinates (16 channels)",
	}
	biosemi32 = Montage{
		Name: "BioSemi 32",
		Channels: names("Fp1 AF3 F7 F3 FC1 FC5 T7 C3 CP1 CP5 P7 P3 Pz PO3 O1 Oz O2 PO4 P4 P8 CP6 CP2 C4 T8 " +
			"FC6 FC2 F4 F8 AF4 Fp2 Fz Cz"), Rates: []float64{512, 256, 1024, 2048},
		MinUV: -262144, MaxUV: 262144, Fixed: true,
		Source: "BioSemi, headcap coordinates (32 channels)",
	}
	biosemi64 = Montage{
		Name: "BioSemi 64",
		Channels: names("Fp1 AF7 AF3 F1 F3 F5 F7 FT7 FC5 FC3 FC1 C1 C3 C5 T7 TP7 CP5 CP3 CP1 P1 P3 P5 P7 P9 PO7 PO3 " +
			"O1 Iz Oz POz Pz CPz Fpz Fp2 AF8 AF4 AFz Fz F2 F4 F6 F8 FT8 FC6 FC4 FC2 FCz Cz C2 C4 C6 T8 TP8 CP6 " +
			"CP4 CP2 P2 P4 P6 P8 P10 PO8 PO4 O2"), Rates: []float64{512, 256, 1024, 2048},
		MinUV: -262144, MaxUV: 262144, Fixed: true,
		Source: "BioSemi, headcap coordinates (64 channels)",
	}
	bci2000x64 = Montage{
		Name: "BCI2000 64",
		Channels: names("FC5 FC3 FC1 FCz FC2 FC4 FC6 C5 C3 C1 Cz C2 C4 C6 CP5 CP3 CP1 CPz CP2 CP4 CP6 Fp1 Fpz Fp2 " +
			"AF7 AF3 AFz AF4 AF8 F7 F5 F3 F1 Fz F2 F4 F6 F8 FT7 FT8 T7 T8 T9 T10 TP7 TP8 P7 P5 P3 P1 Pz P2 P4 P6 P8 " +
			"PO7 PO3 POz PO4 PO8 O1 Oz O2 Iz"), Rates: []float64{160, 240},
		MinUV: -100000, MaxUV: 100000, Fixed: true,
		Source: "Schalk et al. 2004, BCI2000; PhysioNet EEG Motor Movement/Imagery Dataset, 64 electrodes",
	}
	cap8 = Montage{
		Name: "10-20 cap 8", Channels: names("Fp1 Fp2 C3 C4 P7 P8 O1 O2"), Rates: []float64{250},
		MinUV: -100000, MaxUV: 100000, Note: "assumed: a cap of eight has no standard order",
		Source: "positions of Jasper 1958",
	}
	cap16 = Montage{
		Name:     "10-20 cap 16",
		Channels: names("Fp1 Fp2 F7 F3 F4 F8 T7 C3 C4 T8 P7 P3 P4 P8 O1 O2"), Rates: []float64{250},
		MinUV: -100000, MaxUV: 100000, Note: "assumed: the 19 positions without the midline",
		Source: "positions of Jasper 1958",
	}
	cap19 = Montage{
		Name:     "10-20 cap 19",
		Channels: names("Fp1 Fp2 F7 F3 Fz F4 F8 T7 C3 Cz C4 T8 P7 P3 Pz P4 P8 O1 O2"), Rates: []float64{256},
		MinUV: -100000, MaxUV: 100000, Note: "front to back, left to right",
		Source: "Jasper 1958, the ten-twenty electrode system",
	}
	cap21 = Montage{
		Name:     "10-20 cap 21",
		Channels: names("Fp1 Fp2 F7 F3 Fz F4 F8 T7 C3 Cz C4 T8 P7 P3 Pz P4 P8 O1 O2 A1 A2"), Rates: []float64{256},
		MinUV: -100000, MaxUV: 100000, Note: "the 19 with both ear lobes",
		Source: "Jasper 1958, the ten-twenty electrode system",
	}
	cap32 = Montage{
		Name: "10-20 cap 32",
		Channels: names("Fp1 Fp2 F7 F3 Fz F4 F8 FC5 FC1 FC2 FC6 T7 C3 Cz C4 T8 TP9 CP5 CP1 CP2 CP6 TP10 P7 P3 Pz P4 P8 " +
			"PO9 O1 Oz O2 PO10"), Rates: []float64{500},
		MinUV: -100000, MaxUV: 100000, Note: "assumed: the common order of 32-channel active caps",
		Source: "Brain Products actiCAP, standard 32-channel layout",
	}
)

// devices maps squeezed names to montages. The first entry of a family is what its bare name means.
var devices = map[string]*Montage{
	"openbci": &cyton, "openbcicyton": &cyton, "cyton": &cyton, "cytonboard": &cyton, "openbci8": &cyton,
	"openbcicytondaisy": &daisy, "cytondaisy": &daisy, "cytondaisyboard": &daisy, "openbcidaisy": &daisy,
	"daisy": &daisy, "openbci16": &daisy, "openbcicytonanddaisy": &daisy,
	"openbciganglion": &ganglion, "ganglion": &ganglion, "ganglionboard": &ganglion,
	"muse": &muse, "muse2": &muse, "muse2board": &muse, "muses": &muse, "musesboard": &muse, "muse2016": &muse,
	"interaxonmuse": &muse, "interaxonmuse2": &muse, "interaxonmuses": &muse, "muse2014": &muse,
	"emotivepoc": &epoc, "epoc": &epoc, "emotivepocplus": &epoc, "epocplus": &epoc, "emotivepocx": &epoc,
	"epocx": &epoc, "emotiv": &epoc, "emotivinsight": &insight, "insight": &insight,
	"emotivinsight2": &insight, "insight2": &insight,
	"unicorn": &unicorn, "unicornhybridblack": &unicorn, "gtecunicorn": &unicorn, "unicornboard": &unicorn,
	"gtecunicornhybridblack": &unicorn,
	"gnautilus":              &nautilus32, "gnautilus32": &nautilus32, "gtecgnautilus": &nautilus32, "nautilus": &nautilus32,
	"gtecgnautilus32": &nautilus32, "gnautilus16": &nautilus16, "gtecgnautilus16": &nautilus16,
	"gnautilus8": &nautilus8, "gtecgnautilus8": &nautilus8,
	"biosemi": &biosemi32, "biosemi32": &biosemi32, "biosemiactivetwo": &biosemi32, "biosemiactivetwo32": &biosemi32,
	"activetwo": &biosemi32, "biosemi16": &biosemi16, "biosemiactivetwo16": &biosemi16, "biosemi64": &biosemi64,
	"biosemiactivetwo64": &biosemi64,
	"bci200064":          &bci2000x64, "bci2000": &bci2000x64, "eegmmidb": &bci2000x64, "physionetmi": &bci2000x64,
	"1020cap8": &cap8, "1020cap16": &cap16, "1020cap19": &cap19, "1020cap": &cap19, "1020": &cap19, "cap": &cap19,
	"standard1020": &cap19, "1020cap21": &cap21, "1020cap32": &cap32, "1020cap64": &bci2000x64,
	"cap8": &cap8, "cap16": &cap16, "cap19": &cap19, "cap21": &cap21, "cap32": &cap32, "cap64": &bci2000x64,
	"10208": &cap8, "102016": &cap16, "102019": &cap19, "102021": &cap21, "102032": &cap32, "102064": &bci2000x64,
}

// families are devices that come with several electrode counts.
var families = [][]*Montage{
	{&cyton, &daisy},
	{&nautilus32, &nautilus16, &nautilus8},
	{&biosemi32, &biosemi16, &biosemi64},
	{&cap19, &cap8, &cap16, &cap21, &cap32, &bci2000x64},
}

// Device returns the montage of a device by its name, whatever its case, spaces, dashes and underscores:
// "Muse 2", "MUSE_2", "muse-2". The second result reports whether the device is known.
func Device(name string) (Montage, bool) {
	m, ok := devices[squeeze(name)]
	if !ok {
		return Montage{}, false
	}
	return m.clone(), true
}

// Devices returns the names of all montages in order.
func Devices() []string {
	var list []string
	for _, m := range devices {
		if !slices.Contains(list, m.Name) {
			list = append(list, m.Name)
		}
	}
	slices.Sort(list)
	return list
}

// MontageFor returns names for count channels of a device. exact tells that they are known to be right: the
// device is known, fixes its positions and has that many. Otherwise they are the device's usual order, for an
// unnamed device that of a 10-20 cap, and "Ch1", "Ch2", ... where there is none for that count; a count below 1
// gives no names.
func MontageFor(device string, count int) (channels []string, exact bool) {
	if count < 1 || count > 4096 { // 4096: an order above any amplifier, so that a count cannot exhaust memory
		return nil, false
	}
	if m, ok := devices[squeeze(device)]; ok {
		for _, candidate := range family(m) {
			if len(candidate.Channels) == count {
				return slices.Clone(candidate.Channels), candidate.Fixed
			}
			if extra := count - len(candidate.Channels); extra > 0 && extra <= len(candidate.Extra) {
				return slices.Concat(candidate.Channels, candidate.Extra[:extra]), candidate.Fixed
			}
		}
	}
	if squeeze(device) == "" {
		for _, candidate := range family(&cap19) {
			if len(candidate.Channels) == count {
				return slices.Clone(candidate.Channels), false
			}
		}
	}
	channels = make([]string, count)
	for i := range channels {
		channels[i] = fmt.Sprintf("Ch%d", i+1)
	}
	return channels, false
}

// family returns the montages of a device's family, m itself first.
func family(m *Montage) []*Montage {
	for _, f := range families {
		if slices.Contains(f, m) {
			return append([]*Montage{m}, f...)
		}
	}
	return []*Montage{m}
}

// squeeze reduces a device name to lower-case letters and digits; a plus sign counts as a word.
func squeeze(name string) string {
	var b strings.Builder
	for _, r := range name {
		switch {
		case r == '+':
			b.WriteString("plus")
		case unicode.IsLetter(r) || unicode.IsDigit(r):
			b.WriteRune(unicode.ToLower(r))
		}
	}
	return squeezer.Replace(b.String())
}

// squeezer drops the words that make no difference between devices.
var squeezer = strings.NewReplacer("cytonplusdaisy", "cytondaisy", "headset", "", "eegheadset", "", "channels", "", "channel", "", "electrodes", "")
