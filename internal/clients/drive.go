package clients

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
)

// peer is a session of a client that is driven from here.
type peer interface {
	tools(ctx context.Context) ([]listedTool, error)
	call(ctx context.Context, name string, args any) (toolResult, error)
}

// looker is a peer that can list what a server has besides tools. What the server
// refuses is no error of the session.
type looker interface {
	look(ctx context.Context)
}

// listedTool is what is needed of a tool.
type listedTool struct {
	Name        string `json:"name"`
	InputSchema any    `json:"inputSchema"`
}

// toolResult is what is needed of the result of a call.
type toolResult struct {
	IsError bool    `json:"isError"`
	Content []block `json:"content"`
}

// block is a part of a result, of any type.
type block struct {
	Type     string `json:"type"`
	Text     string `json:"text"`
	Data     string `json:"data"`
	Resource struct {
		Text string `json:"text"`
		Blob string `json:"blob"`
	} `json:"resource"`
}

// drive does what drive.mjs and py.py do.
func drive(ctx context.Context, p peer, reach Reach, t target, report *Report) error {
	tools, err := p.tools(ctx)
	if err != nil {
		return fmt.Errorf("list tools: %w", err)
	}
	for _, tool := range tools {
		report.Tools = append(report.Tools, tool.Name)
	}
	for _, tool := range chosen(tools, reach, t) {
		args := t.args[tool.Name]
		if args == nil {
			args = synth(tool.InputSchema)
		}
		result, err := p.call(ctx, tool.Name, args)
		if err != nil {
			report.Errors = append(report.Errors, fmt.Sprintf("call %s: %v", tool.Name, err))
			continue
		}
		report.Calls = append(report.Calls, result.measure(tool.Name, args))
	}
	if l, ok := p.(looker); ok && t.few {
		l.look(ctx)
	}
	return nil
}

// chosen are the tools to call.
func chosen(tools []listedTool, reach Reach, t target) []listedTool {
	named := slices.DeleteFunc(slices.Clone(tools), func(tool listedTool) bool {
		_, ok := t.args[tool.Name]
		return !ok
	})
	switch {
	case t.few:
		return named
	case reach == ReachAll || len(tools) == 0:
		return tools
	case len(named) > 0:
		return named[:1]
	}
	return tools[:1]
}

func (r toolResult) measure(name string, args any) Call {
	done := Call{Name: name, Args: args, IsError: r.IsError}
	for _, b := range r.Content {
		done.Bytes += len(b.Text) + len(b.Data) + len(b.Resource.Text) + len(b.Resource.Blob)
		done.ContentTypes = append(done.ContentTypes, b.Type)
	}
	return done
}

// recode turns what an SDK has into what is needed of it, by way of JSON.
func recode[T any](from any) (to T, err error) {
	data, err := json.Marshal(from)
	if err != nil {
		return to, fmt.Errorf("encode: %w", err)
	}
	if err := json.Unmarshal(data, &to); err != nil {
		return to, fmt.Errorf("decode: %w", err)
	}
	return to, nil
}
