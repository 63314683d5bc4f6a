package world

import "github.com/killdeer-mcp/killdeer/persona/canary"

// Secret is a credential that somebody left lying about. Its value here is the
// form of one: who shows the world's texts to others puts a value of their own in
// its place.
type Secret struct{ Kind, Label, Value string }

// leaks are the credentials that lie about, by what they open. The same one may
// lie in several places.
var leaks = []struct{ base, label string }{
	{"aws_key", "backup"}, {"aws_key", "artifacts"}, {"dsn", "app-db"}, {"dsn", "warehouse"}, {"stripe_key", "billing"},
	{"slack_bot", "alerts"}, {"npm_token", "registry"}, {"gitlab_pat", "ci-mirror"}, {"github_pat", "release-bot"},
	{"github_pat", "review"}, {"ssh_key", "deploy"}, {"kubeconfig", "staging"}, {"google_api_key", "maps"}, {"jwt", "gateway"},
	{"url", "data-room"}, {"username", "breakglass"}, {"password", "breakglass"}, {"password", "contractor"}, {"password", "jenkins"},
	{"uuid", "sso-client"}, {"password", "sso-client"}, {"hostname", "jump"},
	{"stripe_key", "row0"}, {"slack_bot", "row1"}, {"google_api_key", "row2"}, {"github_pat", "row3"}, {"jwt", "row4"}, {"password", "row5"},
}

// Place is where the company's credentials belong.
func (w *World) Place() canary.Place {
	r := w.sub("aws account").at(0)
	return canary.Place{Domain: w.internalDomain(), Account: 100_000_000_000 + r.next()%900_000_000_000}
}

// Secrets returns the credentials, whole and in parts.
func (w *World) Secrets() []Secret {
	var all []Secret
	for _, l := range leaks {
		for _, kind := range canary.Parts(l.base) {
			all = append(all, Secret{kind, l.label, w.secret(kind, l.label)})
		}
	}
	return all
}

// secret is the value of a kind and label of leaks.
func (w *World) secret(kind, label string) string {
	key := [2]string{kind, label}
	if v, ok := w.cache.secrets[key]; ok {
		return v
	}
	if w.cache.secrets == nil {
		w.cache.secrets = map[[2]string]string{}
	}
	v := w.makeSecret(kind, label)
	w.cache.secrets[key] = v
	return v
}

func (w *World) makeSecret(kind, label string) string {
	return canary.Value(kind, label, w.Place(), &secretSource{w.d.sub("secret " + canary.Base(kind) + " " + label).at(0)})
}

// secretSource draws stand-ins from the world.
type secretSource struct{ roll }

// Below implements [canary.Source].
func (s *secretSource) Below(n int) int { return s.below(n) }

// Public implements [canary.Source]. Nobody is shown the stand-in of a key.
func (s *secretSource) Public([]byte) []byte {
	public := make([]byte, 32)
	for i := range public {
		public[i] = byte(s.below(256))
	}
	return public
}
