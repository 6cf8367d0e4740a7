//go:build !darwin || cgo

package holder

import "go.bug.st/serial/enumerator"

// serialPorts lists the serial ports of this machine, with what USB says of them.
func serialPorts() []serialPort {
	found, err := enumerator.GetDetailedPortsList()
	if err != nil {
		return nil // a machine without serial ports has none
	}
	out := make([]serialPort, len(found))
	for i, p := range found {
		out[i] = serialPort{Name: p.Name, VID: p.VID, PID: p.PID, Product: p.Product}
	}
	return out
}
