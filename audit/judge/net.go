package judge

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"golang.org/x/net/dns/dnsmessage"

	"github.com/killdeer-mcp/killdeer/audit/evidence"
	"github.com/killdeer-mcp/killdeer/audit/judge/wording"
	"github.com/killdeer-mcp/killdeer/sdk"
)

var metadata = []string{"169.254.169.254", "metadata.google.internal", "100.100.100.200", "fd00:ec2::254", "169.254.170.2", "metadata.azure.internal"}

// contact is a host that the server turned to.
type contact struct {
	m     moment
	host  string // name, or address
	port  int
	raw   bool // by its address
	blind bool // seen without a tracer
	obs   *sdk.Observation
	how   string
}

// judgeNet judges destinations, listeners and sockets of agents.
func (c *court) judgeNet(p *pass) {
	for _, k := range c.contacts(p) {
		c.judgeContact(p, k)
	}
	c.listeners(p)
	c.agents(p)
}

// hostOfFlow is the name that was looked up for a connection's address. What the
// client says the name is, in TLS or HTTP, proves nothing.
func (c *court) hostOfFlow(p *pass, f *evidence.Flow) string {
	if f.Name != "" {
		return strings.ToLower(strings.TrimSuffix(f.Name, "."))
	}
	return p.nameOf(f.Addr)
}

func (p *pass) nameOf(addr string) string { return cmp.Or(p.names[addr], addr) }

func isAddr(host string) bool {
	_, err := netip.ParseAddr(host)
	return err == nil
}

func isLoopback(host string) bool {
	a, err := netip.ParseAddr(host)
	return err == nil && (a.Unmap().IsLoopback() || a.Unmap().IsUnspecified())
}

func isResolverAt(addr string, port int) bool {
	a, err := netip.ParseAddr(addr)
	return port == 53 && err == nil && a.Unmap().String() == evidence.Resolver
}

// isResolver reports whether a connection only asked a name server for names, which are
// judged by themselves, whichever server is asked. Others on its port are like any.
func isResolver(f *evidence.Flow) bool {
	return f.Port == 53 && question(f.Sent, f.Proto == "tcp") || len(f.Sent) == 0 && isResolverAt(f.Addr, f.Port)
}

// question reports whether what was sent begins with a DNS question.
func question(sent []byte, framed bool) bool {
	if framed { // by the length of each message (RFC 7766 §8)
		sent = sent[min(2, len(sent)):]
	}
	var p dnsmessage.Parser
	head, err := p.Start(sent)
	if err != nil || head.Response {
		return false
	}
	_, err = p.Question()
	return err == nil
}

// shown is a host as it may be reported: a name that holds a planted value, or lies
// beside one that does, is cut to its parent.
func (c *court) shown(p *pass, host string) string {
	if parent := parentName([]string{host}); p.tunnels[parent] && parent != host {
		return "*." + parent
	}
	if len(p.matcher.FindNames([]string{host})) > 0 {
		return "*." + parentName([]string{host})
	}
	return host
}

