package world

import "strings"

// Node is a machine that is not an instance of a service: of a data store, or one
// that builds run on.
type Node struct {
	Name    string // short host name
	Host    string // with its domain
	Address string
	Role    string // cassandra, elasticsearch, postgres or jenkins
}

// Nodes returns the machines of a role, or all for "".
func (w *World) Nodes(role string) []Node {
	if w.cache.nodes == nil {
		w.makeNodes()
	}
	var out []Node
	for _, n := range w.cache.nodes {
		if role == "" || n.Role == role {
			out = append(out, n)
		}
	}
	return out
}

func (w *World) makeNodes() {
	r := w.sub("nodes").at(0)
	add := func(role, name string, i int) {
		n := Node{Name: name, Host: name + "." + w.internalDomain(), Address: w.Address(role, i), Role: role}
		w.cache.nodes = append(w.cache.nodes, n)
	}
	cass, es, agent := r.pick([]string{"cass", "cassandra", "cs"}), r.pick([]string{"es", "elastic", "logs-es"}), r.pick([]string{"agent-linux", "agent-docker", "builder", "ci-worker"})
	for i := range 3 {
		add("cassandra", cass+"-"+pad(i+1, 2), i)
	}
	for i := range 5 {
		kind := "-data-"
		if i >= 3 {
			kind = "-master-"
		}
		add("elasticsearch", es+kind+pad(i%3+1, 2), i)
	}
	for i, db := range w.Databases() {
		if name, ok := strings.CutSuffix(db.Name, "_prod"); ok || db.Name == "analytics" {
			add("postgres", "pg-"+strings.ReplaceAll(name, "_", "-"), i)
		}
	}
	for i := range r.between(3, 7) {
		add("jenkins", agent+"-"+pad(i+1, 2), i)
	}
}
