package rules

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"hash"
	"strings"

	"github.com/killdeer-mcp/killdeer/sdk"
)

// Limits on what is read of a request head, of which a client wrote every byte.
const (
	maxHeadFields = 128
	maxHeadValue  = 256
)

// How many heads a view remembers, and of which length.
const (
	maxHeads    = 256
	maxHeadKept = 2 << 10
)

// headFacts is what rules may know of a request head.
type headFacts struct {
	host, origin, names        string
	authScheme, user, password string
}

// headers reads the head of the event's request, once.
func (v *view) headers() *headFacts {
	if v.headRead {
		return &v.head
	}
	v.headRead = true
	known, ok := v.heads[v.ev.Head]
	if ok {
		v.head = known
		return &v.head
	}
	v.head = readHead(v.ev)
	if n := len(v.ev.Head); n == 0 || n > maxHeadKept {
		return &v.head
	}
	if v.heads == nil || len(v.heads) >= maxHeads {
		v.heads = make(map[string]headFacts, maxHeads)
	}
	v.heads[v.ev.Head] = v.head
	return &v.head
}

func readHead(ev *sdk.Event) (f headFacts) {
	head := ev.Head
	if head == "" {
		head = string(ev.HeadB64)
	}
	if head == "" {
		return f
	}
	sum := sha256.New()
	_, rest, _ := strings.Cut(head, "\n")
	for range maxHeadFields {
		var line string
		line, rest, _ = strings.Cut(rest, "\n")
		name, value, ok := strings.Cut(strings.TrimSuffix(line, "\r"), ":")
		if !ok {
			break
		}
		f.take(name, strings.Trim(value, " \t"), sum)
	}
	var buf [sha256.Size]byte
	f.names = hex.EncodeToString(sum.Sum(buf[:0])[:8])
	return f
}

func (f *headFacts) take(name, value string, sum hash.Hash) {
	if !varies(name) {
		sum.Write([]byte(name))
		sum.Write([]byte{'\n'})
	}
	switch {
	case strings.EqualFold(name, "host"):
		f.host = cut(value, maxHeadValue)
	case strings.EqualFold(name, "origin"):
		f.origin = cut(value, maxHeadValue)
	case strings.EqualFold(name, "authorization"):
		f.authorization(value)
	}
}

// varies reports whether a header comes and goes between requests of one client.
func varies(name string) bool {
	if len(name) >= 4 && strings.EqualFold(name[:4], "mcp-") {
		return true
	}
	switch strings.ToLower(cut(name, 32)) {
	case "content-length", "content-type", "transfer-encoding", "expect", "last-event-id", "traceparent", "tracestate", "cookie", "authorization", "connection":
		return true
	}
	return false
}

// authorization reads credentials. The secret part leaves here as a digest only:
// it shows that two are equal, and a detection never repeats it.
func (f *headFacts) authorization(value string) {
	scheme, rest, _ := strings.Cut(value, " ")
	f.authScheme = strings.ToLower(cut(scheme, 32))
	secret := strings.TrimSpace(rest)
	if f.authScheme == "basic" {
		plain, err := base64.StdEncoding.DecodeString(cut(secret, 4*maxHeadValue))
		if err == nil {
			f.user, secret, _ = strings.Cut(string(plain), ":")
			f.user = clean(f.user, maxHeadValue)
		}
	}
	if secret != "" {
		sum := sha256.Sum256([]byte(secret))
		f.password = hex.EncodeToString(sum[:8])
	}
}
