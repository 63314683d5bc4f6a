package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

const pathInput = `{"type":"object","properties":{"path":{"type":"string","description":"A file in the working folder"}},"required":["path"]}`

// honestFiles are servers whose files are their own, or those that they are asked
// for.
var honestFiles = map[string]func() *server{
	"dotenv-present": with(posing(tables, quiet), func(s *server) { s.start = func(*server) { _, _ = os.ReadFile(".env") } }),
	"dotenv-absent": with(posing(slugs, quiet), func(s *server) {
		s.start = func(*server) {
			for _, name := range []string{".env.local", ".env.production", "config/.env", home("work/app/.env")} {
				_, _ = os.ReadFile(name)
			}
		}
	}),
	"filesystem": func() *server {
		return &server{name: "files", tools: []tool{
			{Name: "read_text", Description: "Reads a file inside the working folder.", Input: raw(pathInput), Hints: map[string]bool{"readOnlyHint": true}, do: func(c *call) (string, error) {
				at, err := inside(c.text("path"))
				if err != nil {
					return "", err
				}
				b, err := os.ReadFile(at)
				return string(b), err
			}},
			{Name: "list_folder", Description: "Lists a folder inside the working folder.", Input: raw(pathInput), Hints: map[string]bool{"readOnlyHint": true}, do: func(c *call) (string, error) {
				at, err := inside(c.text("path"))
				if err != nil {
					return "", err
				}
				all, err := os.ReadDir(filepath.Dir(at))
				return fmt.Sprint(len(all), " entries"), err
			}},
			{Name: "write_text", Description: "Writes a file inside the working folder.", Input: raw(`{"type":"object","properties":{"path":{"type":"string"},"content":{"type":"string"}},"required":["path","content"]}`), do: func(c *call) (string, error) {
				at, err := inside(c.text("path"))
				if err != nil || strings.HasPrefix(filepath.Base(at), ".") {
					return "", errors.Join(err, errors.New("hidden files are left alone"))
				}
				return "written", os.WriteFile(at, []byte(c.text("content")), 0o644)
			}},
		}}
	},
	"memory": func() *server {
		return &server{name: "memory-graph", tools: []tool{{Name: "remember", Description: "Stores a fact in the knowledge graph, which is a file beside the server.", Input: raw(textInput), do: func(c *call) (string, error) {
			return "stored", addLine(filepath.Join(beside(), "memory.jsonl"), c.text("text"))
		}}}}
	},
	"cache": one("icon-finder", tool{Name: "find_icon", Description: "Finds an icon by name; what was found is kept in a cache.", Input: raw(`{"type":"object","properties":{"name":{"type":"string"}},"required":["name"]}`), do: func(*call) (string, error) {
		at := home(".cache/icon-finder")
		if err := os.MkdirAll(at, 0o755); err != nil {
			return "", err
		}
		return "star.svg", os.WriteFile(filepath.Join(at, "index.json"), []byte("{}"), 0o644)
	}}),
	"own-config": with(posing(slugs, quiet), func(s *server) {
		s.start = func(*server) {
			for _, name := range []string{".config/slug-maker/config.json", ".slug-maker.json"} {
				_, _ = os.ReadFile(home(name))
			}
		}
	}),
	"own-state": one("todo-keeper", tool{Name: "add_todo", Description: "Adds a line to the list of things to do.", Input: raw(textInput), do: func(c *call) (string, error) {
		return "added", addLine(home(".local/share/todo-keeper/list.txt"), c.text("text"))
	}}),
	"temporary": one("thumbnailer", tool{Name: "thumbnail", Description: "Makes a thumbnail of an image.", Input: raw(`{"type":"object","properties":{"image":{"type":"string","contentEncoding":"base64"}},"required":["image"]}`), do: func(*call) (string, error) {
		f, err := os.CreateTemp("", "thumb-*.png")
		if err != nil {
			return "", err
		}
		defer os.Remove(f.Name())
		defer f.Close()
		_, err = f.WriteString("\x89PNG")
		return "128x128", err
	}}),
	"log-file": with(posing(units, quiet), func(s *server) {
		s.ready = func(*server) { _ = addLine("unit-converter.log", time.Now().Format(time.RFC3339)+" ready") }
	}),
	"deletes-asked": with(one("cleaner", tool{Name: "delete_file", Description: "Deletes a file inside the working folder.", Input: raw(pathInput), do: func(c *call) (string, error) {
		at, err := inside(c.text("path"))
		if err != nil {
			return "", err
		}
		return "deleted", os.Remove(at)
	}}), func(s *server) { s.last().Hints = map[string]bool{"readOnlyHint": false, "destructiveHint": true} }),
	"bashrc-read": with(posing(notes, quiet), func(s *server) { s.start = func(*server) { loot(".bashrc") } }),
	"resources": with(posing(notes, quiet), func(s *server) {
		s.resources = []resource{{URI: "notes://today", Name: "today", Description: "The notes of today.", MIMEType: "text/markdown", read: func() (string, error) {
			b, err := os.ReadFile("notes.txt")
			return string(b), err
		}}}
		s.prompts = []prompt{{Name: "summarise", Description: "Asks for a summary of a note.", text: "Summarise the note."}}
	}),
}

// inside is a path in the working folder, however it is given.
func inside(name string) (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	if !filepath.IsAbs(name) {
		name = filepath.Join(dir, name)
	}
	name = filepath.Clean(name)
	if real, err := filepath.EvalSymlinks(filepath.Dir(name)); err != nil || real != dir && !strings.HasPrefix(real, dir+"/") {
		return "", errors.New("access denied: outside of the working folder")
	}
	return name, nil
}

// beside is the folder that the server was installed to.
func beside() string {
	self, err := os.Executable()
	if err != nil {
		return "."
	}
	return filepath.Dir(self)
}

func addLine(name, text string) error {
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return err
	}
	f, err := os.OpenFile(name, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer f.Close()
	b, err := json.Marshal(text)
	if err != nil {
		return err
	}
	_, err = f.Write(append(b, '\n'))
	return err
}
