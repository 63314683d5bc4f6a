package rules

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	tomlfile "github.com/BurntSushi/toml"

	"github.com/killdeer-mcp/killdeer/rules/toml"
)

// maxTOML is the largest rule file.
const maxTOML = 1 << 20

// ParseTOML reads a rule file and returns it as the configuration of the guest
// that runs such files, see [Engine.AddConfigured]. The error names the file and
// the line of every fault that can be found without the guest.
func ParseTOML(file string, text []byte) (config []byte, err error) {
	if len(text) > maxTOML {
		return nil, fmt.Errorf("%s: %d bytes, at most %d", file, len(text), maxTOML)
	}
	defer func() {
		if r := recover(); r != nil { // the library's own mistake; to the author a fault of the file
			config, err = nil, fmt.Errorf("%s: not TOML: %v", file, r)
		}
	}()
	if err := checkBounds(file, text); err != nil {
		return nil, err
	}
	var p toml.Pack
	md, err := tomlfile.Decode(string(text), &p)
	if err != nil {
		return nil, tomlFault(file, err)
	}
	if err := checkTOMLPrograms(p.Rules); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	lines := strings.Split(string(text), "\n")
	var faults []error
	unknown := md.Undecoded()
	for _, key := range unknown[:min(len(unknown), maxFaults)] {
		name := key[len(key)-1]
		faults = append(faults, fmt.Errorf("%s:%d: unknown key %q", file, keyLine(lines, name), cut(key.String(), maxTitle)))
	}
	if len(p.Rules) == 0 || len(p.Rules) > toml.MaxRules {
		faults = append(faults, fmt.Errorf("%s: %d rules, want 1 to %d", file, len(p.Rules), toml.MaxRules))
	}
	for i := range p.Rules[:min(len(p.Rules), toml.MaxRules)] {
		if len(faults) > maxFaults {
			break // they are told by their lines, which are looked for each time
		}
		if err := p.Rules[i].Check(); err != nil {
			for fault := range strings.SplitSeq(err.Error(), "\n") {
				faults = append(faults, fmt.Errorf("%s:%d: rule %s: %s", file, ruleLine(lines, i), cut(p.Rules[i].ID, maxTitle), fault))
			}
		}
	}
	if err := errors.Join(faults...); err != nil {
		return nil, err
	}
	return json.Marshal(p)
}

func tomlFault(file string, err error) error {
	if pe, ok := errors.AsType[tomlfile.ParseError](err); ok {
		return fmt.Errorf("%s:%d: %s", file, pe.Position.Line, strings.ReplaceAll(strings.TrimSuffix(pe.Message, "."), "\n", " "))
	}
	return fmt.Errorf("%s: %s", file, strings.ReplaceAll(err.Error(), "\n", " "))
}

// keyLine is the first line that sets a key, 1 when there is none to be seen.
func keyLine(lines []string, key string) int {
	for i, l := range lines {
		l = strings.TrimLeft(l, " \t[{\"'")
		if rest, ok := strings.CutPrefix(l, key); ok && strings.IndexByte(" =].\"'\t", (rest + " ")[0]) >= 0 {
			return i + 1
		}
	}
	for i, l := range lines {
		if strings.Contains(l, key) {
			return i + 1
		}
	}
	return 1
}

// ruleLine is the line of the n-th [[rule]].
func ruleLine(lines []string, n int) int {
	for i, l := range lines {
		if strings.HasPrefix(strings.ReplaceAll(l, " ", ""), "[[rule]]") {
			if n--; n < 0 {
				return i + 1
			}
		}
	}
	return 1
}
