package pack

import (
	"errors"
	"fmt"
)

// A Class says what is wrong with a pack. Its number is the exit code of the
// commands that work on packs: docs/packs.md lists them, and they never change.
type Class int

// The classes.
const (
	Other           Class = 1  // anything that has no class of its own
	BadSignature    Class = 2  // the signature is not of this manifest, or is none
	Untrusted       Class = 3  // signed with a key that nobody trusts
	RolledBack      Class = 4  // older than what was installed before
	Expired         Class = 5  // past its expiry
	BadDigest       Class = 6  // a file is not the one in the manifest
	Incompatible    Class = 7  // needs another ABI or a newer sensor
	Unsigned        Class = 8  // has no signature
	Revoked         Class = 9  // its key, serial or digest was revoked
	OutOfScope      Class = 10 // the key is trusted, but not for this
	Damaged         Class = 11 // not zstd, not tar, cut short or altered on its way
	UnsafePath      Class = 12 // a path that leaves the pack
	BadName         Class = 13 // upper case, odd characters, too long
	Link            Class = 14 // a symbolic or hard link
	SpecialFile     Class = 15 // a device, pipe or directory
	ExtendedHeader  Class = 16 // a PAX or GNU extension
	Sparse          Class = 17 // a sparse file
	OddHeader       Class = 18 // mode, time, owner or form other than the fixed ones
	Duplicate       Class = 19 // an entry that was there before
	SecondSignature Class = 20 // more than one signature
	ExtraFile       Class = 21 // not in the manifest
	MissingFile     Class = 22 // only in the manifest
	WrongOrder      Class = 23 // entries out of order
	WrongSize       Class = 24 // a file is longer or shorter than in the manifest
	Trailing        Class = 25 // something follows the end
	TooLarge        Class = 26 // over a limit of size or number
	HugeWindow      Class = 27 // needs too much memory to decompress
	BadManifest     Class = 28 // the manifest is not one
	WrongKind       Class = 29 // a kind that cannot be installed
	SerialReused    Class = 30 // another pack has this serial
	SelfTest        Class = 31 // the pack does not work; the one before is in place
	Pinned          Class = 32 // the operator keeps another serial
)

// An Error is why a pack was refused.
type Error struct {
	Class Class
	Err   error
}

// Error says what is wrong.
func (e *Error) Error() string { return e.Err.Error() }

// Unwrap returns Err.
func (e *Error) Unwrap() error { return e.Err }

// refuse makes an [Error].
func refuse(c Class, format string, args ...any) error {
	return &Error{Class: c, Err: fmt.Errorf(format, args...)}
}

// ClassOf returns the class of an error, Other if it has none.
func ClassOf(err error) Class {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Class
	}
	return Other
}
