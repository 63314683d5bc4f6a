// Package pack makes, checks and keeps signed packs: .kdp files that bring
// personas and rules to a sensor. docs/packs.md describes the format.
//
// A pack is a zstd-compressed tar of a manifest, a minisign signature over the
// manifest's bytes, and the files that the manifest lists with their digests. The
// package builds packs reproducibly, signs them, checks one against the keys that
// the operator trusts and what was installed before, and installs it so that a
// crash leaves either the pack before or the new one.
//
// It knows no WebAssembly: whether the files of a pack work is found out by a
// function that is handed in. It fetches nothing and publishes nothing, prints
// nothing, and reads no configuration.
package pack

// Limits of a pack, whoever signed it.
const (
	MaxPack     = 64 << 20 // bytes of a .kdp file
	MaxManifest = 1 << 20  // bytes of the manifest
	MaxFile     = 32 << 20 // bytes of one file in a pack
	MaxContent  = 96 << 20 // bytes of all files together
	MaxFiles    = 256
	MaxPath     = 100     // bytes of a file's path: what a plain tar header holds
	MaxWindow   = 8 << 20 // bytes of history that decompressing may need

	maxSignature = 4 << 10  // bytes of a signature
	maxPadding   = 64 << 10 // bytes of zeros after the end of the archive
)

// The names that a pack's first two entries have, and no other.
const (
	ManifestName  = "manifest.json"
	SignatureName = "manifest.json.minisig"
)
