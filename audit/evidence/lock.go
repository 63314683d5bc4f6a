package evidence

import "github.com/killdeer-mcp/killdeer/sdk"

// Lock pins what servers say of themselves and what they were seen to do. All
// lists are sorted and nothing depends on the order of a server's lists. Hashes
// are SHA-256 over canonical JSON (RFC 8785), in hexadecimal.
type Lock struct {
	Version int                      `json:"version"` // of this layout: 1
	Servers map[string]*LockedServer `json:"servers"`
}

// LockedServer is one server of a lock.
type LockedServer struct {
	Argv             []string              `json:"argv,omitempty"`
	Package          string                `json:"package,omitempty"`
	Integrity        string                `json:"integrity,omitempty"`
	Protocol         string                `json:"protocol_version,omitempty"`
	Server           sdk.RawJSON           `json:"server_info,omitempty"`
	Instructions     string                `json:"instructions_sha256,omitempty"`
	InstructionsText string                `json:"instructions,omitempty"` // cut, for a diff
	Tools            map[string]LockedTool `json:"tools"`
	Resources        map[string]string     `json:"resources,omitempty"` // hash by URI
	Templates        map[string]string     `json:"templates,omitempty"` // hash by URI template
	Prompts          map[string]string     `json:"prompts,omitempty"`   // hash by name
	Behaviour        Behaviour             `json:"behaviour,omitzero"`  // outside of calls
}

// LockedTool is one tool of a locked server.
type LockedTool struct {
	// SHA256 is of title, description, inputSchema, outputSchema and annotations.
	SHA256      string    `json:"sha256"`
	Description string    `json:"description,omitempty"` // cut, for a diff
	Required    []string  `json:"required,omitempty"`    // arguments
	Behaviour   Behaviour `json:"behaviour,omitzero"`
}

// Behaviour is what was observed, as classes: nothing in it changes from run to run.
type Behaviour struct {
	Hosts  []string `json:"hosts,omitempty"`  // name:port, raw-ip:port
	Reads  []string `json:"reads,omitempty"`  // classes of paths: secret-store, home, ...
	Writes []string `json:"writes,omitempty"` // classes of paths
	Execs  []string `json:"execs,omitempty"`  // names of programs
	Env    []string `json:"env,omitempty"`    // planted variables that were handed out
}
