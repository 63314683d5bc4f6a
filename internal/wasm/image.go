package wasm

import (
	"errors"
	"fmt"

	"github.com/tetratelabs/wazero/api"

	"github.com/killdeer-mcp/killdeer/internal/wasm/meter"
)

const (
	// elementBytes is what wazero keeps for an entry of a table.
	elementBytes = 40
	// wornAfter is how many bytes an instance of an image gathers before it is
	// replaced: a new one takes a fraction of what collecting garbage does.
	wornAfter = 3 << 20
	// After weighOften calls an instance that does not grow is weighed again, and after
	// twice as many each time that it has gathered no more than gatheredLittle bytes, up
	// to weighSeldom: the kernel looks at each page for it.
	weighOften     = 8
	weighSeldom    = 64
	gatheredLittle = 128 << 10
)

// image is the state of an instance between two calls: what other instances are
// given instead of doing again what it has done. It never changes, and instances
// share what of it they do not write to.
type image struct {
	memory *pages
	values []uint64 // of the variables
}

var errDescriptors = errors.New("the guest changed a file descriptor")

// capture makes an image of an instance, which is none the worse for it.
func (i *instance) capture(variables []meter.Variable) (*image, error) {
	if i.touched {
		return nil, errDescriptors
	}
	img := &image{values: make([]uint64, len(variables))}
	for n, v := range variables {
		img.values[n] = i.mod.ExportedGlobal(v.Name()).Get()
	}
	all, ok := i.mod.Memory().Read(0, i.mod.Memory().Size())
	if !ok {
		return nil, errBounds
	}
	var err error
	if img.memory, err = newPages(all); err != nil {
		return nil, fmt.Errorf("keep the memory of a guest: %w", err)
	}
	return img, nil
}

func (img *image) close() {
	if img != nil {
		img.memory.close()
	}
}

// restore puts an instance that has run nothing into the state of an image.
func (i *instance) restore(img *image, variables []meter.Variable) error {
	memory := i.mod.Memory()
	if missing := img.memory.size - int64(memory.Size()); missing > 0 {
		if _, ok := memory.Grow(uint32(missing / pageSize)); !ok {
			return errors.New("memory of a guest cannot grow to what it was")
		}
	}
	if err := i.mem.show(img.memory); err != nil {
		return fmt.Errorf("map the memory of a guest: %w", err)
	}
	for n, v := range variables {
		i.mod.ExportedGlobal(v.Name()).(api.MutableGlobal).Set(img.values[n])
	}
	i.of = img
	return nil
}
