package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/killdeer-mcp/killdeer/agent"
	"github.com/killdeer-mcp/killdeer/agent/config"
	"github.com/killdeer-mcp/killdeer/agent/journal"
	"github.com/killdeer-mcp/killdeer/agent/service"
)

// stopWithin bounds a stop: requests that are being answered, then the queue.
const stopWithin = 4500 * time.Millisecond

// reloadEndsWithin is how long a stop waits for a reload to end by itself.
const reloadEndsWithin = 200 * time.Millisecond

func (c *cli) runCommand() *cobra.Command {
	var stdio bool
	cmd := &cobra.Command{
		Use:   "run",
		Short: "Run the sensor",
		Long:  "Run the sensor until it is interrupted. It prints once where it listens, what it\nloaded and where events go.",
		Args:  noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			hup := hangups()
			file, err := c.find()
			if err != nil {
				return err
			}
			c.configFile = file // a reload takes this one or none
			cfg, err := c.load()
			if err != nil {
				return err
			}
			return runSensor(cmd, cfg, c.load, hup, stdio)
		},
	}
	cmd.Flags().BoolVar(&stdio, "stdio", false, "speak MCP on standard input and output instead of listening")
	return cmd
}

func runSensor(cmd *cobra.Command, cfg *config.Config, load func() (*config.Config, error), hup <-chan os.Signal, stdio bool) (err error) {
	// Whoever read our output may go away first, as tee does at Ctrl-C: that must
	// not end the sensor before its events are on disk.
	signal.Ignore(syscall.SIGPIPE)
	level := new(slog.LevelVar)
	_ = level.UnmarshalText([]byte(cfg.Sensor.LogLevel)) // it was checked
	log := service.NewLog(cmd.ErrOrStderr(), level)
	manager := service.NewNotifier(log)
	sockets, err := service.Sockets()
	if err != nil {
		return err
	}
	service.SpareProcessor()
	if limit := service.LimitMemory(); limit > 0 {
		log.Info("the heap keeps within the unit's memory", "bytes", limit)
	}
	self, err := os.Executable()
	if err != nil {
		return fmt.Errorf("find own program: %w", err)
	}
	sensor, err := agent.Start(cmd.Context(), agent.Options{
		Config: cfg, Log: log, Listen: !stdio, CompileCommand: []string{self, compileGuest}, Load: load, Version: version,
		Sockets: sockets, LogLevel: level,
	})
	if err != nil {
		return explain(err, cfg)
	}
	defer func() {
		manager.Stopping()
		ctx, cancel := context.WithTimeout(context.Background(), stopWithin)
		defer cancel()
		err = errors.Join(err, sensor.Stop(ctx))
	}()
	watching, stopWatching := context.WithCancel(context.WithoutCancel(cmd.Context()))
	var watch sync.WaitGroup
	watch.Go(func() { manager.Watch(watching, sensor.Alive) })
	defer func() { stopWatching(); watch.Wait() }()
	status, err := sensor.Ready(cmd.Context())
	if err != nil {
		if cmd.Context().Err() != nil {
			return nil
		}
		return explain(err, cfg)
	}
	out := cmd.OutOrStdout()
	if stdio {
		out = cmd.ErrOrStderr() // standard output belongs to the protocol
	}
	printStatus(out, status)
	manager.Ready("decoy with " + strings.Join(status.Personas, ", ") + ", " + cmp.Or(status.URL, "on standard input and output"))
	defer onHangup(hup, func() {
		manager.Reloading()
		sensor.Reopen()
		_, err := sensor.Reload() // says in the log what came of it
		if cmd.Context().Err() == nil {
			manager.Ready(afterReload(err))
		}
	})()
	if stdio {
		return sensor.ServeStdio(cmd.Context(), cmd.InOrStdin(), cmd.OutOrStdout())
	}
	return sensor.Wait(cmd.Context())
}

// afterReload is what the service manager shows after a reload.
func afterReload(err error) string {
	if err != nil {
		return "the last reload failed, everything stays as it was: " + err.Error()
	}
	return "reloaded"
}

