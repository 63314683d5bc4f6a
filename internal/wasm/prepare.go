package wasm

import (
	"context"
	"fmt"
)

// Prepare makes further instances start where one is that has done the steps: what
// all sources would have them compute again. They share the memory that they do
// not write to. The steps hold nothing of a source, and what they answer is
// dropped. Prepare does nothing where the platform or the guest does not allow it,
// and when it has been done before; after an error, instances start as they did.
func (m *Module) Prepare(ctx context.Context, steps ...Request) error {
	if !m.calls.enter() {
		return failed(ErrClosed, "")
	}
	defer m.calls.leave()
	if !m.build.imaged || m.build.img.Load() != nil {
		return nil
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(m.life, cancel)()
	img, err := m.imageAfter(ctx, steps)
	if err != nil {
		return fmt.Errorf("prepare guest %q: %w", m.name, err)
	}
	if !m.build.img.CompareAndSwap(nil, img) {
		img.close()
		return nil
	}
	m.dropSpares()
	m.warmUp()
	m.wantSpares()
	return nil
}

// imageAfter does the steps on an instance of their own, and keeps its state.
func (m *Module) imageAfter(ctx context.Context, steps []Request) (*image, error) {
	inst, err := m.build.instantiate(ctx)
	if err != nil {
		return nil, err
	}
	defer inst.close()
	for _, req := range steps {
		if _, _, err := m.run(ctx, inst, req); err != nil {
			return nil, err
		}
	}
	return inst.capture(m.build.variables)
}

func (m *Module) dropSpares() {
	for {
		select {
		case inst := <-m.spares:
			inst.close()
		default:
			return
		}
	}
}
