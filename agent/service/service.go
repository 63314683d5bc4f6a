// Package service makes the sensor a service of systemd: it tells the service
// manager how the sensor is, takes the sockets that it was started with, writes log
// lines with their priority, keeps within the unit's memory, and installs the unit
// where there is no package.
//
// It knows nothing of the sensor but what it is handed, and does nothing where no
// service manager asks for it.
package service

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"time"

	"github.com/coreos/go-systemd/v22/activation"
	"github.com/coreos/go-systemd/v22/daemon"
)

// pulses is how often in the time of a watchdog the sensor is looked at.
const pulses = 6

// Notifier tells the service manager how the sensor is, by sd_notify(3). Its methods
// do nothing when nobody listens.
type Notifier struct {
	log  *slog.Logger
	send func(state string) (bool, error)
}

// NewNotifier returns a notifier for NOTIFY_SOCKET.
func NewNotifier(log *slog.Logger) *Notifier {
	return &Notifier{log, func(state string) (bool, error) { return daemon.SdNotify(false, state) }}
}

func (n *Notifier) tell(state string) {
	if _, err := n.send(state); err != nil {
		n.log.Warn("the service manager does not hear", "error", err)
	}
}

// Ready says that the sensor does its work, and what that is in a line.
func (n *Notifier) Ready(status string) { n.tell(daemon.SdNotifyReady + "\nSTATUS=" + status) }

// Status says what the sensor does, in a line.
func (n *Notifier) Status(status string) { n.tell("STATUS=" + status) }

// Reloading says that the sensor takes up its configuration; Ready ends it.
func (n *Notifier) Reloading() {
	n.tell(daemon.SdNotifyReloading + "\nMONOTONIC_USEC=" + daemon.SdNotifyMonotonicUsec())
}

// Stopping says that the sensor ends.
func (n *Notifier) Stopping() { n.tell(daemon.SdNotifyStopping) }

// Watch tells the watchdog that the sensor lives for as long as alive has no error,
// until ctx ends. It returns at once when the unit has no watchdog.
func (n *Notifier) Watch(ctx context.Context, alive func() error) {
	every, err := daemon.SdWatchdogEnabled(false)
	if err != nil {
		n.log.Warn("the unit's watchdog cannot be read", "error", err)
	}
	if every > 0 {
		n.watch(ctx, every/pulses, alive)
	}
}

func (n *Notifier) watch(ctx context.Context, every time.Duration, alive func() error) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	still := false
	for {
		err := alive()
		if err == nil {
			n.tell(daemon.SdNotifyWatchdog)
		} else if !still {
			n.log.Error("the sensor stands still: the service manager will restart it", "error", err)
		}
		still = err != nil
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// Sockets returns the sockets that the service manager opened, by their names
// (FileDescriptorName=). Those that do not listen are an error.
func Sockets() (map[string]net.Listener, error) {
	named, err := activation.ListenersWithNames()
	if err != nil {
		return nil, fmt.Errorf("take sockets of the service manager: %w", err)
	}
	sockets := map[string]net.Listener{}
	for name, list := range named {
		for _, l := range list {
			switch {
			case l == nil:
				err = errors.Join(err, fmt.Errorf("socket %q of the service manager does not listen", name))
			case sockets[name] != nil:
				err = errors.Join(err, fmt.Errorf("there are two sockets %q of the service manager: one unit, one ListenStream=", name))
			default:
				sockets[name] = l
			}
		}
	}
	return sockets, err
}
