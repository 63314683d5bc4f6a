package canary

// Texts finds a few fixed texts in long ones. It looks at every so many bytes
// only: a guest pays for each turn of a loop.
type Texts struct {
	all    []string
	stride int
	table  [tableSize]uint32 // by hash of 8 bytes: text and offset, 0 for none
}

const tableSize = 4096 // slots, at most half of them taken

// NewTexts returns a Texts for different texts of at least 16 bytes. At most 256
// of them, and as many as the table has room for, are found.
func NewTexts(all []string) *Texts {
	t := &Texts{all: all[:min(len(all), 256)], stride: 16}
	for _, s := range t.all {
		t.stride = min(t.stride, len(s)-anchor+1)
	}
	taken := 0
	for i, s := range t.all {
		for off := range t.stride {
			if taken++; taken > tableSize/2 {
				return t
			}
			at := slot(load(s[off:]))
			for t.table[at] != 0 {
				at = (at + 1) % tableSize
			}
			t.table[at] = uint32(i+1)<<8 | uint32(off)
		}
	}
	return t
}

func slot(key uint64) uint64 { return key * 0x9e3779b97f4a7c15 >> 52 }

// Find calls found with the number of each text that is found, in the order in
// which they begin or, where they overlap, nearly so.
func (t *Texts) Find(in string, found func(i, start int)) {
	for p := 0; p+anchor <= len(in); p += t.stride {
		at := slot(load(in[p:]))
		for ; t.table[at] != 0; at = (at + 1) % tableSize {
			i, start := t.table[at]>>8-1, p-int(t.table[at]&0xff)
			if s := t.all[i]; start >= 0 && start+len(s) <= len(in) && in[start:start+len(s)] == s {
				found(int(i), start)
			}
		}
	}
}
