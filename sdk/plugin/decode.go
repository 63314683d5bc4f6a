package plugin

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"
)

// Decode reads a sink's table into a struct and refuses keys that it does not have,
// naming those that there are.
func Decode(config json.RawMessage, into any) error {
	d := json.NewDecoder(bytes.NewReader(config))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		// The only sign of an unknown key that encoding/json gives is this text.
		if key, ok := strings.CutPrefix(err.Error(), "json: unknown field "); ok {
			return fmt.Errorf("unknown key %s: there are %s", key, strings.Join(keys(reflect.TypeOf(into)), ", "))
		}
		return fmt.Errorf("read configuration: %w", err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("read configuration: more than one value")
	}
	return nil
}

// keys lists those that a struct is read from; of tables within as table.key.
func keys(t reflect.Type) (names []string) {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if t.Kind() != reflect.Struct {
		return nil
	}
	for f := range t.Fields() {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		switch inner := keys(f.Type); {
		case !f.IsExported(), name == "", name == "-":
		case len(inner) == 0:
			names = append(names, name)
		default:
			for _, key := range inner {
				names = append(names, name+"."+key)
			}
		}
	}
	return names
}
