// Command demo shows neurod whole: it starts the program embedded on a free port with an empty data folder, makes a
// project and a key over HTTP, decodes one recording of each paradigm, runs a recorded session to COMPLETE and prints
// what came back.
//
// It exits 0 only if every job completed, every answer names what was recorded, every field of the decode document is
// there, and the session has every window. Real recordings are used where NEUROD_EEG_DATA is a folder, seeded synthetic EEG otherwise.
package main

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"math"
	"os"
	"os/signal"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/neurod/neurod/internal/testkit/neurod"
)

func main() {
	program := flag.String("neurod", "bin/neurod", "the program to show")
	data := flag.String("data", os.Getenv("NEUROD_EEG_DATA"), "folder of recordings")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, *program, *data); err != nil {
		fmt.Fprintln(os.Stderr, "demo:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, program, data string) error {
	cases, source, err := prepare(data)
	if err != nil {
		return err
	}
	fmt.Println(source)

	dir, err := os.MkdirTemp("", "neurod-demo-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	p, err := neurod.Start(ctx, neurod.Config{Program: program, Args: []string{"serve"}, Log: os.Stderr,
		Env: []string{"NEUROD_DATA_DIR=" + dir, "NEUROD_LOG_LEVEL=warn"}})
	if err != nil {
		return err
	}
	fmt.Printf("neurod is ready at %s after %d ms\n", p.URL, p.Ready.Milliseconds())
	fmt.Printf("The console: %s/ while this runs, or http://localhost:8000/ after `make run`. Log in as demo@voxel.dev with the password demo1234.\n\n", p.URL)
	return errors.Join(walk(ctx, p.URL, cases, data), p.Stop(20*time.Second))
}

// waitLimit is how long a job may take here.
const waitLimit = 30 * time.Second

// walk is the client's side of the demo.
func walk(ctx context.Context, base string, cases []demoCase, data string) error {
	c, err := neurod.SignUp(ctx, base, "demo@example.org", "a demo password")
	if err != nil {
		return err
	}
	sig, name, err := sessionSignal(data)
	if err != nil {
		return err
	}
	return errors.Join(show(ctx, c, cases), recordSession(ctx, c, sig, name))
}

// answer is the output of a decode as the document has it.
type answer struct {
	DecodedIntent    *string  `json:"decoded_intent"`
	Confidence       *float64 `json:"confidence"`
	ParadigmDetected *string  `json:"paradigm_detected"`
	Alternatives     *[]struct {
		Intent     string  `json:"intent"`
		Confidence float64 `json:"confidence"`
	} `json:"alternatives"`
	SessionContext  *string         `json:"session_context"`
	SeizureDetected json.RawMessage `json:"seizure_detected"`
	RedFlags        *[]string       `json:"red_flags"`
	Disclaimer      *string         `json:"disclaimer"`
	Model           struct {
		Name    string `json:"name"`
		Version string `json:"version"`
	} `json:"model"`
}

// show decodes the cases and prints a row for each. The error lists what is not right.
func show(ctx context.Context, c *neurod.Client, cases []demoCase) error {
	var wrong []error
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "PARADIGM\tRECORDED\tDECODED INTENT\tCONFIDENCE\tALTERNATIVES\tSEIZURE\tRED FLAGS\tMODEL\tMS")
	for _, dc := range cases {
		body, err := json.Marshal(dc.request)
		if err != nil {
			return err
		}
		start := time.Now()
		job, err := c.Decode(ctx, body, "")
		if err != nil {
			return fmt.Errorf("%s: %w", dc.paradigm, err)
		}
		job, err = c.Wait(ctx, job.Data.JobID, waitLimit, false)
		if err != nil {
			return fmt.Errorf("%s: %w", dc.paradigm, err)
		}
		took := time.Since(start)
		if job.Status != "completed" {
			wrong = append(wrong, fmt.Errorf("%s: the job is %s: %+v", dc.paradigm, job.Status, job.Error))
			continue
		}
		var a answer
		if err := json.Unmarshal(job.Output, &a); err != nil {
			return fmt.Errorf("%s: %w", dc.paradigm, err)
		}
		if err := a.complete(); err != nil {
			wrong = append(wrong, fmt.Errorf("%s: %w", dc.paradigm, err))
			continue
		}
		var others []string
		for _, alt := range (*a.Alternatives)[:min(2, len(*a.Alternatives))] {
			others = append(others, fmt.Sprintf("%s %.2f", alt.Intent, alt.Confidence))
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%.2f\t%s\t%s\t%s\t%s@%s\t%.1f\n", *a.ParadigmDetected, dc.recorded, *a.DecodedIntent, *a.Confidence, strings.Join(others, ", "),
			a.SeizureDetected, strings.Join(*a.RedFlags, ","), a.Model.Name, a.Model.Version, float64(took.Microseconds())/1000)
		if *a.DecodedIntent != dc.intent {
			wrong = append(wrong, fmt.Errorf("%s: decoded %s, recorded %s", dc.paradigm, *a.DecodedIntent, dc.intent))
		}
		if *a.ParadigmDetected != dc.paradigm {
			wrong = append(wrong, fmt.Errorf("%s: decoded as %s", dc.paradigm, *a.ParadigmDetected))
		}
		if dc.seizure != nil && string(a.SeizureDetected) != fmt.Sprint(*dc.seizure) {
			wrong = append(wrong, fmt.Errorf("%s: seizure_detected is %s, want %v", dc.paradigm, a.SeizureDetected, *dc.seizure))
		}
	}
	if err := w.Flush(); err != nil {
		return err
	}
	fmt.Println()
	return errors.Join(wrong...)
}

// complete checks that every field of the document is there and that the confidences add up.
func (a answer) complete() error {
	if a.DecodedIntent == nil || a.Confidence == nil || a.ParadigmDetected == nil || a.Alternatives == nil || a.SessionContext == nil ||
		a.SeizureDetected == nil || a.RedFlags == nil || a.Disclaimer == nil || *a.Disclaimer == "" {
		return errors.New("a field of the decode document is missing")
	}
	sum := *a.Confidence
	for _, alt := range *a.Alternatives {
		sum += alt.Confidence
	}
	if math.Abs(sum-1) > 1e-3 {
		return fmt.Errorf("the confidences sum to %v", sum)
	}
	return nil
}

// float32Base64 encodes samples (channels × samples, µV) as the request's default: float32le, sample-major.
func float32Base64(rows [][]float64) string {
	var b []byte
	for k := range rows[0] {
		for _, row := range rows {
			b = binary.LittleEndian.AppendUint32(b, math.Float32bits(float32(row[k])))
		}
	}
	return base64.StdEncoding.EncodeToString(b)
}
