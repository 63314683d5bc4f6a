package pack

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// A Difference is one thing in which two packs differ. Before or After is empty
// where only the other has it.
type Difference struct {
	What   string `json:"what"` // "version", "file rules.wasm", ...
	Before string `json:"before,omitempty"`
	After  string `json:"after,omitempty"`
}

// Diff compares two manifests.
func Diff(a, b *Manifest) []Difference {
	var all []Difference
	add := func(what, before, after string) {
		if before != after {
			all = append(all, Difference{what, before, after})
		}
	}
	add("publisher", a.Publisher, b.Publisher)
	add("name", a.Name, b.Name)
	add("version", a.Version, b.Version)
	add("serial", fmt.Sprint(a.Serial), fmt.Sprint(b.Serial))
	add("kind", strings.Join(a.Kind, ", "), strings.Join(b.Kind, ", "))
	add("created", a.Created.Format(time.RFC3339), b.Created.Format(time.RFC3339))
	add("expires", a.Expires.Format(time.RFC3339), b.Expires.Format(time.RFC3339))
	add("requires.abi", a.Requires.ABI, b.Requires.ABI)
	add("requires.sensor", a.Requires.Sensor, b.Requires.Sensor)
	add("revokes", revokesText(a.Revokes), revokesText(b.Revokes))
	for _, path := range paths(a, b) {
		add("file "+path, fileText(a.File(path)), fileText(b.File(path)))
	}
	return all
}

func paths(a, b *Manifest) []string {
	var all []string
	for _, f := range slices.Concat(a.Files, b.Files) {
		all = append(all, f.Path)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

func fileText(f *File) string {
	if f == nil {
		return ""
	}
	text := fmt.Sprintf("%d bytes, sha256 %s, %s", f.Size, f.SHA256, f.Media)
	if len(f.Caps) > 0 {
		text += ", caps " + strings.Join(f.Caps, " ")
	}
	return text
}

func revokesText(list []Revocation) string {
	var words []string
	for _, r := range list {
		if r.Serial != 0 {
			words = append(words, fmt.Sprint(r.Serial))
		} else {
			words = append(words, r.SHA256)
		}
	}
	return strings.Join(words, ", ")
}
