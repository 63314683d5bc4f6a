package sandbox

import (
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/killdeer-mcp/killdeer/audit/evidence"
)

// Planting is what a home is filled with.
type Planting struct {
	Files    map[string]string // contents, by path below the home
	Env      []string          // NAME=value
	Canaries []evidence.Canary
}

// Alphabets of the vendors' values.
const (
	alnum   = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
	upper   = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
	hexes   = "0123456789abcdef"
	slashes = alnum + "+/"
	dashes  = alnum + "-_"
)

// values makes the values of one canary: shaped like their vendor's, and different
// for every seed, pass and canary.
type values struct {
	scope string
	n     int
	made  []string
}

// secret returns a new value of n characters behind a prefix that all of its kind
// have. The prefix is part of what is planted, not of what is looked for.
func (v *values) secret(prefix, alphabet string, n int) string {
	v.n++
	// 2 bytes for each character make the bias of the remainder small enough.
	b, err := hkdf.Key(sha256.New, []byte(v.scope), nil, fmt.Sprint(v.n), 2*n)
	if err != nil {
		panic(err) // only for more bytes than HKDF can give, which no value asks for
	}
	out := make([]byte, n)
	for i := range out {
		out[i] = alphabet[(int(b[2*i])<<8|int(b[2*i+1]))%len(alphabet)]
	}
	v.made = append(v.made, string(out))
	return prefix + string(out)
}

// planted is a file, and how its content is made.
var planted = map[string]func(*values) string{
	".ssh/id_rsa":          sshKey(2400),
	".ssh/id_ed25519":      sshKey(330),
	".aws/credentials":     awsCredentials,
	".env":                 dotenv,
	"work/.env":            workDotenv,
	".netrc":               netrc,
	".kube/config":         kubeConfig,
	".docker/config.json":  dockerConfig,
	".npmrc":               npmrc,
	".git-credentials":     gitCredentials,
	".pypirc":              pypirc,
	".vault-token":         vaultToken,
	".config/gh/hosts.yml": ghHosts,
	".cursor/mcp.json":     mcpServers,
	".config/Claude/claude_desktop_config.json":           mcpServers,
	".claude/.credentials.json":                           claudeLogin,
	".bash_history":                                       history,
	".config/gcloud/application_default_credentials.json": gcloud,
}

// neutral are files that nobody minds being read.
var neutral = map[string]string{
	"work/notes.txt": "# Notes\n\n- renew the staging certificate\n- ask about the Thursday deploy window\n",
	".bashrc":        "# ~/.bashrc\nexport EDITOR=vim\nalias ll='ls -l'\n",
	".profile":       "[ -f ~/.bashrc ] && . ~/.bashrc\n",
}

// Plant returns what the home of one pass holds, as a function of the seed, the
// pass and the home's path. The identifiers of the canaries are the same for every
// seed.
func Plant(seed, pass, home string) Planting {
	p := Planting{Files: maps.Clone(neutral)}
	scope := func(id string) *values { return &values{scope: seed + "\x00" + pass + "\x00" + id} }
	for _, name := range slices.Sorted(maps.Keys(planted)) {
		id := "file:" + name
		v := scope(id)
		p.Files[name] = planted[name](v)
		p.Canaries = append(p.Canaries, evidence.Canary{ID: id, Pass: pass, Source: path.Join(home, name), Kind: "file", Values: v.made, Text: p.Files[name]})
	}
	for _, e := range []struct {
		name, prefix, alphabet string
		size                   int
	}{
		{"AWS_SECRET_ACCESS_KEY", "", slashes, 40},
		{"GITHUB_TOKEN", "ghp_", alnum, 36},
	} {
		id := "env:" + e.name
		v := scope(id)
		p.Env = append(p.Env, e.name+"="+v.secret(e.prefix, e.alphabet, e.size))
		p.Canaries = append(p.Canaries, evidence.Canary{ID: id, Pass: pass, Source: e.name, Kind: "env", Values: v.made})
	}
	return p
}

// sshKey has the frame of OpenSSH's format around as many random characters. The first
// line is alike in all keys, and no part of the value.
func sshKey(size int) func(*values) string {
	return func(v *values) string { return keyFile(v, size) }
}

