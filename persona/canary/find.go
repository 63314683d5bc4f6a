package canary

import "strings"

const (
	anchor    = 8  // bytes by which a needle is looked up
	minToken  = 12 // bytes of a needle that is looked for in any text
	minPrefix = 16 // bytes of a needle that are a partial match
)

// Needle is what gives a value away in a text. Its anchor is where it begins to
// differ from other values of the kind.
type Needle struct {
	Text   string
	anchor int
	name   bool // a host or user name: its case does not matter, and it stands alone
	whole  bool // no part of it is a match
}

// sshAnchors are where the body lines of a key hold drawn bytes; the first body
// line is the same in all keys.
var sshAnchors = [...]int{14, 30, 8, 2}

// Needles returns what to look for when a value of a kind is to be found again.
func Needles(kind, value string) []Needle {
	base, part, _ := strings.Cut(kind, ".")
	switch {
	case kind == "aws_key" || kind == "aws_key.id":
		return needles(Needle{Text: value, anchor: 12, whole: true})
	case base == "github_pat" || base == "npm_token" || base == "google_api_key":
		return needles(Needle{Text: value, anchor: 4})
	case base == "gitlab_pat":
		return needles(Needle{Text: value, anchor: 6})
	case base == "stripe_key":
		return needles(Needle{Text: value, anchor: 8})
	case base == "slack_bot":
		return needles(Needle{Text: value, anchor: 32})
	case base == "jwt":
		return needles(Needle{Text: value, anchor: strings.LastIndexByte(value, '.') + 1})
	case base == "uuid":
		return needles(Needle{Text: value, whole: true})
	case kind == "ssh_key.public":
		return needles(Needle{Text: value, anchor: 40})
	case kind == "ssh_key":
		return sshNeedles(strings.Split(value, "\n"))
	case base == "ssh_key":
		lines := make([]string, 7)
		if len(part) == len("line0") {
			lines[min(part[4]-'0', 6)] = value
		}
		return sshNeedles(lines)
	case base == "hostname" || part == "host" || part == "server":
		return hostNeedle(value)
	case base == "username" || part == "user":
		return userNeedle(value)
	case kind == "dsn":
		return dsnNeedles(value)
	case kind == "kubeconfig":
		return kubeNeedles(value)
	case kind == "url":
		return append(hostNeedle(value), needles(Needle{Text: value[strings.LastIndexByte(value, '/')+1:]})...)
	}
	return needles(Needle{Text: value}) // passwords, secrets, tokens
}

// needles leaves out what is too short to be told from other text.
func needles(n Needle) []Needle {
	if len(n.Text) < minToken && !n.name || n.anchor < 0 || len(n.Text) < n.anchor+anchor {
		return nil
	}
	return []Needle{n}
}

func sshNeedles(lines []string) (all []Needle) {
	for i, at := range sshAnchors {
		if n := i + 2; n < len(lines) {
			all = append(all, needles(Needle{Text: lines[n], anchor: at, whole: true})...)
		}
	}
	return all
}

// hostNeedle is the first label of a host name: people leave the domain out.
func hostNeedle(value string) []Needle {
	if _, rest, ok := strings.Cut(value, "://"); ok {
		value = rest
	}
	if i := strings.IndexAny(value, ".:/"); i >= 0 {
		value = value[:i]
	}
	return userNeedle(value)
}

// userNeedle is a name; what tells it from others is its end.
func userNeedle(name string) []Needle {
	return needles(Needle{Text: name, name: true, anchor: len(name) - anchor})
}

func dsnNeedles(value string) []Needle {
	_, rest, _ := strings.Cut(value, "://")
	account, host, _ := strings.Cut(rest, "@")
	user, password, _ := strings.Cut(account, ":")
	all := append(needles(Needle{Text: password}), hostNeedle(host)...)
	return append(all, userNeedle(user)...)
}

func kubeNeedles(value string) (all []Needle) {
	for l := range strings.SplitSeq(value, "\n") {
		name, v, _ := strings.Cut(strings.TrimSpace(l), ": ")
		switch name {
		case "server":
			all = append(all, hostNeedle(v)...)
		case "token":
			all = append(all, needles(Needle{Text: v})...)
		case "user":
			all = append(all, userNeedle(v)...)
		}
	}
	return all
}

