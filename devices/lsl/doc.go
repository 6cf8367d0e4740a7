// Package lsl speaks the protocol of the Lab Streaming Layer, in and out, without its library.
//
// LSL is how laboratories carry samples between programs: an outlet gives a stream, inlets find it on the network and read it. There is no written
// specification of the wire; this is the protocol as the library's documentation describes it and as the library (liblsl, MIT) does it, held to it by
// tests against the library itself:
//
//	discovery  UDP. "LSL:shortinfo", a query (an XPath predicate over the description) and where to answer, sent to multicast groups at port 16571
//	           and to known hosts at ports 16572 to 16603. Who matches answers with its description, XML without its <desc>
//	fullinfo   TCP. "LSL:fullinfo": the whole description
//	samples    TCP. "LSL:streamfeed/110 UID" and headers; "LSL/110 200 OK" and headers; two samples of a known pattern; then samples:
//	           a byte 1 (the time follows from the rate) or 2 and a float64 (seconds), and the values in the byte order that was agreed on. Strings
//	           have the length of their length, their length, and their bytes
//	clocks     UDP. "LSL:timedata" with the asker's time is answered with the times of its coming and of the answer's going, as in NTP
//
// What is not spoken: protocol 1.00, whose samples are a Boost archive (libraries before 2013); it is refused by name.
//
// A stream of samples of a regular rate is a devices.Source. String streams, and streams without a rate, are markers beside it. A stream has no counter:
// what the source lost is found by lasting steps of its time stamps (package clock). Units are taken from the description; a stream that states none is taken
// for µV.
package lsl
