package config

import "strings"

// maxTypos is how many slips of the keyboard a key may be away from a known one
// to be taken for it. Short keys allow fewer: one for every three characters.
const maxTypos = 3

// nearest returns the known key that key was most likely meant to be, or "".
func nearest(key string, known []string) string {
	best, bestDistance := "", maxTypos+1
	folded := fold(key)
	for _, k := range known {
		allowed := min(maxTypos, max(1, len(k)/3))
		if gap := len(folded) - len(k); gap > allowed || -gap > allowed {
			continue
		}
		if n := distance(folded, k); n <= allowed && n < bestDistance {
			best, bestDistance = k, n
		}
	}
	return best
}

// fold undoes the other ways of writing a key of several words.
func fold(key string) string {
	if len(key) > maxShown {
		return key
	}
	return strings.ToLower(strings.ReplaceAll(key, "-", "_"))
}

// distance is the number of insertions, deletions, replacements and swaps of
// neighbours that turn a into b (optimal string alignment).
func distance(a, b string) int {
	var before, last []int
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		before, last, row = last, row, make([]int, len(b)+1)
		row[0] = i
		for j := 1; j <= len(b); j++ {
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+differs(a[i-1], b[j-1]))
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
	}
	return row[len(b)]
}

func differs(a, b byte) int {
	if a == b {
		return 0
	}
	return 1
}
