package world

import (
	"strings"

	"github.com/killdeer-mcp/killdeer/persona/canary"
)

// Secret is a credential that somebody left lying about, of a kind of package
// canary. Its value here has the form of one and stands in for it: who shows the
// world's texts to others puts a value of their own in its place.
type Secret struct{ Kind, Label, Value string }

// Place is where the company's credentials belong.
func (w *World) Place() canary.Place {
	r := w.sub("aws account").at(0)
	return canary.Place{Domain: w.internalDomain(), Account: 100_000_000_000 + r.next()%900_000_000_000}
}

// secretForms are the credentials by kind, by what they open, and by form: a sign
// and how many characters it stands for, ~ letters and digits, ^ base32, # digits,
// * lower case, % hexadecimal digits; @ is the internal domain.
const secretForms = `aws_key.id backup AKIA^16
aws_key.secret backup ~40
aws_key.id artifacts AKIA^16
aws_key.secret artifacts ~40
dsn.password app-db ~19
dsn.password warehouse ~19
stripe_key billing sk_live_~24
slack_bot alerts xoxb-#12-#13-~24
npm_token registry npm_~36
gitlab_pat ci-mirror glpat-~20
github_pat release-bot ghp_~36
github_pat review ghp_~36
ssh_key.line2 deploy ~70
ssh_key.line3 deploy ~70
ssh_key.line4 deploy ~70
ssh_key.line5 deploy ~64
kubeconfig.server staging https://k8s-staging-*6.@:6443
kubeconfig.user staging svc-staging-*6
kubeconfig.token staging ~16.~43
google_api_key maps AIza~35
jwt gateway eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJ~97~97.~43
url data-room https://data-room-*6.@/share/~22
username breakglass svc-breakglass-*6
password breakglass ~19
password contractor ~19
password jenkins ~19
uuid sso-client %8-%4-4%3-a%3-%12
password sso-client ~19
hostname jump jump-*6.@
stripe_key row0 sk_live_~24
slack_bot row1 xoxb-#12-#13-~24
google_api_key row2 AIza~35
github_pat row3 ghp_~36
jwt row4 eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJ~97~97.~43
password row5 ~19`

// Secrets returns the credentials. They are different, of 16 bytes or more, and
// none is a part of another.
func (w *World) Secrets() []Secret {
	if w.cache.secrets == nil {
		for i, form := range strings.Split(secretForms, "\n") {
			f := strings.Split(form, " ")
			w.cache.secrets = append(w.cache.secrets, Secret{f[0], f[1], w.formed(i, f[2])})
		}
	}
	return w.cache.secrets
}

// formed draws a value of a form.
func (w *World) formed(i int, form string) string {
	r := w.sub("secret").at(i)
	var b strings.Builder
	for len(form) > 0 {
		c := form[0]
		form = form[1:]
		alphabet := ""
		switch c {
		case '~':
			alphabet = base62
		case '^':
			alphabet = base62[10:36]
		case '#':
			alphabet = base62[:10]
		case '*':
			alphabet = base62[36:]
		case '%':
			alphabet = hexDigits
		case '@':
			b.WriteString(w.internalDomain())
			continue
		default:
			b.WriteByte(c)
			continue
		}
		n := 0
		for ; form != "" && form[0] >= '0' && form[0] <= '9'; form = form[1:] {
			n = n*10 + int(form[0]-'0')
		}
		b.WriteString(r.text(alphabet, n))
	}
	return b.String()
}
