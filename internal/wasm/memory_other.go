//go:build !linux

package wasm

import (
	"errors"

	"github.com/tetratelabs/wazero/experimental"
)

// mapped is a placeholder: this platform uses wazero's own memory.
type mapped struct{}

func newMemory() *mapped { return nil }

func (m *mapped) Allocate(_, _ uint64) experimental.LinearMemory { return nil }

func (m *mapped) show(*pages) error { return errors.ErrUnsupported }

func (m *mapped) private(size int64) int64 { return size }

// Free does nothing.
func (m *mapped) Free() {}

// pages are never made: there is no memory to show them in.
type pages struct{ size int64 }

func newPages([]byte) (*pages, error) { return nil, errors.ErrUnsupported }

func (p *pages) close() {}
