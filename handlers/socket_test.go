package handlers

import (
	"encoding/json"
	"slices"
	"testing"

	"github.com/neurod/neurod/internal/strictjson"
	"github.com/neurod/neurod/models"
)

// FuzzSocketMessage reads whatever a client may send. Nothing panics; what is refused is refused with a code of the table; and what is accepted says the
// same when it is written and read again.
func FuzzSocketMessage(f *testing.F) {
	for _, text := range []string{
		`{"type":"auth","token":"x","project_id":"p"}`,
		`{"type":"subscribe","topic":"neural_data","session_id":"s","channels":[1,"Cz"],"decimate":2,"filters":{"notch":50,"bandpass":[1,40]},"after_seq":-1,"after_sample":3,"ack_window":5}`,
		`{"type":"subscribe","topic":"custom_events","filters":{"event_types":["a"],"session_id":"s"}}`,
		`{"type":"device_control","action":"update_config","device_id":"d","config":{"channels":[1,"C3"],"filters":null}}`,
		`{"type":"ack","subscription_id":"sub_1","seq":9007199254740993,"sample":-1}`,
		`{"type":"subscribe","topic":"device_status","filters":[[]]}`,
		`{"type":5}`, `[]`, `{"type":"subscribe","topic":"events","filters":{"event_types":5}}`,
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if strictjson.Check(b) != nil {
			return
		}
		var in inbound
		_ = json.Unmarshal(b, &in)
		judged := func(err error) {
			if err != nil && models.AsError(err).Class().Ours() {
				t.Errorf("%s is answered with %v", b, err)
			}
		}
		switch in.Type {
		case "subscribe":
			judged(readMessage(b, func(m subscribeMessage) error {
				sub, err := newSubscription(m)
				if err != nil {
					return err
				}
				sub.session = models.Session{Channels: []string{"C3", "Cz", "C4"}, SampleRateHz: 250}
				if err := sub.choose(); err != nil {
					return err
				}
				if shown := sub.shown(); len(shown) > 3 || slices.ContainsFunc(shown, func(c int) bool { return c < 0 || c > 2 }) {
					t.Errorf("%s shows %v", b, shown)
				}
				return nil
			}))
		case "device_control":
			judged(readMessage(b, func(m controlMessage) error {
				if _, err := m.Config.change(); err != nil {
					return err
				}
				text, err := json.Marshal(m.Config)
				if err != nil {
					return err
				}
				var again *controlConfig
				if err := json.Unmarshal(text, &again); err != nil {
					t.Errorf("%s is not read again: %v", text, err)
				}
				return nil
			}))
		case "auth":
			judged(readMessage(b, func(authMessage) error { return nil }))
		case "ack":
			judged(readMessage(b, func(m ackMessage) error {
				w := newAckWindow(2)
				for n := range 2 {
					if err := w.sent(t.Context(), ackMark{n, int64(n)}); err != nil {
						t.Fatal(err)
					}
				}
				w.had(*m.Seq, 0)
				return nil
			}))
		case "unsubscribe":
			judged(readMessage(b, func(unsubscribeMessage) error { return nil }))
		case "ping":
			judged(readMessage(b, func(pingMessage) error { return nil }))
		}
	})
}
