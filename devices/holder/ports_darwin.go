//go:build darwin && !cgo

package holder

import "go.bug.st/serial"

// serialPorts lists the serial ports of this machine. What USB says of them takes cgo on macOS, so that no dongle is known as a Ganglion's here.
func serialPorts() []serialPort {
	names, err := serial.GetPortsList()
	if err != nil {
		return nil // a machine without serial ports has none
	}
	out := make([]serialPort, len(names))
	for i, name := range names {
		out[i] = serialPort{Name: name}
	}
	return out
}
