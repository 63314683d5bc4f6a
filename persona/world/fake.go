package world

import (
	"strconv"
	"strings"
)

// Fake returns value n of a kind from the world of a seed, for placeholders that
// a host fills in. Kinds are org_name, org_slug, org_domain, person_name, login,
// email, hostname, repo, uuid, ip, reason_name and reason_text; another kind is reported as false. It
// builds the world anew: who needs many values keeps a [World] and calls
// [World.Fake].
func Fake(seed uint64, kind string, n uint32) (string, bool) { return New(seed).Fake(kind, n) }

// Fake is the package's Fake for this world.
func (w *World) Fake(kind string, n uint32) (string, bool) {
	i := int(n % 1_000_000_000)
	p := w.Staff[i%len(w.Staff)]
	switch kind {
	case "org_name":
		return w.otherOrg(i, w.Org.Name), true
	case "org_slug":
		return slug(w.otherOrg(i, w.Org.Slug), 40), true
	case "org_domain":
		if i == 0 {
			return w.Org.Domain, true
		}
		return slug(w.otherOrg(i, ""), 40) + ".com", true
	case "person_name":
		return p.Name, true
	case "login":
		return p.Login, true
	case "email":
		return p.Email, true
	case "hostname":
		s := w.Services[i%len(w.Services)]
		return s.Hosts[i/len(w.Services)%len(s.Hosts)], true
	case "repo":
		return w.Repos[i%len(w.Repos)].Name, true
	case "uuid":
		r := w.sub("fake uuid").at(i)
		return r.uuid(), true
	case "ip":
		return w.Address("fake", i), true
	case "reason_name":
		return w.ReasonName(), true
	case "reason_text":
		r := w.sub("reason text").at(0)
		return r.pick(reasonTexts), true
	}
	return "", false
}

// otherOrg is a customer, or the company itself for 0.
func (w *World) otherOrg(i int, own string) string {
	if i == 0 {
		return own
	}
	return w.Accounts[(i-1)%len(w.Accounts)].Name
}

// Address is a private address, stable for a name and number.
func (w *World) Address(name string, i int) string {
	net := w.sub("network").at(0)
	r := w.d.sub("address " + name).at(i)
	return strings.Join([]string{"10", strconv.Itoa(net.between(4, 250)), strconv.Itoa(r.between(0, 63)), strconv.Itoa(r.between(5, 250))}, ".")
}