// hangups catches SIGHUP for good: what it does by default would end a sensor that is
// about to start, or that writes what it recorded before it ends.
func hangups() <-chan os.Signal {
	hup := make(chan os.Signal, 1)
	signal.Notify(hup, syscall.SIGHUP)
	return hup
}

// onHangup calls f at each SIGHUP, until the function that it returns is called. That
// one waits a moment for f, which the end of the sensor ends.
func onHangup(hup <-chan os.Signal, f func()) (stop func()) {
	leave, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for {
			select {
			case <-leave:
				return
			case <-hup:
				f()
			}
		}
	}()
	return func() {
		close(leave)
		select {
		case <-done:
		case <-time.After(reloadEndsWithin):
		}
	}
}

func printStatus(w io.Writer, s *agent.Status) {
	where := "standard input and output"
	if s.URL != "" {
		where = s.URL + "  (SSE: " + s.SSE + ")"
	}
	rules := strings.Join(s.Packs, ", ")
	if rules == "" {
		rules = "none: events are recorded and not judged"
	}
	board := ""
	if s.Dashboard != "" {
		board = "dashboard " + s.Dashboard + "/\n"
	}
	var lacking strings.Builder
	for _, l := range s.Lacks {
		fmt.Fprintf(&lacking, "lacking   rule pack %s: %s\n          -> %s\n", l.Name, visible(l.Reason, 0), l.Remedy)
	}
	fmt.Fprintf(w, "decoy     %s\npersonas  %s  (%d tools, as %q)\nrules     %s\n%s%sevents    %s  (read them with \"killdeer events tail\")\n",
		where, strings.Join(s.Personas, ", "), s.Tools, s.ServerName, rules, lacking.String(), board, s.StateDir)
}

func newLog(w io.Writer, level string) *slog.Logger {
	var l slog.Level
	if err := l.UnmarshalText([]byte(level)); err != nil {
		l = slog.LevelInfo
	}
	return service.NewLog(w, l)
}

// explain adds what to do about the faults a start commonly meets.
func explain(err error, cfg *config.Config) error {
	op, network := errors.AsType[*net.OpError](err)
	key := "decoy.listen"
	if network && op.Addr != nil && op.Addr.String() == cfg.Dashboard.Listen {
		key = "dashboard.listen"
	}
	file := concerns(err, cfg.Sensor.StateDir)
	switch {
	case network && errors.Is(err, syscall.EADDRINUSE):
		return &hinted{err, "another program has the port: stop it, or change " + key}
	case network && errors.Is(err, syscall.EADDRNOTAVAIL):
		return &hinted{err, "no interface of this machine has the address: change " + key}
	case network && errors.Is(err, syscall.EACCES):
		return &hinted{err, "ports below 1024 are for privileged programs: change " + key + ", or grant CAP_NET_BIND_SERVICE"}
	case errors.Is(err, journal.ErrLocked):
		return &hinted{err, "stop the other sensor, or give this one its own sensor.state_dir"}
	case errors.Is(err, syscall.ENOSPC):
		return &hinted{err, "make room where " + cfg.Sensor.StateDir + " is, or change sensor.state_dir"}
	case file && errors.Is(err, syscall.EACCES):
		return &hinted{err, "run as the user who owns " + cfg.Sensor.StateDir + ", or change sensor.state_dir"}
	case file:
		return &hinted{err, "the sensor must be able to make and write " + cfg.Sensor.StateDir + ": change sensor.state_dir if it cannot"}
	}
	return err
}

// concerns reports whether err is about dir, a file in it or a folder above it.
func concerns(err error, dir string) bool {
	pe, ok := errors.AsType[*fs.PathError](err)
	return ok && (strings.HasPrefix(pe.Path, dir) || strings.HasPrefix(dir, pe.Path))
}

// compileGuest is the hidden verb of the child that compiles one guest.
const compileGuest = "compile-guest"

func (c *cli) compileCommand() *cobra.Command {
	return &cobra.Command{
		Use:    compileGuest + " CACHE",
		Hidden: true,
		Args:   cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return agent.CompileGuest(cmd.Context(), cmd.InOrStdin(), args[0])
		},
	}
}
