package dashboard

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"unicode/utf8"

	"github.com/labstack/echo/v4"

	"github.com/killdeer-mcp/killdeer/sdk"
)

// defaultStory is how many events of a session are told at once.
const defaultStory = 500

type sessionList struct {
	Sessions []Session `json:"sessions"`
	Next     string    `json:"next,omitempty"`
}

// sessions lists sessions, the one that began last first.
func (s *Server) sessions(c echo.Context) error {
	p := parameters(c)
	limit, before := p.capped("limit", defaultLimit, maxLimit), p.cursor()
	if err := p.end(); err != nil {
		return err
	}
	rows, err := s.Tables.Sessions(before, limit)
	if err != nil {
		return err
	}
	out := sessionList{Sessions: append([]Session{}, rows...)}
	if len(rows) == limit {
		out.Next = cursorOf(rows[len(rows)-1].FirstSeq)
	}
	return writeJSON(c, http.StatusOK, out)
}

// session shows what is known of one session.
func (s *Server) session(c echo.Context) error {
	if err := parameters(c).end(); err != nil {
		return err
	}
	id, err := pathText(c, "id")
	if err != nil {
		return err
	}
	row, err := s.Tables.Session(id)
	if err != nil {
		return err
	}
	return writeJSON(c, http.StatusOK, row)
}

// pathText returns a part of the path. It may hold anything, encoded.
func pathText(c echo.Context, name string) (string, error) {
	text := c.Param(name)
	if c.Request().URL.RawPath != "" { // otherwise it is decoded already
		if plain, err := url.PathUnescape(text); err == nil {
			text = plain
		}
	}
	if utf8.RuneCountInString(text) > maxText || !utf8.ValidString(text) {
		return "", problem(http.StatusBadRequest, "want at most 2048 characters of UTF-8 in the path")
	}
	return text, nil
}

// story is what happened in a session, the oldest event first.
type story struct {
	Session *Session     `json:"session,omitempty"` // absent when the table has forgotten it
	Events  []*sdk.Event `json:"events"`
	Stages  []stage      `json:"stages"`
	Earlier string       `json:"earlier,omitempty"` // the cursor of what came before
	// Tokens are the honeytokens that were given in these events, and where each
	// came back, in any session.
	Tokens     []token `json:"canaries"`
	Unreadable int     `json:"unreadable,omitempty"`
}

// stage is when a session came to a stage of an intrusion.
type stage struct {
	Name  string `json:"name"`
	Seq   uint64 `json:"seq"`
	Event string `json:"event"`
}

// transcript tells a session's story: its last events, and with the cursor those
// before them.
func (s *Server) transcript(c echo.Context) error {
	p := parameters(c)
	q := Query{Limit: p.capped("limit", defaultStory, maxLimit), Before: p.cursor()}
	err := p.end()
	if err != nil {
		return err
	}
	if q.Session, err = pathText(c, "id"); err != nil {
		return err
	}
	ctx, cancel := within(c)
	defer cancel()
	out, err := s.tell(ctx, q)
	if err != nil {
		return err
	}
	return writeJSON(c, http.StatusOK, out)
}

func (s *Server) tell(ctx context.Context, q Query) (*story, error) {
	page, err := s.Events.Query(ctx, q)
	if err != nil {
		return nil, err
	}
	out := &story{Events: []*sdk.Event{}, Stages: []stage{}, Tokens: []token{}, Earlier: cursorOf(page.Next), Unreadable: page.Unreadable}
	if row, err := s.Tables.Session(q.Session); err == nil {
		out.Session = &row
	} else if len(page.Events) == 0 {
		return nil, err
	}
	slices.Reverse(page.Events)
	out.Events = append(out.Events, page.Events...)
	trim(out.Events)
	out.Stages = append(out.Stages, stages(out.Events)...)
	if out.Tokens, err = s.given(ctx, out.Events); err != nil {
		return nil, err
	}
	return out, nil
}

// given returns the honeytokens that events hand out, with their replays.
func (s *Server) given(ctx context.Context, events []*sdk.Event) ([]token, error) {
	tokens := []token{}
	for _, ev := range events {
		if ev.Kind == sdk.KindCanary && ev.Canary != nil {
			tokens = append(tokens, token{Canary: Canary{
				Canary: *ev.Canary, Seq: ev.Seq, EventID: ev.ID, Time: ev.Time, Session: ev.Session, Actor: ev.Actor, IP: ev.IP, Tool: ev.Tool,
			}})
		}
	}
	return tokens, s.addReplays(ctx, tokens)
}

// stageRules are the stages that detections of the core rules speak of.
var stageRules = map[string]string{
	"MCP_TOOL_ENUMERATION": "recon", "MCP_MULTI_TOOL_RECON": "recon", "MCP_UNKNOWN_TOOL_PROBE": "recon", "MCP_RAPID_ENUM": "recon",
	"MCP_SECRET_HUNTING_ARGS": "secrets", "MCP_HONEYTOKEN_REPLAY": "credentials", "MCP_AUTH_PLANTED_CRED": "credentials",
	"MCP_DESTRUCTIVE_CALL": "write", "MCP_SQL_WRITE_OR_DDL": "write", "MCP_CMD_INJECTION": "write",
	"MCP_DATA_VOLUME_EXFIL": "exfil",
}

// stageOf names the stage of an intrusion that an event belongs to, "" for none.
// What a tool is for says the persona; what it was used for, the rules.
func stageOf(ev *sdk.Event) string {
	switch {
	case ev.Detection != nil:
		return stageRules[ev.Detection.RuleID]
	case ev.Kind != sdk.KindAccess:
		return ""
	case len(ev.CanariesMinted) > 0 || ev.Class == "secret":
		return "secrets"
	case ev.Class == "write" || ev.Class == "exec":
		return "write"
	case ev.Class == "read" && ev.Outcome == "result":
		return "data"
	case ev.MCPMethod != "":
		return "recon"
	}
	return ""
}

// stages are the first events of each stage, in the order in which they came.
func stages(events []*sdk.Event) (all []stage) {
	for _, ev := range events {
		name := stageOf(ev)
		if name != "" && !slices.ContainsFunc(all, func(s stage) bool { return s.Name == name }) {
			all = append(all, stage{name, ev.Seq, ev.ID})
		}
	}
	return all
}
