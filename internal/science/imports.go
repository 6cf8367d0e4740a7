package science

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode"

	"github.com/neurod/neurod/decoders"
	"github.com/neurod/neurod/decoders/recording"
	"github.com/neurod/neurod/decoders/recording/formats"
	"github.com/neurod/neurod/internal/compute"
	"github.com/neurod/neurod/internal/service/sessions"
	"github.com/neurod/neurod/models"
	"github.com/neurod/neurod/workers"
)

// Inspect looks into uploaded files with the decoders' readers, each in one of slots while it does not wait for the upload.
func Inspect(slots *compute.Slots) sessions.Inspect {
	return func(ctx context.Context, project, name string, file io.Reader) (found sessions.InspectedFile, err error) {
		err = slots.Reading(ctx, project, file, func(file io.Reader) error {
			found, err = inspect(name, file)
			return err
		})
		return found, err
	}
}

func inspect(name string, file io.Reader) (sessions.InspectedFile, error) {
	rec, plan, err := formats.Inspect(name, file)
	if err != nil {
		return nil, refused(err)
	}
	// Nobody reads these, and they may identify a person.
	rec.Subject, rec.Device = "", ""
	return &inspected{rec: rec, plan: plan}, nil
}

// refused gives an error of the decoders its place in the error table.
func refused(err error) error {
	var bad *decoders.Error
	if errors.As(err, &bad) {
		return &models.Error{Code: models.Code(bad.Code), Message: bad.Message, Details: bad.Details}
	}
	return err
}

type inspected struct {
	rec  *recording.Recording
	plan recording.Plan
}

// Choose picks the channels of the session.
func (s *inspected) Choose(channels []string, rateHz float64) (sessions.ImportedFile, error) {
	if rateHz > 0 {
		s.rec.SetRate(rateHz)
		if s.plan.Rate == 0 {
			s.plan.Rate = rateHz
		}
	}
	picked, skipped, err := s.rec.Select(channels...)
	if err != nil {
		return sessions.ImportedFile{}, refused(err)
	}
	out := sessions.ImportedFile{Format: string(s.rec.Format), RateHz: s.rec.Channels[picked[0]].Rate, Bytes: s.plan.Bytes, StartedAt: s.rec.StartTime}
	if rateHz > 0 && out.RateHz != rateHz {
		return out, models.InvalidField(models.At("sample_rate_hz"), "conflict", "is %g Hz, and the file says %g Hz; leave it out", rateHz, out.RateHz)
	}
	taken := map[string]bool{}
	for _, i := range picked {
		out.Channels = append(out.Channels, channelName(s.rec.Channels[i].Name, taken))
	}
	for _, c := range skipped {
		out.Skipped = append(out.Skipped, models.SkippedChannel(c))
	}
	out.Plan, err = json.Marshal(workers.NewImportPlan(s.plan, picked, out.RateHz))
	return out, err
}

// channelName makes a name that a session takes of whatever a file has: printable, not too long, and no other's.
func channelName(name string, taken map[string]bool) string {
	const most = 64
	name = strings.TrimSpace(strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || r == unicode.ReplacementChar {
			return -1
		}
		return r
	}, name))
	if name == "" {
		name = "channel"
	}
	if r := []rune(name); len(r) > most {
		name = string(r[:most])
	}
	unique := name
	for n := 2; taken[unique]; n++ {
		r := []rune(name)
		suffix := fmt.Sprintf("#%d", n)
		unique = string(r[:min(len(r), most-len(suffix))]) + suffix
	}
	taken[unique] = true
	return unique
}
