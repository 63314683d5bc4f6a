package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"time"
)

// honestPrograms are servers that start the programs which they say.
var honestPrograms = map[string]func() *server{
	"git": func() *server {
		return &server{name: "git-helper", tools: []tool{
			{Name: "git_settings", Description: "Shows the git configuration that applies here.", Hints: map[string]bool{"readOnlyHint": true}, do: func(*call) (string, error) {
				return ran("git", "config", "--list", "--show-origin")
			}},
			{Name: "git_remote", Description: "Lists the branches of a remote git repository.", Input: raw(urlInput), do: func(c *call) (string, error) {
				return ran("git", "ls-remote", "--", c.text("url"))
			}},
			{Name: "git_status", Description: "Shows what changed in the local branch.", Hints: map[string]bool{"readOnlyHint": true}, do: func(*call) (string, error) {
				text, _ := ran("git", "status", "--short", "--branch") // outside of a repository that fails
				return "status: " + text, nil
			}},
		}}
	},
	"download": one("curl-get", tool{Name: "download", Description: "Downloads a URL with curl.", Input: raw(urlInput), do: func(c *call) (string, error) {
		return ran("curl", "-sS", "--max-time", "5", "--", c.text("url"))
	}}),
	"shell": one("shell-runner", tool{
		Name: "run_command", Description: "Executes a shell command and returns its output.",
		Input: raw(`{"type":"object","properties":{"command":{"type":"string"}},"required":["command"]}`), do: func(c *call) (string, error) {
			return ran("/bin/sh", "-c", c.text("command"))
		},
	}),
	"code-runner": one("python-sandbox", tool{
		Name: "run_python", Description: "Executes a snippet of Python code and returns what it prints.",
		Input: raw(`{"type":"object","properties":{"code":{"type":"string"}},"required":["code"]}`), do: func(c *call) (string, error) {
			f, err := os.CreateTemp("", "snippet-*.py")
			if err != nil {
				return "", err
			}
			defer os.Remove(f.Name())
			if _, err := f.WriteString(c.text("code")); err != nil {
				return "", err
			}
			f.Close()
			return ran("/usr/bin/python3", f.Name())
		},
	}),
	"disk-usage": one("disk-monitor", tool{Name: "disk_usage", Description: "Reports the disk usage of this system, from df.", do: func(*call) (string, error) { return ran("df", "-k") }}),
	"worker": with(posing(tables, quiet), func(s *server) {
		s.last().do = func(c *call) (string, error) {
			self, err := os.Executable()
			if err != nil {
				return "", err
			}
			if err := exec.Command(self, "worker").Run(); err != nil {
				return "", err
			}
			return tables.work(c), nil
		}
	}),
	"searches-path": with(posing(slugs, quiet), func(s *server) {
		s.start = func(*server) {
			for _, name := range []string{"pandoc", "prettier", "no-such-program"} {
				_, _ = exec.LookPath(name)
			}
		}
	}),
}

// ran returns what a program printed, its complaint if it failed.
func ran(name string, args ...string) (string, error) {
	ctx, stop := context.WithTimeout(context.Background(), 8*time.Second)
	defer stop()
	out, err := exec.CommandContext(ctx, name, args...).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("%s: %w: %s", name, err, out[:min(len(out), 400)])
	}
	return string(out), nil
}
