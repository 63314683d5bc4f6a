package packaging_test

import (
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/killdeer-mcp/killdeer/packaging"
)

var update = flag.Bool("update", false, "rewrite agent.toml")

// installed is what differs in the configuration of an installed sensor.
var installed = strings.NewReplacer(
	"state_dir = \"state\"", "state_dir = \"/var/lib/killdeer\"",
	"cache_dir = \"\"", "cache_dir = \"/var/cache/killdeer\"",
	"listen = \"127.0.0.1:3110\"", "listen = \":3110\"",
	"Every key is here with its default, so\n# deleting a line changes nothing.", "Every key is here. Most have their\n# defaults; state_dir, cache_dir and decoy.listen are those of a service.",
	"# Where attackers connect. The default is reachable from this machine only;\n# \":3110\" listens on all interfaces.", "# Where attackers connect: on all interfaces. Without this line, \"127.0.0.1:3110\" is\n# reachable from this machine only.",
)

func TestAgentTOML(t *testing.T) {
	source, err := os.ReadFile("../agent.toml")
	if err != nil {
		t.Fatal(err)
	}
	want := installed.Replace(string(source))
	if *update {
		if err := os.WriteFile("agent.toml", []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if packaging.AgentTOML != want {
		t.Error("packaging/agent.toml does not follow agent.toml: go test ./packaging -update")
	}
	if n := strings.Count(want, "/var/lib/killdeer") + strings.Count(want, "\nlisten = \":3110\""); n != 2 {
		t.Errorf("%d of the settings of a service are in it", n)
	}
}

// An upgrade unpacks an unchanged configuration again, as root's alone.
func TestConfigurationIsTheServices(t *testing.T) {
	for _, instances := range []string{"1", "2"} {
		dir := t.TempDir()
		for _, tool := range []string{"systemd-sysusers", "chgrp", "systemctl"} {
			script := "#!/bin/sh\n" + `echo "${0##*/}" "$@" >>` + dir + "/log\n"
			if err := os.WriteFile(filepath.Join(dir, tool), []byte(script), 0o700); err != nil {
				t.Fatal(err)
			}
		}
		cmd := exec.CommandContext(t.Context(), "/bin/sh", "rpm/post", instances)
		cmd.Env = []string{"PATH=" + dir}
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		log, err := os.ReadFile(filepath.Join(dir, "log"))
		if err != nil || !strings.Contains(string(log), "chgrp killdeer /etc/killdeer/agent.toml\n") {
			t.Errorf("%s installed: the configuration's group stays: %q, %v", instances, log, err)
		}
	}
}

// The socket too has the port that the other service wants.
func TestUnitsExcludeEachOther(t *testing.T) {
	text, err := packaging.Systemd.ReadFile("systemd/killdeer.service")
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"\nConflicts=", "\nAfter="} {
		_, rest, _ := strings.Cut(string(text), key)
		line, _, _ := strings.Cut(rest, "\n")
		for _, unit := range []string{"killdeer-activated.service", "killdeer-activated.socket"} {
			if !slices.Contains(strings.Fields(line), unit) {
				t.Errorf("%s does not name %s: %q", key[1:], unit, line)
			}
		}
	}
}

// threshold is ten times the exposure that a unit may have, as systemd counts it.
var threshold = map[string]string{"killdeer.service": "14", "killdeer-activated.service": "11"}

func TestUnits(t *testing.T) {
	if _, err := exec.LookPath("systemd-analyze"); err != nil {
		if strings.Contains(os.Getenv("KILLDEER_REQUIRE"), "systemd") {
			t.Fatal(err)
		}
		t.Skip("systemd-analyze is not installed")
	}
	for unit, most := range threshold {
		t.Run(unit, func(t *testing.T) {
			out, err := exec.CommandContext(t.Context(), "systemd-analyze", "security", "--offline=true", "--no-pager", "--threshold="+most, "systemd/"+unit).CombinedOutput()
			if err != nil {
				t.Errorf("%v\n%s", err, out)
			}
			lines := strings.Split(strings.TrimSpace(string(out)), "\n")
			t.Log(lines[len(lines)-1])
			// What does not know a key says so and goes on.
			out, err = exec.CommandContext(t.Context(), "systemd-analyze", "verify", "--man=no", "--recursive-errors=no", "systemd/"+unit).CombinedOutput()
			for line := range strings.Lines(string(out)) {
				if strings.Contains(line, "killdeer") && !strings.Contains(line, "/usr/bin/killdeer is not executable") {
					t.Errorf("verify: %v: %s", err, line)
				}
			}
		})
	}
}
