package pgsql

import (
	"math"
	"strings"
)

// formatNumber writes a number by a template of 9, 0, points, commas and signs.
func formatNumber(c *env, v Value, template string) string {
	up := strings.ToUpper(template)
	trim := strings.Contains(up, "FM")
	body := strings.ReplaceAll(up, "FM", "")
	whole, frac, point := strings.Cut(strings.ReplaceAll(body, "D", "."), ".")
	decimals := strings.Count(frac, "9") + strings.Count(frac, "0")
	d := numberOf(c.types[0], v)
	if d.kind != 0 {
		return d.String()
	}
	d = d.rescale(decimals, true)
	text := d.abs().String()
	digitsText, fracText, _ := strings.Cut(text, ".")
	if digitsText == "0" && !strings.Contains(whole, "0") && point {
		digitsText = ""
	}
	slots := strings.Count(whole, "9") + strings.Count(whole, "0")
	if len(digitsText) > slots && digitsText != "0" {
		digitsText = strings.Repeat("#", slots)
		fracText = strings.Repeat("#", len(fracText))
	}
	out := fillWhole(whole, digitsText, slots)
	if point {
		out += "." + fracText
		if trim {
			out = trimFraction(out, frac)
		}
	}
	return signed(out, whole, body, d.neg, trim)
}

func numberOf(t *Type, v Value) *decimal {
	switch {
	case t == tNumeric:
		return v.dec()
	case t.integral():
		return decInt(v.n)
	case math.IsInf(v.float(), 0) || math.IsNaN(v.float()):
		return decFloat(v.float(), 15)
	}
	return decFloat(v.float(), 15)
}

// fillWhole lays digits out from the right; separators stand only between digits.
func fillWhole(pattern, text string, slots int) string {
	text = strings.Repeat(" ", max(slots-len(text), 0)) + text
	zero := strings.IndexByte(strings.Map(func(r rune) rune {
		if r == '9' || r == '0' {
			return r
		}
		return -1
	}, pattern), '0')
	b, n, started := []byte(nil), 0, false
	for i := range len(pattern) {
		switch ch := pattern[i]; ch {
		case '9', '0':
			d := text[n]
			if d == ' ' && zero >= 0 && n >= zero {
				d = '0'
			}
			started = started || d != ' '
			b = append(b, d)
			n++
		case ',', 'G':
			if started {
				b = append(b, ',')
			} else {
				b = append(b, ' ')
			}
		case 'S', 'M', 'I', 'P', 'L', '$':
			if ch == '$' || ch == 'L' {
				b = append(b, '$')
			}
		default:
			b = append(b, ch)
		}
	}
	return string(b)
}

func trimFraction(out, frac string) string {
	keep := strings.LastIndexByte(frac, '0') + 1
	whole, rest, _ := strings.Cut(out, ".")
	for len(rest) > keep && strings.HasSuffix(rest, "0") {
		rest = rest[:len(rest)-1]
	}
	return whole + "." + rest
}

func signed(out, whole, body string, neg, trim bool) string {
	sign := " "
	if neg {
		sign = "-"
	}
	if strings.HasPrefix(body, "S") && !neg {
		sign = "+"
	}
	if strings.HasSuffix(body, "MI") || strings.HasSuffix(body, "S") && len(body) > 1 && !strings.HasPrefix(body, "S") {
		if strings.HasSuffix(body, "S") && !neg {
			sign = "+"
		}
		out += sign
		sign = ""
	}
	if trim {
		return strings.TrimSpace(sign) + strings.TrimLeft(out, " ")
	}
	blank := len(out) - len(strings.TrimLeft(out, " "))
	return out[:blank] + sign + out[blank:]
}
