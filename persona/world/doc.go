// Package world is a company that does not exist: its people, repositories,
// tickets, pages, chats, builds, hosts, databases and customers.
//
// Everything is a pure function of a seed and a time. A [World] is built from
// the seed alone; its methods take now and show what exists by then. Things that
// happen (tickets, changes, messages, builds, orders) come from streams with a
// fixed weekly quota, so that any item, its number and how many there are by now
// can be found without enumerating history. Items never change except where
// their own schedule says so, and nothing lies in the future.
//
// The package formats nothing for the wire and knows no protocol: it gives
// values, and ids in the form the imitated product gives them. It keeps pure
// caches, so a World is not safe for concurrent use. It is compiled into a
// guest, hence no fmt, no encoding/json, no regexp and no floating point in what
// decides an item.
package world