// contacts merges what the sinkhole, the resolver and the tracer saw.
func (c *court) contacts(p *pass) []contact {
	var all []contact
	met, sent := map[string]bool{}, p.sentQuietly()
	for i := range p.Net {
		f := &p.Net[i]
		if f.Proto == "unix" || isResolver(f) || isLoopback(f.Addr) {
			continue
		}
		host := c.hostOfFlow(p, f)
		met[host], met[hostPort(f.Addr, f.Port)] = true, true
		how := fmt.Sprintf("%s to %s, %d bytes sent, %d received", f.Proto, hostPort(c.shown(p, host), f.Port), f.SentSize, f.GotSize)
		if f.Request != "" {
			how += ", an HTTP request"
		}
		k := contact{m: p.when(f.At), host: host, port: f.Port, raw: isAddr(host), blind: true, how: how}
		all = append(all, k)
		if quiet(k.m) {
			continue
		}
		if last := p.when(f.Last); f.Last > f.At && quiet(last) { // it was kept open
			k.m = last
			all = append(all, k)
		} else if m, ok := sent[hostPort(f.Addr, f.Port)]; ok {
			k.m = m
			all = append(all, k)
		}
	}
	// What was talked to in another pass is known by more than its name.
	for _, other := range c.passes {
		for i := range other.Net {
			met[c.hostOfFlow(other, &other.Net[i])] = true
		}
	}
	for _, l := range p.Names {
		name := strings.ToLower(strings.TrimSuffix(l.Name, "."))
		if met[name] || !strings.Contains(name, ".") || strings.HasSuffix(name, ".arpa") || strings.HasSuffix(name, ".local") || strings.HasSuffix(name, ".localdomain") {
			continue
		}
		all = append(all, contact{m: p.when(l.At), host: name, blind: true, how: "a DNS question of type " + l.Type})
	}
	for i := range p.seen {
		if k, ok := c.connected(p, &p.seen[i], met); ok {
			all = append(all, k)
		}
	}
	return all
}

// sentQuietly has when something was sent while nothing was asked of the server, by
// where to.
func (p *pass) sentQuietly() map[string]moment {
	all := map[string]moment{}
	for i := range p.seen {
		o := &p.seen[i]
		if o.Peer == nil || o.Kind != sdk.ObservedSend || o.Ret <= 0 {
			continue
		}
		if m := p.when(o.MonoNS); quiet(m) {
			all[hostPort(o.Peer.Addr, o.Peer.Port)] = m
		}
	}
	return all
}

// connected is a connection that only the tracer saw. In the sealed network every
// connection is answered: a socket without one was opened to learn an address.
func (c *court) connected(p *pass, o *sdk.Observation, met map[string]bool) (contact, bool) {
	if o.Peer == nil || o.Kind != sdk.ObservedConnect && o.Kind != sdk.ObservedSend || o.Peer.Family != "inet" && o.Peer.Family != "inet6" {
		return contact{}, false
	}
	at := hostPort(o.Peer.Addr, o.Peer.Port)
	sealed := c.audit.Machine.Sandbox != "" && c.audit.Machine.Sandbox != "none"
	if met[at] || o.Peer.Port == 0 || isResolverAt(o.Peer.Addr, o.Peer.Port) || o.Peer.Port == 53 && (!sealed || question(o.Data, false)) || isLoopback(o.Peer.Addr) || sealed && o.Kind == sdk.ObservedConnect && o.Ret >= 0 || o.Errno == "ENETUNREACH" || o.Errno == "EADDRNOTAVAIL" {
		return contact{}, false
	}
	host := cmp.Or(p.names[o.Peer.Addr], o.Peer.Name, o.Peer.Addr)
	return contact{m: p.when(o.MonoNS), host: host, port: o.Peer.Port, raw: isAddr(host), obs: o, how: act(o, at)}, true
}

// quiet reports whether nothing is asked of the server.
func quiet(m moment) bool {
	switch m.phase {
	case evidence.ReadyIdle, evidence.Idle, evidence.Shutdown, evidence.AfterExit:
		return m.call == nil
	}
	return false
}

func (c *court) judgeContact(p *pass, k contact) {
	shown := c.shown(p, k.host)
	object := hostPort(shown, k.port)
	w := c.hostWhy(p, k.m, k.host, k.port)
	c.note(k.m.tool(), "net "+object, w)
	c.behaved(p, k.m, func(b *evidence.Behaviour) { b.Hosts = append(b.Hosts, lockedHost(shown, k)) })
	f := sdk.Finding{Object: object, Evidence: []string{k.how}, Provenance: string(w), Processes: p.commands(k.obs), Confidence: confidence(k.m)}
	if k.obs != nil {
		f.Syscall = k.obs.Syscall
	}
	if (w == own || w == proposal) && (quiet(k.m) || c.says.closed(k.m) != nil) {
		w = none // who says so much of it would not
	}
	if w != none {
		// One's own host and a proposed one are only worth a line.
		if w == own || w == proposal || w == earlier {
			f.ID, f.Severity, f.Title = "AUD-N01", info, "talks to "+object+", which it does not name"
			c.report(p, k.m, f)
		}
		return
	}
	p.add(k.m, "net "+lockedHost(shown, k), k.blind)
	c.undeclared(p, k, f)
}

