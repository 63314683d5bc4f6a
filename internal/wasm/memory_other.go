//go:build !linux

package wasm

import "github.com/tetratelabs/wazero/experimental"

// mapped is a placeholder: this platform uses wazero's own memory.
type mapped struct{}

func newMemory() *mapped { return nil }

func (m *mapped) Allocate(_, _ uint64) experimental.LinearMemory { return nil }

// Free does nothing.
func (m *mapped) Free() {}