// Match is a needle, or the beginning of one, in a text.
type Match struct {
	Ref        int // as it was added
	Start, End int
	Partial    bool
}

// Finder finds many needles in one pass: at each byte it looks the next eight up
// in a filter, and only where they may be an anchor in a table.
type Finder struct {
	filter  []uint64
	shift   uint
	by      map[uint64][]int32 // anchor -> entries
	entries []entry
}

type entry struct {
	Needle
	ref int
}

// NewFinder returns a Finder for about n needles. It takes more.
func NewFinder(n int) *Finder {
	bits := uint(12) // of the filter's size in bits: about 16 for each needle
	for n<<4 > 1<<bits && bits < 22 {
		bits++
	}
	return &Finder{filter: make([]uint64, 1<<bits/64), shift: 64 - bits, by: map[uint64][]int32{}}
}

// Len is how many needles it has.
func (f *Finder) Len() int { return len(f.entries) }

// Add has n found and reported with a reference of the caller's.
func (f *Finder) Add(n Needle, ref int) {
	if n.name {
		n.Text = strings.ToLower(n.Text)
	}
	key := load(n.Text[n.anchor:])
	h := f.hash(fold(key))
	f.filter[h/64] |= 1 << (h % 64)
	f.by[fold(key)] = append(f.by[fold(key)], int32(len(f.entries)))
	f.entries = append(f.entries, entry{n, ref})
}

func (f *Finder) hash(key uint64) uint64 { return key * 0x9e3779b97f4a7c15 >> f.shift }

// Find calls found for each match in the order of their anchors, until it returns
// false. Matches may overlap.
func (f *Finder) Find(text string, found func(Match) bool) {
	if len(f.entries) == 0 || len(text) < anchor {
		return
	}
	for end, window := anchor, load(text); ; end++ {
		key := fold(window)
		if h := f.hash(key); f.filter[h/64]&(1<<(h%64)) != 0 && !f.look(text, end-anchor, key, found) {
			return
		}
		if end == len(text) {
			return
		}
		window = window>>8 | uint64(text[end])<<56
	}
}

// look reports the needles whose anchor is at i, and false to stop.
func (f *Finder) look(text string, i int, key uint64, found func(Match) bool) bool {
	for _, n := range f.by[key] {
		if m, ok := f.entries[n].at(text, i); ok && !found(m) {
			return false
		}
	}
	return true
}

// at compares a needle with the text around its anchor at i.
func (e *entry) at(text string, i int) (Match, bool) {
	start := i - e.anchor
	if start < 0 {
		return Match{}, false
	}
	n := e.common(text[start:])
	m := Match{Ref: e.ref, Start: start, End: start + n, Partial: n < len(e.Text)}
	switch {
	case e.name:
		return m, !m.Partial && standsAlone(text, m.Start, m.End)
	case !m.Partial:
		return m, true
	}
	return m, !e.whole && n >= max(minPrefix, e.anchor+anchor)
}

// common is how many bytes of the needle the text begins with.
func (e *entry) common(text string) int {
	n := 0
	for n < len(e.Text) && n < len(text) {
		c := text[n]
		if e.name && c >= 'A' && c <= 'Z' {
			c += 'a' - 'A'
		}
		if c != e.Text[n] {
			break
		}
		n++
	}
	return n
}

// standsAlone reports whether a name is not a part of a longer one.
func standsAlone(text string, start, end int) bool {
	return (start == 0 || !wordByte(text[start-1])) && (end == len(text) || !wordByte(text[end]))
}

func wordByte(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_'
}

// fold makes letters of both cases, and some other characters, equal.
func fold(key uint64) uint64 { return key | 0x2020202020202020 }

// load is encoding/binary's, which would bring reflection into a guest.
func load(s string) uint64 {
	_ = s[7]
	return uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24 |
		uint64(s[4])<<32 | uint64(s[5])<<40 | uint64(s[6])<<48 | uint64(s[7])<<56
}
