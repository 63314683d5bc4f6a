package sdk

import "errors"

// RawJSON is one JSON value as it was received, spelling and key order kept.
// It does what [encoding/json.RawMessage] does without making every guest that
// imports this package link encoding/json.
type RawJSON []byte

// MarshalJSON returns r, or null when r is empty.
func (r RawJSON) MarshalJSON() ([]byte, error) {
	if len(r) == 0 {
		return []byte("null"), nil
	}
	return r, nil
}

// UnmarshalJSON keeps a copy of b.
func (r *RawJSON) UnmarshalJSON(b []byte) error {
	if r == nil {
		return errors.New("unmarshal into a nil RawJSON")
	}
	*r = append((*r)[:0], b...)
	return nil
}
