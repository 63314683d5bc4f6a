package sink

import (
	"fmt"
	"net/netip"
	"strings"
	"unicode"

	"github.com/killdeer-mcp/killdeer/plugins/encode"
	"github.com/killdeer-mcp/killdeer/sdk"
)

// What a message shows. Slack takes 50 blocks, Discord 10 embeds and 6000
// characters in all, Teams 28 kB.
const (
	maxShown   = 8   // events
	maxCell    = 128 // bytes of a value that a client chose
	maxExplain = 256 // bytes of a rule's summary
)

// chat makes one message of all events of a batch, for people.
type chat struct {
	pace   *pace
	limit  int
	render func(note) any
}

// note is a message before it has a chat's form. Cells hold no markup.
type note struct {
	title string
	cards []card
	foot  string
}

type card struct {
	title    string
	severity sdk.Severity
	cells    []cell
}

type cell struct{ name, value string }

func (c *chat) messages(batch []sdk.Event) ([]message, error) {
	tell, silent := c.pace.news(batch)
	if len(tell) == 0 {
		return nil, nil
	}
	events := pick(batch, tell)
	for shown := min(len(events), maxShown); ; shown /= 2 {
		body, err := marshal(c.render(noteOf(events, shown, silent)))
		if err != nil {
			return nil, err
		}
		if len(body) <= c.limit || shown == 0 {
			return []message{{identity(events), body, len(batch)}}, nil
		}
	}
}

func noteOf(events []sdk.Event, shown, silent int) note {
	n := note{title: fmt.Sprintf("Killdeer: %d events", len(events))}
	if len(events) == 1 {
		n.title = "Killdeer: " + heading(&events[0])
	}
	for _, e := range worst(events, shown) {
		n.cards = append(n.cards, cardOf(e))
	}
	var more []string
	if rest := len(events) - shown; rest > 0 {
		more = append(more, fmt.Sprintf("%d more events", rest))
	}
	if silent > 0 {
		more = append(more, fmt.Sprintf("%d like earlier ones", silent))
	}
	if len(more) > 0 {
		n.foot = "And " + strings.Join(more, ", ") + ". All of them are in the sensor's journal."
	}
	return n
}

var ranks = map[sdk.Severity]int{
	sdk.SeverityCritical: 5, sdk.SeverityHigh: 4, sdk.SeverityMedium: 3, sdk.SeverityLow: 2, sdk.SeverityInfo: 1,
}

// worst picks n events, the worst first.
func worst(events []sdk.Event, n int) []*sdk.Event {
	var picked []*sdk.Event
	for least := 5; least >= 0 && len(picked) < n; least-- {
		for i := range events {
			if ranks[severity(&events[i])] == least && len(picked) < n {
				picked = append(picked, &events[i])
			}
		}
	}
	return picked
}

func severity(e *sdk.Event) sdk.Severity {
	if e.Detection == nil {
		return ""
	}
	return e.Detection.Severity
}

func heading(e *sdk.Event) string {
	switch {
	case e.Detection != nil:
		return inert(e.Detection.RuleID, maxCell) + " (" + inert(string(e.Detection.Severity), maxCell) + ")"
	case e.Kind == sdk.KindAccess:
		return "MCP access"
	default:
		return inert(string(e.Kind), maxCell)
	}
}

func cardOf(e *sdk.Event) card {
	c := card{title: heading(e), severity: severity(e)}
	add := func(name, value string, limit int) {
		if value != "" {
			c.cells = append(c.cells, cell{name, inert(value, limit)})
		}
	}
	if d := e.Detection; d != nil {
		add("what", d.Title, maxCell)
		add("why", d.Summary, maxExplain)
		add("confidence", string(d.Confidence), maxCell)
		add("techniques", strings.Join(d.Attack, " "), maxCell)
	}
	c.cells = append(c.cells, cell{"source", sourceOf(e)})
	add("tool", e.Tool, maxCell)
	add("method", e.MCPMethod, maxCell)
	if e.Client != nil {
		add("client", strings.TrimSpace(e.Client.Name+" "+e.Client.Version), maxCell)
	}
	add("error", e.Error, maxCell)
	if e.Gap != nil {
		add("lost", fmt.Sprintf("%d events (%s)", e.Gap.Lost, e.Gap.Reason), maxCell)
	}
	if e.Health != nil {
		add("part", e.Health.Part+" is "+e.Health.State, maxCell)
		add("detail", e.Health.Detail, maxExplain)
	}
	if e.Guest != nil {
		add("guest", e.Guest.Module+": "+e.Guest.Code, maxCell)
	}
	add("when", strings.TrimSpace(e.Time.UTC().Format("2006-01-02 15:04:05Z")+" "+e.Sensor), maxCell)
	add("event", e.ID, maxCell)
	return c
}

