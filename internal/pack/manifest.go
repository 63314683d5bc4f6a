package pack

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"time"
)

// Spec is the version of the manifest's form.
const Spec = 1

// The kinds of pack.
const (
	KindPersona = "persona"
	KindRules   = "rules"
	KindPlugin  = "plugin"
)

var allKinds = []string{KindPersona, KindPlugin, KindRules}

// Limits of a manifest's values.
const (
	maxSerial   = 1<<53 - 1 // what every reader of JSON holds exactly
	maxRevokes  = 1024
	maxCaps     = 16
	maxMedia    = 64
	maxValidity = 10 * 366 * 24 * time.Hour
)

var (
	publisherName = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,31}$`)
	packName      = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,63}$`)
	versionText   = regexp.MustCompile(`^[0-9A-Za-z][0-9A-Za-z.+_-]{0,63}$`)
	capName       = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,31}$`)
	mediaType     = regexp.MustCompile(`^[a-z0-9.+-]+/[a-z0-9.+-]+$`)
	hexDigest     = regexp.MustCompile(`^[0-9a-f]{64}$`)
	jsonKey       = regexp.MustCompile(`^[a-z0-9_]+$`)
	portablePath  = regexp.MustCompile(`^[a-z0-9][a-z0-9._-]*(/[a-z0-9][a-z0-9._-]*)*$`)
)

// A Manifest says what a pack is and what it holds. The signature is over its
// bytes, so nothing outside it, a file's name least of all, says anything.
type Manifest struct {
	Spec      int       `json:"spec"`
	Name      string    `json:"name"`
	Publisher string    `json:"publisher"`
	Version   string    `json:"version"` // for people
	Serial    uint64    `json:"serial"`  // rises with every release of this publisher and name
	Created   time.Time `json:"created"` // UTC, whole seconds
	Expires   time.Time `json:"expires"`
	Requires  Requires  `json:"requires"`
	Kind      []string  `json:"kind"`  // sorted
	Files     []File    `json:"files"` // sorted by path
	// Revokes are earlier packs of the same publisher and name that must not be
	// used any more.
	Revokes []Revocation `json:"revokes,omitempty"`
}

// Requires is what a pack needs of its host.
type Requires struct {
	ABI    string `json:"abi"`              // "killdeer/1"
	Sensor string `json:"sensor,omitempty"` // ">=1.2.0"
}

// A File is one file of a pack.
type File struct {
	Path   string   `json:"path"`
	Size   int64    `json:"size"`
	SHA256 string   `json:"sha256"` // hexadecimal
	Media  string   `json:"media"`
	Caps   []string `json:"caps,omitempty"` // what the file may do beyond what every guest may
}

// A Revocation names packs by their serial or by the SHA-256 of their manifest.
type Revocation struct {
	Serial uint64 `json:"serial,omitempty"`
	SHA256 string `json:"sha256,omitempty"`
}

// ID is the pack's name together with its publisher's, as configurations have it.
func (m *Manifest) ID() string { return m.Publisher + "/" + m.Name }

// Label names the pack for people.
func (m *Manifest) Label() string { return fmt.Sprintf("%s serial %d", m.ID(), m.Serial) }

// File returns the file of a path, nil if there is none.
func (m *Manifest) File(path string) *File {
	for i := range m.Files {
		if m.Files[i].Path == path {
			return &m.Files[i]
		}
	}
	return nil
}

// Text returns the manifest as it stands in a pack.
func (m *Manifest) Text() ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(m); err != nil {
		return nil, fmt.Errorf("encode manifest: %w", err)
	}
	return b.Bytes(), nil
}

// Digest is the SHA-256 of a manifest's bytes in hexadecimal: a pack's identity.
func Digest(manifest []byte) string {
	sum := sha256.Sum256(manifest)
	return hex.EncodeToString(sum[:])
}

// ParseManifest reads and checks a manifest. The error is an [Error].
func ParseManifest(raw []byte) (*Manifest, error) {
	if len(raw) > MaxManifest {
		return nil, refuse(TooLarge, "manifest of %d bytes, at most %d", len(raw), MaxManifest)
	}
	var m Manifest
	if err := strictJSON(raw, &m); err != nil {
		return nil, refuse(BadManifest, "read manifest: %w", err)
	}
	if err := m.check(); err != nil {
		return nil, err
	}
	return &m, nil
}

// strictJSON decodes one document. What encoding/json lets pass and somebody else
// might read differently is refused: a key twice, unknown, or in other letters.
func strictJSON(raw []byte, v any) error {
	dec := json.NewDecoder(bytes.NewReader(raw))
	if err := uniqueKeys(dec, 0); err != nil {
		return err
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return errors.New("something follows the document")
	}
	dec = json.NewDecoder(bytes.NewReader(raw))
	dec.DisallowUnknownFields()
	return dec.Decode(v)
}

// maxJSONDepth is deeper than any document here.
const maxJSONDepth = 16

// uniqueKeys walks one value.
func uniqueKeys(dec *json.Decoder, depth int) error {
	token, err := dec.Token()
	if err != nil {
		return err
	}
	open, ok := token.(json.Delim)
	if !ok {
		return nil
	}
	if depth == maxJSONDepth {
		return fmt.Errorf("nested deeper than %d levels", maxJSONDepth)
	}
	seen := map[string]bool{}
	for dec.More() {
		if open == '{' {
			if err := newKey(dec, seen); err != nil {
				return err
			}
		}
		if err := uniqueKeys(dec, depth+1); err != nil {
			return err
		}
	}
	_, err = dec.Token()
	return err
}

func newKey(dec *json.Decoder, seen map[string]bool) error {
	token, err := dec.Token()
	if err != nil {
		return err
	}
	key, _ := token.(string)
	if !jsonKey.MatchString(key) {
		return fmt.Errorf("unknown field %q", clip(key))
	}
	if seen[key] {
		return fmt.Errorf("field %q is there twice", key)
	}
	seen[key] = true
	return nil
}

// clip cuts a hostile text for a message.
func clip(s string) string {
	const shown = 80
	if len(s) <= shown {
		return s
	}
	return strings.ToValidUTF8(s[:shown], "") + "..."
}

func (m *Manifest) check() error {
	var faults []error
	fault := func(ok bool, format string, args ...any) {
		if !ok {
			faults = append(faults, fmt.Errorf(format, args...))
		}
	}
	fault(m.Spec == Spec, "spec is %d, want %d", m.Spec, Spec)
	fault(packName.MatchString(m.Name), "name %q does not match %s", clip(m.Name), packName)
	fault(publisherName.MatchString(m.Publisher), "publisher %q does not match %s", clip(m.Publisher), publisherName)
	fault(versionText.MatchString(m.Version), "version %q does not match %s", clip(m.Version), versionText)
	fault(m.Serial > 0 && m.Serial <= maxSerial, "serial is %d, want 1 to %d", m.Serial, uint64(maxSerial))
	fault(plainTime(m.Created) && plainTime(m.Expires), "created and expires are not UTC in whole seconds")
	fault(m.Expires.After(m.Created), "expires is not after created")
	fault(m.Expires.Sub(m.Created) <= maxValidity, "valid for longer than %d days", int(maxValidity.Hours()/24))
	fault(len(m.Requires.ABI) <= maxMedia && len(m.Requires.Sensor) <= maxMedia, "requires is too long")
	fault(len(m.Revokes) <= maxRevokes, "revokes has %d entries, at most %d", len(m.Revokes), maxRevokes)
	for i, r := range m.Revokes {
		fault((r.Serial > 0) != (r.SHA256 != ""), "revokes entry %d: want a serial or a sha256", i+1)
		fault(r.Serial < m.Serial, "revokes entry %d: serial %d is not before this one", i+1, r.Serial)
		fault(r.SHA256 == "" || hexDigest.MatchString(r.SHA256), "revokes entry %d: sha256 is not 64 hexadecimal digits", i+1)
	}
	if len(faults) > 0 {
		return refuse(BadManifest, "manifest: %w", joinLine(faults))
	}
	if err := m.checkKind(); err != nil {
		return err
	}
	return m.checkFiles()
}

// joinLine joins errors in one line.
func joinLine(errs []error) error {
	texts := make([]string, len(errs))
	for i, err := range errs {
		texts[i] = err.Error()
	}
	return errors.New(strings.Join(texts, "; "))
}

func plainTime(t time.Time) bool {
	return !t.IsZero() && t.Location() == time.UTC && t.Nanosecond() == 0 && t.Year() >= 1970 && t.Year() < 10000
}

func (m *Manifest) checkKind() error {
	if len(m.Kind) == 0 || len(m.Kind) > len(allKinds) || !rising(m.Kind) {
		return refuse(WrongKind, "manifest: kind %q is not a sorted list of %s", m.Kind, strings.Join(allKinds, ", "))
	}
	for _, k := range m.Kind {
		if !slices.Contains(allKinds, k) {
			return refuse(WrongKind, "manifest: kind %q is none of %s", clip(k), strings.Join(allKinds, ", "))
		}
	}
	return nil
}

// rising reports whether a list is sorted without repetitions.
func rising(list []string) bool {
	for i := 1; i < len(list); i++ {
		if list[i-1] >= list[i] {
			return false
		}
	}
	return true
}

func (m *Manifest) checkFiles() error {
	if len(m.Files) == 0 {
		return refuse(BadManifest, "manifest: files is empty")
	}
	if len(m.Files) > MaxFiles {
		return refuse(TooLarge, "manifest: %d files, at most %d", len(m.Files), MaxFiles)
	}
	var total int64
	for i := range m.Files {
		f := &m.Files[i]
		if err := f.check(); err != nil {
			return err
		}
		if total += f.Size; total > MaxContent {
			return refuse(TooLarge, "manifest: files of more than %d bytes together", int64(MaxContent))
		}
		if i > 0 {
			if err := follows(m.Files[i-1].Path, f.Path); err != nil {
				return err
			}
		}
	}
	return m.checkFolders()
}

func follows(before, path string) error {
	switch {
	case before == path:
		return refuse(Duplicate, "manifest: %q is there twice", path)
	case before > path:
		return refuse(WrongOrder, "manifest: %q comes after %q", path, before)
	}
	return nil
}

// checkFolders refuses a file that is also the folder of another.
func (m *Manifest) checkFolders() error {
	files := map[string]bool{}
	for _, f := range m.Files {
		files[f.Path] = true
	}
	for _, f := range m.Files {
		for i, c := range f.Path {
			if c == '/' && files[f.Path[:i]] {
				return refuse(BadName, "manifest: %q is a file and the folder of %q", f.Path[:i], f.Path)
			}
		}
	}
	return nil
}

func (f *File) check() error {
	if err := checkPath(f.Path); err != nil {
		return err
	}
	switch {
	case f.Path == ManifestName || f.Path == SignatureName:
		return refuse(Duplicate, "manifest: %q is the name of the pack's own entry", f.Path)
	case f.Size < 0 || f.Size > MaxFile:
		return refuse(TooLarge, "manifest: %q has %d bytes, want 0 to %d", f.Path, f.Size, int64(MaxFile))
	case !hexDigest.MatchString(f.SHA256):
		return refuse(BadManifest, "manifest: %q: sha256 is not 64 hexadecimal digits", f.Path)
	case len(f.Media) > maxMedia || !mediaType.MatchString(f.Media):
		return refuse(BadManifest, "manifest: %q: media %q is no media type", f.Path, clip(f.Media))
	case len(f.Caps) > maxCaps || !rising(f.Caps):
		return refuse(BadManifest, "manifest: %q: caps is not a sorted list of at most %d", f.Path, maxCaps)
	}
	for _, c := range f.Caps {
		if !capName.MatchString(c) {
			return refuse(BadManifest, "manifest: %q: capability %q does not match %s", f.Path, clip(c), capName)
		}
	}
	return nil
}

// checkPath wants a path that stays where it is put and means the same file on
// every file system.
func checkPath(path string) error {
	switch {
	case strings.HasPrefix(path, "/"), strings.Contains(path, `\`), strings.Contains(path, ":"),
		slices.Contains(strings.Split(path, "/"), ".."), slices.Contains(strings.Split(path, "/"), "."):
		return refuse(UnsafePath, "path %q leaves the pack", clip(path))
	case len(path) > MaxPath:
		return refuse(BadName, "path %q has %d bytes, at most %d", clip(path), len(path), MaxPath)
	case !portablePath.MatchString(path):
		return refuse(BadName, "path %q: names are of a-z, 0-9, '.', '_' and '-', and begin with a letter or digit", clip(path))
	}
	return nil
}
