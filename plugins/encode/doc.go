// Package encode turns events into the forms that log receivers read: RFC 5424
// messages with structured data, CEF, and lines of JSON in the Elastic Common
// Schema or the Open Cybersecurity Schema Framework.
//
// What a client sent is hostile in every field. One event makes exactly one
// message or one line, whatever it holds: control, direction-changing and
// invisible characters are escaped, lengths are bounded on the border of a
// character, and no text can end its field or begin another.
//
// It sends nothing, keeps no state between events and imports only the standard
// library. Which events are sent, and what of them is left out, is not decided
// here.
package encode
