package persona

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// headerKey is the annotation with which a 2026-07-28 client repeats an argument
// as the HTTP header Mcp-Param-NAME.
const headerKey = "x-mcp-header"

var headerName = regexp.MustCompile("^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,64}$") // RFC 9110 §5.6.2, token

// checkHeaders holds an input schema's annotations to MCP's rules. Clients drop
// a tool that breaks one of them, without a word to the server.
func checkHeaders(schema []byte) error {
	if !bytes.Contains(schema, []byte(headerKey)) && !bytes.Contains(schema, []byte(`\u`)) {
		return nil
	}
	var root any
	if err := json.Unmarshal(schema, &root); err != nil {
		return fmt.Errorf("read: %w", err)
	}
	return headers{}.visit(root, "", true)
}

// headers are the names found so far, in lower case.
type headers map[string]bool

// visit checks a part of a schema. An annotation counts only on a property that
// is reached from the root through "properties" alone.
func (h headers) visit(node any, path string, reachable bool) error {
	switch node := node.(type) {
	case []any:
		for _, v := range node {
			if err := h.visit(v, path, false); err != nil {
				return err
			}
		}
	case map[string]any:
		if name, ok := node[headerKey]; ok {
			if err := h.add(name, node["type"], path, reachable); err != nil {
				return err
			}
		}
		return h.children(node, path, reachable)
	}
	return nil
}

func (h headers) children(node map[string]any, path string, reachable bool) error {
	properties, _ := node["properties"].(map[string]any)
	for _, name := range slices.Sorted(maps.Keys(properties)) {
		if err := h.visit(properties[name], path+"."+name, reachable); err != nil {
			return err
		}
	}
	for _, key := range slices.Sorted(maps.Keys(node)) {
		if key == "properties" && properties != nil {
			continue
		}
		if err := h.visit(node[key], path, false); err != nil {
			return err
		}
	}
	return nil
}

func (h headers) add(name, of any, path string, reachable bool) error {
	text, ok := name.(string)
	lower := strings.ToLower(text)
	switch {
	case !reachable || path == "":
		return errors.New(headerKey + " stands where it is not reached through properties alone")
	case !ok || !headerName.MatchString(text):
		return fmt.Errorf("%s of %s is not a header name", headerKey, path[1:])
	case of != "string" && of != "integer" && of != "boolean":
		return fmt.Errorf("%s of %s: its type is not string, integer or boolean", headerKey, path[1:])
	case h[lower]:
		return fmt.Errorf("%s of %s: another property has the name %q", headerKey, path[1:], text)
	}
	h[lower] = true
	return nil
}
