// Package dashboard shows a sensor's operator what it recorded: a JSON API, a live
// feed, exports, and an embedded page that is made of them. It has a listener of its
// own, which no attacker is meant to reach, and asks for a token where one is set.
//
// It reads and never writes: nothing that comes in here changes the record, the
// rules or what the decoy answers. It knows neither the journal nor the sinks: what
// it shows is handed in. Everything that it shows was chosen by attackers; it
// goes out as JSON, or as text that a spreadsheet takes for text, never as markup.
package dashboard
