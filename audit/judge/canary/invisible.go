package canary

import (
	"unicode"
	"unicode/utf8"
)

const maxRuns = 64 // of invisible characters in one text that are read as bits

// invisible returns the texts that characters without a shape hide: what remains
// without them, the letters that tag characters stand for, and the bits that two of
// them spell.
func invisible(b []byte) [][]byte {
	var bare, tags []byte
	var runs [][]rune
	var run []rune
	keep := func() {
		if len(run) >= 8*minRun && len(runs) < maxRuns {
			runs = append(runs, run)
		}
		run = nil
	}
	for i := 0; i < len(b); {
		r, n := utf8.DecodeRune(b[i:])
		if !isInvisible(r) {
			bare = append(bare, b[i:i+n]...)
			keep()
		} else {
			run = append(run, r)
			if r > 0xe0000 && r < 0xe0080 {
				tags = append(tags, byte(r-0xe0000))
			}
		}
		i += n
	}
	keep()
	var all [][]byte
	if len(bare) < len(b) {
		all = append(all, bare, tags)
	}
	for _, run := range runs {
		all = append(all, bits(run)...)
	}
	return all
}

// isInvisible reports whether a character leaves no mark: format characters, tags,
// variation selectors and fillers.
func isInvisible(r rune) bool {
	switch {
	case r >= 0xfe00 && r <= 0xfe0f, r >= 0xe0000 && r <= 0xe01ef, r == 0x034f, r == 0x115f, r == 0x1160, r == 0x3164, r == 0xffa0:
		return true
	}
	return unicode.Is(unicode.Cf, r)
}

// bits reads a run of two symbols as bits, whichever of them is the one, whichever
// comes first in a byte, and wherever bytes begin.
func bits(run []rune) [][]byte {
	one := run[0]
	other := rune(-1)
	for _, r := range run {
		switch {
		case r == one:
		case other < 0:
			other = r
		case r != other:
			return nil
		}
	}
	if other < 0 {
		return nil
	}
	var all [][]byte
	for _, one := range []rune{one, other} {
		for shift := range 8 {
			msb, lsb := pack(run[shift:], one)
			all = append(all, msb, lsb)
		}
	}
	return all
}

func pack(run []rune, one rune) (msb, lsb []byte) {
	for ; len(run) >= 8; run = run[8:] {
		var m, l byte
		for i, r := range run[:8] {
			if r == one {
				m |= 0x80 >> i
				l |= 1 << i
			}
		}
		msb, lsb = append(msb, m), append(lsb, l)
	}
	return msb, lsb
}
