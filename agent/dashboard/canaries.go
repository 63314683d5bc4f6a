package dashboard

import (
	"context"
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/killdeer-mcp/killdeer/sdk"
)

// token is a honeytoken and where it came back.
type token struct {
	Canary
	Replays []replay `json:"replays"`
}

// replay is a request that carried a honeytoken.
type replay struct {
	Detection string `json:"detection_id"`
	Seq       uint64 `json:"seq"`
	Time      string `json:"time"`
	IP        string `json:"ip,omitempty"`
	Session   string `json:"session_id,omitempty"`
	Actor     string `json:"actor,omitempty"`
	Severity  string `json:"severity"`
	sdk.CanarySeen
}

type tokenList struct {
	Canaries []token `json:"canaries"`
	Next     string  `json:"next,omitempty"`
}

// canaries lists honeytokens, the one that was handed out last first.
func (s *Server) canaries(c echo.Context) error {
	p := parameters(c)
	limit, before := p.capped("limit", defaultLimit, maxLimit), p.cursor()
	if err := p.end(); err != nil {
		return err
	}
	rows, err := s.Tables.Canaries(before, limit)
	if err != nil {
		return err
	}
	out := tokenList{Canaries: []token{}}
	for _, row := range rows {
		out.Canaries = append(out.Canaries, token{Canary: row})
	}
	if len(rows) == limit {
		out.Next = cursorOf(rows[len(rows)-1].Seq)
	}
	ctx, cancel := within(c)
	defer cancel()
	if err := s.addReplays(ctx, out.Canaries); err != nil {
		return err
	}
	return writeJSON(c, http.StatusOK, out)
}

const (
	replayRule = "MCP_HONEYTOKEN_REPLAY"
	maxReplays = 1000 // detections that are searched for the honeytokens of a list
)

// addReplays finds where honeytokens came back, among the newest detections.
func (s *Server) addReplays(ctx context.Context, tokens []token) error {
	at := map[string][]int{}
	for i := range tokens {
		tokens[i].Replays = []replay{}
		at[tokens[i].ID] = append(at[tokens[i].ID], i)
	}
	if len(tokens) == 0 {
		return nil
	}
	page, err := s.Events.Query(ctx, Query{Kind: sdk.KindDetection, Rule: replayRule, Limit: maxReplays})
	if err != nil {
		return err
	}
	for _, ev := range page.Events {
		for _, seen := range ev.CanariesSeen {
			for _, i := range at[seen.ID] {
				tokens[i].Replays = append(tokens[i].Replays, replay{
					Detection: ev.ID, Seq: ev.Seq, Time: stamp(ev.Time), IP: ev.IP, Session: ev.Session, Actor: ev.Actor,
					Severity: string(ev.Detection.Severity), CanarySeen: seen,
				})
			}
		}
	}
	return nil
}
