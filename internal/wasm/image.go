package wasm

import (
	"errors"
	"fmt"
	"strconv"

	"github.com/tetratelabs/wazero/api"
)

// What metering exports for the host. A guest that exports such a name is refused.
const (
	hiddenPrefix = "killdeer.hidden/"
	hiddenStart  = hiddenPrefix + "start"
)

const (
	// elementBytes is what wazero keeps for an entry of a table.
	elementBytes = 40
	// wornAfter is how many bytes an instance of an image gathers before it is
	// replaced: a new one takes a fraction of what collecting garbage does.
	wornAfter = 3 << 20
	// weighEvery is how many calls an instance that does not grow may have before it is
	// weighed again: the kernel looks at each page for it.
	weighEvery = 8
)

// variable is the index of a global that its module may change.
type variable uint32

// name is what a variable is exported as.
func (v variable) name() string { return hiddenPrefix + strconv.FormatUint(uint64(v), 10) }

// scalar are the types of variables that the host can write.
var scalar = map[string]bool{"i32": true, "i64": true, "f32": true, "f64": true}

// fixed reports whether an instance's memory and variables are all that a guest
// leaves behind: it writes no table, and drops no segment. Only what has been
// metered can tell.
func (s *scanned) fixed() bool { return len(s.functions) > 0 && !s.unfixed }

// image is the state of an instance between two calls: what other instances are
// given instead of doing again what it has done. It never changes, and instances
// share what of it they do not write to.
type image struct {
	memory *pages
	values []uint64 // of the variables
}

var errDescriptors = errors.New("the guest changed a file descriptor")

// capture makes an image of an instance, which is none the worse for it.
func (i *instance) capture(variables []variable) (*image, error) {
	if i.touched {
		return nil, errDescriptors
	}
	img := &image{values: make([]uint64, len(variables))}
	for n, v := range variables {
		img.values[n] = i.mod.ExportedGlobal(v.name()).Get()
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
func (i *instance) restore(img *image, variables []variable) error {
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
		i.mod.ExportedGlobal(v.name()).(api.MutableGlobal).Set(img.values[n])
	}
	i.of = img
	return nil
}