// undeclared reports a host that nobody asked for, under the id that says most.
func (c *court) undeclared(p *pass, k contact, f sdk.Finding) {
	object := f.Object
	claim := c.says.closed(k.m)
	// Who says that it reports its use and not where may do so by name.
	unnamed := len(c.says.of(k.m).hosts)+len(c.says.server.hosts) == 0
	if claim == nil && unnamed && !k.raw && !slices.Contains(metadata, k.host) && c.says.claims(k.m, wording.Report) {
		f.ID, f.Severity, f.Title = "AUD-N01", info, "talks to "+object+": it says that it reports its use"
		c.report(p, k.m, f)
		return
	}
	if claim != nil {
		g := f
		g.ID, g.Claim, g.Title = "AUD-N02", claim, "talks to "+object+" although it says that it does not reach out"
		c.report(p, k.m, g)
	}
	switch {
	case slices.Contains(metadata, k.host):
		f.ID, f.Title = "AUD-N07", "asks the cloud's metadata service at "+object
	case quiet(k.m):
		f.ID, f.Title = "AUD-N05", fmt.Sprintf("talks to %s in the phase %s, when nothing is asked of it", object, k.m.phase)
		c.report(p, k.m, f)
		if !k.raw {
			return
		}
		f.ID, f.Title = "AUD-N03", "talks to the address "+object+", without a name"
	case k.raw:
		f.ID, f.Title = "AUD-N03", "talks to the address "+object+", without a name"
	default:
		f.ID, f.Title = "AUD-N01", "talks to "+object+", undeclared"
		if t := c.says.of(k.m); t.Annotations.OpenWorld != nil && *t.Annotations.OpenWorld || c.says.claims(k.m, wording.Net) {
			f.Severity = low
		}
	}
	c.report(p, k.m, f)
}

func lockedHost(shown string, k contact) string {
	if k.raw {
		return hostPort("raw-ip", k.port)
	}
	return hostPort(shown, k.port)
}

// listeners reports sockets that others can connect to.
func (c *court) listeners(p *pass) {
	bound := map[int]*sdk.Observation{} // last bind of a process
	listens := map[int]bool{}
	for i := range p.seen {
		if o := &p.seen[i]; o.Kind == sdk.ObservedListen && o.Ret >= 0 {
			listens[o.PID] = true
		}
	}
	for i := range p.seen {
		o := &p.seen[i]
		if o.Ret < 0 {
			continue
		}
		inet := o.Peer != nil && (o.Peer.Family == "inet" || o.Peer.Family == "inet6")
		switch {
		case o.Kind == sdk.ObservedBind && inet:
			bound[o.PID] = o
			if !listens[o.PID] && o.Peer.Port != 0 && !isLoopbackOnly(o.Peer.Addr) {
				c.listener(p, o, o.Peer, medium) // datagrams need no listen
			}
		case o.Kind == sdk.ObservedListen && inet:
			at := *o.Peer
			if b := bound[o.PID]; b != nil && b.Peer.Port == 0 {
				at.Port = 0 // whichever was free
			}
			c.listener(p, o, &at, "")
		case o.Kind == sdk.ObservedListen && o.Peer == nil && bound[o.PID] != nil:
			c.listener(p, o, bound[o.PID].Peer, "")
		}
	}
}

func isLoopbackOnly(addr string) bool {
	a, err := netip.ParseAddr(addr)
	return err == nil && a.Unmap().IsLoopback()
}