func sourceOf(e *sdk.Event) string {
	from := e.IP
	if e.Detection != nil && e.Detection.SourceIP != "" {
		from = e.Detection.SourceIP
	}
	if ip, err := netip.ParseAddr(from); err == nil {
		return ip.WithZone("").String()
	}
	if from == "" {
		return "unknown"
	}
	return inert(from, maxCell)
}

// inert is s with everything visible and nothing that a chat makes a link of: a
// dot before a letter becomes [.], and :// becomes [:]//.
func inert(s string, limit int) string {
	s = encode.Visible(s, limit)
	s = strings.ReplaceAll(s, "://", "[:]//")
	var b strings.Builder
	runes := []rune(s)
	for i, r := range runes {
		if r == '.' && i+1 < len(runes) && unicode.IsLetter(runes[i+1]) {
			b.WriteString("[.]")
			continue
		}
		b.WriteRune(r)
	}
	return b.String()
}

// object is one JSON object.
type object = map[string]any

// slack makes a message of blocks. Every text is plain_text, in which Slack knows
// neither markup nor mentions; text is what notifications show, where both are
// spelt by the characters that are escaped.
func slack(n note) any {
	plain := func(s string) object { return object{"type": "plain_text", "text": s, "emoji": false} }
	blocks := []object{{"type": "header", "text": plain(clip(n.title, 150))}}
	for _, c := range n.cards {
		var fields []object
		for _, f := range c.cells[:min(len(c.cells), 10)] {
			fields = append(fields, plain(f.name+": "+f.value))
		}
		blocks = append(blocks, object{"type": "section", "text": plain(c.title), "fields": fields})
	}
	if n.foot != "" {
		blocks = append(blocks, object{"type": "context", "elements": []object{plain(n.foot)}})
	}
	return object{
		"text": slackEscape.Replace(n.title), "blocks": blocks,
		"parse": "none", "link_names": false, "unfurl_links": false, "unfurl_media": false, "mrkdwn": false,
	}
}

var slackEscape = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;")

// Discord's limits, in characters.
const (
	discordTotal = 6000 // of all embeds
	discordTitle = 256
)

// discord makes a message of embeds. Mentions are switched off, and what Discord
// reads as markup is escaped.
func discord(n note) any {
	var embeds []object
	room := discordTotal/max(len(n.cards), 1) - discordTitle
	for _, c := range n.cards {
		var lines []string
		for _, f := range c.cells {
			lines = append(lines, f.name+": "+discordEscape(f.value))
		}
		embeds = append(embeds, object{
			"title": clip(discordEscape(c.title), discordTitle), "description": clip(strings.Join(lines, "\n"), room), "color": color(c.severity),
		})
	}
	content := discordEscape(n.title)
	if n.foot != "" {
		content += "\n" + n.foot
	}
	return object{
		"content": clip(content, 2000), "embeds": embeds,
		"allowed_mentions": object{"parse": []string{}},
	}
}

// discordEscape puts a backslash before everything that could be markup: all of
// ASCII but letters, digits and spaces.
func discordEscape(s string) string {
	var b strings.Builder
	for _, r := range s {
		if r < unicode.MaxASCII && (unicode.IsPunct(r) || unicode.IsSymbol(r)) {
			b.WriteByte('\\')
		}
		b.WriteRune(r)
	}
	return b.String()
}

func color(s sdk.Severity) int {
	switch s {
	case sdk.SeverityCritical, sdk.SeverityHigh:
		return 0xc0392b
	case sdk.SeverityMedium:
		return 0xe67e22
	default:
		return 0x7f8c8d
	}
}

// teams makes an Adaptive Card for a workflow's address. Texts are runs of rich
// text blocks, which know no markup, unlike text blocks and facts.
func teams(n note) any {
	block := func(s string, bold bool) object {
		run := object{"type": "TextRun", "text": s}
		if bold {
			run["weight"] = "Bolder"
		}
		return object{"type": "RichTextBlock", "inlines": []object{run}}
	}
	body := []object{block(n.title, true)}
	for _, c := range n.cards {
		items := []object{block(c.title, true)}
		for _, f := range c.cells {
			items = append(items, block(f.name+": "+f.value, false))
		}
		body = append(body, object{"type": "Container", "separator": true, "items": items})
	}
	if n.foot != "" {
		body = append(body, block(n.foot, false))
	}
	return object{"type": "message", "attachments": []object{{
		"contentType": "application/vnd.microsoft.card.adaptive",
		"content": object{
			"$schema": "http://adaptivecards.io/schemas/adaptive-card.json", "type": "AdaptiveCard", "version": "1.4", "body": body,
		},
	}}}
}

// clip cuts to n characters, as chats count them.
func clip(s string, n int) string {
	runes := []rune(s)
	if len(runes) <= n {
		return s
	}
	return strings.TrimRight(string(runes[:n-1]), `\`) + "…"
}
