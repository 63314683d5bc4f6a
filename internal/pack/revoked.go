package pack

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

const maxRevokedFile = 256 << 10

// A revocations file has one entry a line: "key ID", "serial NAME N" or
// "sha256 DIGEST". Blank lines and lines that begin with # are left out.
type revocations map[string]bool

func keyEntry(id string) string { return "key " + id }

func serialEntry(name string, n uint64) string { return fmt.Sprintf("serial %s %d", name, n) }

func digestEntry(sum string) string { return "sha256 " + sum }

// parseRevocations reads a file.
func parseRevocations(text []byte) (revocations, error) {
	if len(text) > maxRevokedFile {
		return nil, fmt.Errorf("over %d bytes", maxRevokedFile)
	}
	all, number := revocations{}, 0
	for line := range strings.Lines(string(text)) {
		number++
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		entry, ok := plainEntry(strings.Fields(line))
		if !ok {
			return nil, fmt.Errorf("line %d: want \"key ID\", \"serial NAME N\" or \"sha256 DIGEST\", got %q", number, clip(line))
		}
		all[entry] = true
	}
	return all, nil
}

// plainEntry returns the one form of an entry.
func plainEntry(words []string) (string, bool) {
	switch {
	case len(words) == 2 && words[0] == "key":
		id := strings.ToUpper(words[1])
		return keyEntry(id), hexKeyID.MatchString(id)
	case len(words) == 2 && words[0] == "sha256":
		sum := strings.ToLower(words[1])
		return digestEntry(sum), hexDigest.MatchString(sum)
	case len(words) == 3 && words[0] == "serial":
		n, err := strconv.ParseUint(words[2], 10, 64)
		return serialEntry(words[1], n), err == nil && n > 0 && packName.MatchString(words[1])
	}
	return "", false
}

func (r revocations) text() []byte {
	return []byte(strings.Join(slices.Sorted(maps.Keys(r)), "\n") + "\n")
}
