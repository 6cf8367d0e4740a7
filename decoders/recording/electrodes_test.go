package recording_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/neurod/neurod/decoders/recording"
)

func TestCanonicalName(t *testing.T) {
	t.Parallel()
	for label, want := range map[string]string{
		"Fc5.": "FC5", "C3..": "C3", "Iz..": "Iz", "Fcz.": "FCz", "Afz.": "AFz", "Tp7.": "TP7", "T10.": "T10",
		"EEG F3-REF": "F3", "EEG F3-Ref": "F3", "EEG Fp1-LE": "Fp1", "FP1": "Fp1", "FPZ": "Fpz", "cz": "Cz",
		"EEG Fpz-Cz": "Fpz-Cz", "FP1-F7": "Fp1-F7", "P7-T7": "P7-T7", "T3-T5": "T7-P7", "EEG Pz-Oz": "Pz-Oz",
		"T3": "T7", "T4": "T8", "T5": "P7", "T6": "P8", "T7/T3": "T7", "T3/T7": "T7", "P8/T6": "P8",
		"EEG Cp6": "CP6", "POL T3": "T7", "eeg-oz": "Oz", "FZ-Avg": "Fz", " Pz ": "Pz", "O1\x00\x00": "O1",
		"AFF1h": "AFF1h", "m1": "M1", "EEG A2-Ref": "A2", "FFC3h": "FFC3h", "PO10": "PO10",
		// no electrodes: as they are
		"EKG": "EKG", "EEG": "EEG", "EEG Channel-1": "EEG Channel-1", "C9": "C9", "T1": "T1", "Status": "Status",
		"C3/C4": "C3/C4", "F3-X9": "F3-X9", "": "", "EEG ": "EEG", "Fpz-": "Fpz-", "-": "-", "/": "/", "F03": "F03",
	} {
		if got := recording.CanonicalName(label); got != want {
			t.Errorf("CanonicalName(%q) = %q, want %q", label, got, want)
		}
	}
}

func FuzzCanonicalName(f *testing.F) {
	for _, seed := range []string{"Fc5.", "EEG F3-REF", "T7/T3", "EEG Fpz-Cz", "", "-", "\xff"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, label string) {
		name := recording.CanonicalName(label)
		if again := recording.CanonicalName(name); recording.IsElectrode(label) && again != name {
			t.Errorf("%q gives %q, which gives %q", label, name, again)
		}
	})
}

func TestMontages(t *testing.T) {
	t.Parallel()
	for _, name := range recording.Devices() {
		m, ok := recording.Device(name)
		if !ok {
			t.Errorf("%s: not found by its own name", name)
			continue
		}
		seen := map[string]bool{}
		for _, ch := range m.Channels {
			if recording.CanonicalName(ch) != ch || !recording.IsElectrode(ch) {
				t.Errorf("%s: %s is not a canonical electrode", name, ch)
			}
			if seen[ch] {
				t.Errorf("%s: %s twice", name, ch)
			}
			seen[ch] = true
		}
		if len(m.Rates) == 0 || m.MinUV >= m.MaxUV || m.Source == "" {
			t.Errorf("%s: incomplete: %+v", name, m)
		}
		if !m.Fixed && m.Note == "" {
			t.Errorf("%s: positions not fixed, and no note says what is assumed", name)
		}
	}
}

func TestDevice(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name  string
		want  string
		count int
	}{
		{"OpenBCI Cyton", "OpenBCI Cyton", 8}, {"CYTON", "OpenBCI Cyton", 8}, {"CYTON_DAISY", "OpenBCI Cyton+Daisy", 16},
		{"OpenBCI Cyton + Daisy", "OpenBCI Cyton+Daisy", 16}, {"ganglion", "OpenBCI Ganglion", 4},
		{"MUSE_2", "Muse", 4}, {"Muse-S", "Muse", 4}, {"muse 2", "Muse", 4}, {"Emotiv EPOC+", "Emotiv EPOC", 14},
		{"EPOC X", "Emotiv EPOC", 14}, {"Insight", "Emotiv Insight", 5}, {"g.Nautilus", "g.Nautilus 32", 32},
		{"g.Nautilus 8", "g.Nautilus 8", 8}, {"G_NAUTILUS_16", "g.Nautilus 16", 16}, {"BioSemi 32", "BioSemi 32", 32},
		{"biosemi64", "BioSemi 64", 64}, {"BCI2000 64", "BCI2000 64", 64}, {"10-20 cap 21", "10-20 cap 21", 21},
		{"10-20 cap, 64 channels", "BCI2000 64", 64}, {"Unicorn", "g.tec Unicorn Hybrid Black", 8},
	} {
		m, ok := recording.Device(tt.name)
		if !ok || m.Name != tt.want || len(m.Channels) != tt.count {
			t.Errorf("Device(%q) = %q with %d channels, %v", tt.name, m.Name, len(m.Channels), ok)
		}
	}
	if _, ok := recording.Device("toaster"); ok {
		t.Error("an unknown device is known")
	}
	m, _ := recording.Device("muse")
	m.Channels[0] = "changed"
	if again, _ := recording.Device("muse"); again.Channels[0] != "TP9" {
		t.Error("a caller can change the table")
	}
}

func TestMontageFor(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		device string
		count  int
		want   string
		exact  bool
	}{
		{"OpenBCI Cyton", 8, "Fp1 Fp2 C3 C4 P7 P8 O1 O2", false},
		{"OpenBCI Cyton", 16, "Fp1 Fp2 C3 C4 P7 P8 O1 O2 F7 F8 F3 F4 T7 T8 P3 P4", false},
		{"Muse 2", 4, "TP9 AF7 AF8 TP10", true},
		{"Muse 2", 5, "TP9 AF7 AF8 TP10 AUX", true},
		{"Emotiv Insight", 5, "AF3 T7 Pz T8 AF4", true},
		{"g.Nautilus", 8, "Fz C3 Cz C4 Pz PO7 Oz PO8", false},
		{"", 19, "Fp1 Fp2 F7 F3 Fz F4 F8 T7 C3 Cz C4 T8 P7 P3 Pz P4 P8 O1 O2", false},
		{"Muse 2", 3, "Ch1 Ch2 Ch3", false},
		{"toaster", 2, "Ch1 Ch2", false},
		{"Muse 2", 0, "", false}, {"", -1, "", false}, {"", 1 << 40, "", false},
	} {
		got, exact := recording.MontageFor(tt.device, tt.count)
		if strings.Join(got, " ") != tt.want || exact != tt.exact {
			t.Errorf("MontageFor(%q, %d) = %v, %v", tt.device, tt.count, got, exact)
		}
	}
	if got, exact := recording.MontageFor("biosemi", 64); !exact || !slices.Contains(got, "P10") {
		t.Errorf("BioSemi with 64 channels: %v, %v", got, exact)
	}
}
