package clients

// Report is what one client saw in one session. The scripts print it as JSON.
type Report struct {
	Client string `json:"client"`
	Mode   string `json:"mode"`
	// ProtocolVersion and ServerInfo are empty if the client keeps them to
	// itself, as command lines do.
	ProtocolVersion string      `json:"protocolVersion"`
	ServerInfo      *ServerInfo `json:"serverInfo"`
	Tools           []string    `json:"tools"`
	Calls           []Call      `json:"calls"`
	// Errors holds what the client refused or was refused: a session that
	// could not be opened ("session: ...") or a call without a result
	// ("call NAME: ...").
	Errors []string `json:"errors"`
}

// note keeps the error that ended a session, if one did.
func (r *Report) note(err error) {
	if err != nil {
		r.Errors = append(r.Errors, "session: "+err.Error())
	}
}

// ServerInfo is how the server named itself; a modern server may not do so.
type ServerInfo struct {
	Name    string `json:"name"`
	Title   string `json:"title,omitempty"`
	Version string `json:"version"`
}

// Call is one tool call that was answered with a result.
type Call struct {
	Name    string `json:"name"`
	Args    any    `json:"args"`
	IsError bool   `json:"isError"`
	// Bytes counts text in UTF-8, and base64 as it was sent. All clients
	// count alike, so two reports can be compared.
	Bytes        int      `json:"bytes"`
	ContentTypes []string `json:"contentTypes"`
}
