package plugins

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// identity are the fields that every event keeps: without them it is none.
var identity = []string{"v", "seq", "id", "kind", "time", "sensor"}

// redactable are the fields that hold free text, so that what is put in its place
// is still an event.
var redactable = []string{
	"ip", "peer", "actor", "session_id", "path", "ua", "head", "body", "rpc_id", "args", "uri", "prompt", "client",
	"error", "notes", "detection", "canary", "tool", "service", "justification",
}

// echoes are where text of the arguments comes again: whoever redacts in args wants
// it gone there too.
var echoes = []string{"body.text", "body.base64", "justification", "detection.evidence.snippet"}

// redacted stands for a string that is not to be seen.
const redacted = `"[redacted]"`

// shape says what of an event is left out or made unreadable.
type shape struct{ keep, drop, redact *tree }

// tree holds dotted paths. A "*" stands for any key or entry.
type tree struct {
	inner map[string]*tree
	leaf  bool
}

func newShape(fields, drop, redact []string) (*shape, error) {
	if fields == nil && len(drop) == 0 && len(redact) == 0 {
		return nil, nil
	}
	var err error
	for _, p := range slices.Concat(drop, redact) {
		if root, _, _ := strings.Cut(p, "."); slices.Contains(identity, root) {
			err = errors.Join(err, fmt.Errorf("field %q is what an event is known by and stays", p))
		}
	}
	for _, p := range redact {
		if root, _, _ := strings.Cut(p, "."); !slices.Contains(redactable, root) {
			err = errors.Join(err, fmt.Errorf("field %q cannot be redacted, only dropped", p))
		}
		if p == "args" || strings.HasPrefix(p, "args.") {
			redact = slices.Concat(redact, echoes)
		}
	}
	s := &shape{}
	if fields != nil {
		s.keep, err = plant(slices.Concat(identity, fields), err)
	}
	s.drop, err = plant(drop, err)
	s.redact, err = plant(redact, err)
	return s, err
}

func plant(paths []string, err error) (*tree, error) {
	root := &tree{}
	for _, p := range paths {
		at := root
		for key := range strings.SplitSeq(strings.ToLower(p), ".") {
			if key == "" {
				err = errors.Join(err, fmt.Errorf("field %q has an empty part", p))
			}
			if at.inner == nil {
				at.inner = map[string]*tree{}
			}
			if at.inner[key] == nil {
				at.inner[key] = &tree{}
			}
			at = at.inner[key]
		}
		at.leaf = true
	}
	return root, err
}

// child returns what is below a key; nil if nothing is. Case does not matter: a
// client that writes Password means the same.
func (t *tree) child(key string) *tree {
	if t == nil || t.inner == nil {
		return nil
	}
	named, any := t.inner[strings.ToLower(key)], t.inner["*"]
	switch {
	case named == nil:
		return any
	case any == nil || named.leaf:
		return named
	}
	both := &tree{inner: map[string]*tree{}, leaf: any.leaf} // a.*.x and a.b.y: both hold below a.b
	for _, t := range []*tree{any, named} {
		maps.Copy(both.inner, t.inner)
	}
	return both
}

// apply returns an event in this shape.
func (s *shape) apply(event []byte) ([]byte, error) {
	out, keep, err := at(s.keep, s.drop, s.redact, s.keep == nil, false).value(event)
	if err != nil {
		return nil, fmt.Errorf("select fields: %w", err)
	}
	if !keep {
		return nil, errors.New("select fields: it is no object")
	}
	return out, nil
}

// step is where in the three trees a value is.
type step struct {
	keep, drop, redact *tree
	kept, masked       bool // the whole of it is to stay, is to be unreadable
}

// at is where a value is that the trees have come to.
func at(keep, drop, redact *tree, kept, masked bool) step {
	return step{
		keep, drop, redact,
		kept || keep != nil && keep.leaf, masked || redact != nil && redact.leaf,
	}
}

func (s step) child(key string) step {
	return at(s.keep.child(key), s.drop.child(key), s.redact.child(key), s.kept, s.masked)
}

// value returns a value in this shape, and whether anything of it stays.
func (s step) value(raw []byte) (out []byte, stays bool, err error) {
	switch {
	case s.drop != nil && s.drop.leaf, !s.kept && s.keep == nil:
		return nil, false, nil
	case s.kept && s.drop == nil && s.redact == nil && !s.masked:
		return raw, true, nil
	case raw[0] == '{', raw[0] == '[':
		out, err := rebuild(raw, func(key string, v []byte) ([]byte, bool, error) { return s.child(key).value(v) })
		return out, true, err
	case s.masked:
		return mask(raw), s.kept, nil
	}
	return raw, s.kept, nil // else the path goes on where there is nothing more
}

// mask keeps the kind of a value and nothing that it says.
func mask(raw []byte) []byte {
	switch raw[0] {
	case '"':
		return []byte(redacted)
	case 't', 'f':
		return []byte("false")
	case 'n':
		return raw
	}
	return []byte("0")
}

// rebuild makes an object or array of what f returns for the members of another.
// Keys of an array are empty.
func rebuild(raw []byte, f func(key string, v []byte) (out []byte, stays bool, err error)) ([]byte, error) {
	d := json.NewDecoder(bytes.NewReader(raw))
	if _, err := d.Token(); err != nil {
		return nil, err
	}
	object := raw[0] == '{'
	out := []byte{raw[0]}
	for d.More() {
		key := ""
		if object {
			t, err := d.Token()
			if err != nil {
				return nil, err
			}
			key, _ = t.(string)
		}
		var v json.RawMessage
		if err := d.Decode(&v); err != nil {
			return nil, err
		}
		formed, stays, err := f(key, v)
		if err != nil {
			return nil, err
		}
		if stays {
			out = appendMember(out, object, key, formed)
		}
	}
	return append(out, raw[0]+2), nil // "}" and "]" come two after their openings
}

func appendMember(out []byte, object bool, key string, v []byte) []byte {
	if len(out) > 1 {
		out = append(out, ',')
	}
	if object {
		k, _ := json.Marshal(key) // a string always can be
		out = append(append(out, k...), ':')
	}
	return append(out, v...)
}