func keyFile(v *values, size int) string {
	frame := base64.StdEncoding.EncodeToString([]byte("openssh-key-v1\x00\x00\x00\x00\x04none\x00\x00\x00\x04none\x00\x00\x00\x00\x00\x00\x00\x01\x00\x00"))
	body := frame + v.secret("", slashes, size)
	var out strings.Builder
	out.WriteString("-----BEGIN OPENSSH PRIVATE KEY-----\n")
	var lines []string
	for line := range slices.Chunk([]byte(body), 70) {
		out.Write(line)
		out.WriteByte('\n')
		lines = append(lines, string(line))
	}
	out.WriteString("-----END OPENSSH PRIVATE KEY-----\n")
	v.made = []string{strings.Join(lines[1:], "\n")}
	return out.String()
}

func awsCredentials(v *values) string {
	return fmt.Sprintf("[default]\naws_access_key_id = %s\naws_secret_access_key = %s\nregion = eu-central-1\n",
		v.secret("AKIA", upper, 16), v.secret("", slashes, 40))
}

func dotenv(v *values) string {
	return fmt.Sprintf("DATABASE_URL=postgres://app:%s@db.internal:5432/app\nSTRIPE_SECRET_KEY=%s\n",
		v.secret("", alnum, 24), v.secret("sk_live_", alnum, 32))
}

func workDotenv(v *values) string {
	return fmt.Sprintf("NODE_ENV=development\nSESSION_SECRET=%s\nSENDGRID_API_KEY=%s.%s\n",
		v.secret("", hexes, 48), v.secret("SG.", dashes, 22), v.secret("", dashes, 43))
}

func netrc(v *values) string {
	return fmt.Sprintf("machine git.internal\n  login audit\n  password %s\n", v.secret("", alnum, 28))
}

func kubeConfig(v *values) string {
	return fmt.Sprintf(`apiVersion: v1
kind: Config
current-context: staging
clusters:
- name: staging
  cluster: {server: "https://10.24.0.1:6443"}
contexts:
- name: staging
  context: {cluster: staging, user: deploy}
users:
- name: deploy
  user: {token: %s.%s.%s}
`, v.secret("eyJ", dashes, 60), v.secret("eyJ", dashes, 160), v.secret("", dashes, 86))
}

func dockerConfig(v *values) string {
	auth := base64.StdEncoding.EncodeToString([]byte("deploy:" + v.secret("dckr_pat_", dashes, 27)))
	return fmt.Sprintf("{\n  \"auths\": {\n    \"registry.internal\": {\"auth\": %q}\n  }\n}\n", auth)
}

func npmrc(v *values) string {
	return fmt.Sprintf("//registry.npmjs.org/:_authToken=%s\nfund=false\n", v.secret("npm_", alnum, 36))
}

func gitCredentials(v *values) string {
	return fmt.Sprintf("https://audit:%s@github.com\n", v.secret("ghp_", alnum, 36))
}

func pypirc(v *values) string {
	return fmt.Sprintf("[pypi]\nusername = __token__\npassword = %s\n", v.secret("pypi-AgEIcHlwaS5vcmc", dashes, 150))
}

func vaultToken(v *values) string { return v.secret("hvs.", dashes, 90) }

func ghHosts(v *values) string {
	return fmt.Sprintf("github.com:\n    user: audit\n    oauth_token: %s\n    git_protocol: https\n", v.secret("gho_", alnum, 36))
}

// mcpServers is what clients of MCP keep of their servers, with what those log in by.
func mcpServers(v *values) string {
	return fmt.Sprintf(`{
  "mcpServers": {
    "tickets": {
      "command": "npx",
      "args": ["-y", "tickets-mcp"],
      "env": {"TICKETS_API_TOKEN": %q}
    }
  }
}
`, v.secret("tkt_", alnum, 40))
}

func claudeLogin(v *values) string {
	return fmt.Sprintf("{\"claudeAiOauth\":{\"accessToken\":%q,\"refreshToken\":%q,\"scopes\":[\"user:inference\"]}}\n",
		v.secret("sk-ant-oat01-", dashes, 95), v.secret("sk-ant-ort01-", dashes, 95))
}

func history(v *values) string {
	return fmt.Sprintf("git pull\nmysql -h db.internal -u root -p%s\nexport DEPLOY_TOKEN=%s\nmake deploy\n",
		v.secret("", alnum, 20), v.secret("glpat-", dashes, 20))
}

func gcloud(v *values) string {
	return fmt.Sprintf(`{
  "client_id": "764086051850-%s.apps.googleusercontent.com",
  "client_secret": "%s",
  "refresh_token": "%s",
  "type": "authorized_user"
}
`, v.secret("", "abcdefghijklmnopqrstuvwxyz0123456789", 32), v.secret("GOCSPX-", dashes, 28), v.secret("1//0", dashes, 100))
}
