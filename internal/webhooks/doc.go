// Package webhooks sends events to the addresses where projects want to be told: it is a way out of the service, as handlers are a
// way in, and the only part below them that speaks HTTP.
//
// Events and deliveries are made by the database in the transaction of what they tell of (migration 27); models has the state machine of
// a delivery and store keeps it. Here are the signature (Sign), where events may go (Policy), one request (Sender), and the loop that
// sends what is due (Deliverer).
//
// Invariants:
//
//   - An event is delivered at least once, under one webhook-id with every attempt. An attempt that takes longer than its lease, or
//     whose process was lost, is made again; a receiver may get an event twice, and in another order than it happened.
//   - A connection is only made to an address that the Policy allows, judged when it is made, so that a name that meanwhile leads
//     elsewhere gains nothing. Redirects are not followed and no proxy is used.
//   - A slow receiver holds up its own events alone: it has a few of the slots, and all others go on.
//   - A secret never reaches a log, an error or an answer that is listed.
package webhooks