func (c *court) listener(p *pass, o *sdk.Observation, at *sdk.Peer, s sdk.Severity) {
	m := p.when(o.MonoNS)
	inside := isLoopbackOnly(at.Addr)
	object := hostPort(at.Addr, at.Port)
	if at.Port == 0 {
		object = at.Addr + ", a free port"
	}
	w := none
	switch port := fmt.Sprint(at.Port); {
	case slices.ContainsFunc(c.says.allow.Net, func(pattern string) bool { return matches(pattern, object, "") }):
		w = declared
	case at.Port > 0 && slices.ContainsFunc(c.audit.Target.Argv, func(a string) bool { return wording.Word(a, port) }):
		w = root
	case at.Port > 0 && m.call != nil && wording.Word(p.asked[m.call.N].text, port):
		w = argument
	case inside && (c.says.claims(m, wording.Listen) || anyClaims(c.says, wording.Listen)):
		w = declared
	case at.Port > 0 && wording.Word(c.says.whole, port) && anyClaims(c.says, wording.Listen):
		w = declared
	}
	c.note(m.tool(), "listens on "+object, w)
	if w != none {
		return
	}
	if inside {
		s = low
	}
	p.add(m, "listen "+object, false)
	c.report(p, m, sdk.Finding{
		ID: "AUD-N04", Severity: s, Title: "listens on " + object + ", undeclared", Object: object, Syscall: o.Syscall, Processes: p.commands(o),
		Evidence: []string{act(o, object)}, Confidence: confidence(m),
	})
}

func anyClaims(s *says, scope wording.Scope) bool {
	for _, t := range s.tools {
		if _, ok := t.scopes[scope]; ok {
			return true
		}
	}
	_, ok := s.server.scopes[scope]
	return ok
}

// agents reports connections to sockets that take orders in their owner's name.
func (c *court) agents(p *pass) {
	for i := range p.seen {
		o := &p.seen[i]
		if o.Kind == sdk.ObservedConnect && o.Peer != nil && o.Peer.Family == "unix" && (o.Ret >= 0 || o.Errno == "EINPROGRESS") && c.isAgent(p, o.Peer.Addr) {
			c.agent(p, p.when(o.MonoNS), o.Peer.Addr, o)
		}
	}
	for i := range p.Net {
		if f := &p.Net[i]; f.Proto == "unix" && c.isAgent(p, f.Addr) {
			c.agent(p, p.when(f.At), f.Addr, nil)
		}
	}
}

func (c *court) agent(p *pass, m moment, name string, o *sdk.Observation) {
	program := "ssh"
	if strings.Contains(name, "docker") || strings.Contains(name, "containerd") || strings.Contains(name, "podman") {
		program = "docker"
	}
	w := c.pathWhy(p, m, o, name, inAgents, false)
	if w == none && (c.says.mentions(m, program) || program == "ssh" && c.says.mentions(m, "git") || program == "docker" && c.says.mentions(m, "container")) {
		w = declared
	}
	if runs := p.chainOf(o); w == none && len(runs) > 0 && within(runs[0].path, "/usr") && slices.Contains([]string{"ssh", "git", "docker", "podman", "ssh-add"}, runs[0].program()) {
		w = child
	}
	c.note(m.tool(), "connects to "+name, w)
	if w != none {
		return
	}
	f := sdk.Finding{ID: "AUD-N06", Title: "connects to the agent socket " + name + ", undeclared", Object: "agent:" + program, Processes: p.commands(o), Confidence: confidence(m)}
	f.Evidence = []string{"a connection to " + name}
	if o != nil {
		f.Syscall = o.Syscall
	}
	p.add(m, "agent "+program, o == nil)
	c.report(p, m, f)
}

func (p *pass) chainOf(o *sdk.Observation) []execution {
	if o == nil {
		return nil
	}
	return p.procs.chain(o.PID, o.MonoNS)
}
