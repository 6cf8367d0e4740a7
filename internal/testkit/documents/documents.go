// Package documents has what the public documents print, for tests that hold the service to it.
package documents

// DecodeRequest is the body of the request of the decode document ("Neuro Decode"), as it prints it. Its data are four bytes.
const DecodeRequest = `{
    "input": {
      "type": "eeg",
      "data": "dGVzdA==",
      "paradigm": "motor_imagery",
      "device": "OpenBCI Cyton",
      "channels": 8,
      "sample_rate": 250
    },
    "context": {
      "locale": "en",
      "session_history": ["move_left", "rest", "move_right"],
      "ui_mode": "wheelchair_nav"
    },
    "output": {
      "format": "json",
      "include_diagnostics": false
    }
  }`
