package world

import (
	"slices"
	"sort"
	"time"
)

const (
	day  = 24 * 60 * 60
	week = 7 * day
	// maxWeeks bounds how far a stream is followed, about a century.
	maxWeeks = 5200
)

// stream is a sequence of things that happen, each to one of several owners (an
// issue to a project, a message to a channel). Each week has the same number of
// slots; which slot belongs to whom rotates from week to week. So the ordinal of
// an item, its number within its owner, its time, and the counts at any time
// follow from one another in constant or logarithmic time.
type stream struct {
	d      dice
	start  int64 // unix time of the first week's Monday, local midnight
	office bool  // in office hours, else around the clock
	owner  []int // slot -> owner
	index  []int // slot -> how many of the owner's slots come before it
	slots  [][]int
	from   []int // owner -> week of its first item
	turns  dice
	// What was drawn last: neighbours ask for the same week. Weeks count from 1.
	days   daily
	turned struct{ week, by int }
}

// daily says how busy the days of a week are.
type daily struct {
	week   int
	weight [7]uint64
	total  uint64
}

// newStream makes a stream in which owner o has quota[o] items a week.
func newStream(d dice, start int64, office bool, quota []int) *stream {
	s := &stream{d: d, start: start, office: office, turns: d.sub("turn")}
	s.slots, s.from = make([][]int, len(quota)), make([]int, len(quota))
	total := 0
	for _, n := range quota {
		total += n
	}
	s.owner, s.index = make([]int, 0, total), make([]int, 0, total)
	places := make([]int, total)
	for o, n := range quota {
		s.slots[o], places = places[:0:n], places[n:]
		for range n {
			s.owner = append(s.owner, o)
		}
	}
	r := d.sub("pattern").at(0)
	r.shuffle(len(s.owner), func(i, j int) { s.owner[i], s.owner[j] = s.owner[j], s.owner[i] })
	for k, o := range s.owner {
		s.index = append(s.index, len(s.slots[o]))
		s.slots[o] = append(s.slots[o], k)
	}
	return s
}

func (s *stream) perWeek() int { return len(s.owner) }

// time returns when item n happens. It rises with n.
func (s *stream) time(n int) int64 {
	w, k := n/s.perWeek(), n%s.perWeek()
	jitter := s.d.word(uint64(n), 0) >> 32
	x := (uint64(k)<<32 + jitter) / uint64(s.perWeek()) // position in the week, 32 bit fraction
	base := s.start + int64(w)*week
	if !s.office {
		return base + s.aroundTheClock(w, x)
	}
	return base + s.officeTime(w, x)
}

// hourly is how busy each hour of the day is, by tens.
var hourly = [24]uint64{3, 2, 2, 2, 3, 4, 6, 9, 13, 15, 16, 15, 13, 14, 15, 15, 14, 12, 9, 8, 7, 6, 5, 4}

// hourlySum is the sum of hourly.
const hourlySum = 212

// hours has, for each unit of hourlySum, the hour it falls in; before has how
// many units come before each hour.
var hours, before = func() (h [hourlySum]uint8, b [24]uint64) {
	n := uint64(0)
	for hour, units := range hourly {
		b[hour] = n
		for range units {
			h[n] = uint8(hour)
			n++
		}
	}
	return h, b
}()

// aroundTheClock maps a fraction of the week to a second of it: busy days, quiet
// nights and weekends.
func (s *stream) aroundTheClock(w int, x uint64) int64 {
	days := s.weights(w)
	at := x * days.total // 32 bit fraction of the total
	for i, wt := range days.weight {
		if at >= wt<<32 {
			at -= wt << 32
			continue
		}
		inDay := at / wt * hourlySum
		if inDay>>32 >= hourlySum {
			break
		}
		h := hours[inDay>>32]
		return int64(i)*day + int64(h)*3600 + int64((inDay-before[h]<<32)/hourly[h]*3600>>32)
	}
	return week - 1
}

// officeTime maps a fraction of the week to a second of it: working days of
// varying weight, a lull at noon.
func (s *stream) officeTime(w int, x uint64) int64 {
	const morning, afternoon, pause = 3*3600 + 2400, 5*3600 + 2400, 2400
	const opens = 8*3600 + 2700
	days := s.weights(w)
	at := x * days.total // 32 bit fraction of the total
	for i, wt := range days.weight[:5] {
		if at < wt<<32 {
			sec := int64(at / wt * (morning + afternoon) >> 32)
			if sec >= morning {
				sec += pause
			}
			return int64(i)*day + opens + sec
		}
		at -= wt << 32
	}
	return 5*day - 1
}

// count returns how many items have happened by t: the items [0, count).
func (s *stream) count(t int64) int {
	if t < s.start || s.perWeek() == 0 {
		return 0
	}
	w := int((t - s.start) / week)
	if w >= maxWeeks {
		return maxWeeks * s.perWeek()
	}
	first := w * s.perWeek()
	return first + sort.Search(s.perWeek(), func(k int) bool { return s.time(first+k) > t })
}

// of returns the owner of item n and the item's number within it, from 0. The
// number is negative before the owner's first week.
func (s *stream) of(n int) (owner, num int) {
	w, k := n/s.perWeek(), n%s.perWeek()
	p := (k + s.turn(w)) % s.perWeek()
	owner = s.owner[p]
	have := len(s.slots[owner])
	rank := (s.index[p] - s.first(owner, w) + have) % have
	return owner, (w-s.from[owner])*have + rank
}

// nth inverts of.
func (s *stream) nth(owner, num int) int {
	have := len(s.slots[owner])
	w := num/have + s.from[owner]
	p := s.slots[owner][(s.first(owner, w)+num%have)%have]
	return w*s.perWeek() + (p-s.turn(w)+s.perWeek())%s.perWeek()
}

// countOf returns how many items the owner has by t.
func (s *stream) countOf(owner int, t int64) int {
	have := len(s.slots[owner])
	if t < s.start || have == 0 {
		return 0
	}
	w := min(int((t-s.start)/week), maxWeeks-1) - s.from[owner]
	if w < 0 {
		return 0
	}
	return w*have + sort.Search(have, func(j int) bool { return s.time(s.nth(owner, w*have+j)) > t })
}

// turn is how far the pattern is rotated in week w.
func (s *stream) turn(w int) int {
	if s.turned.week != w+1 {
		r := s.turns.at(w)
		s.turned.week, s.turned.by = w+1, r.below(s.perWeek())
	}
	return s.turned.by
}

// weights draws how busy the days of week w are.
func (s *stream) weights(w int) *daily {
	d := &s.days
	if d.week == w+1 {
		return d
	}
	*d = daily{week: w + 1}
	bits := s.d.word(uint64(w), 1<<40)
	for i := range d.weight {
		switch wt := bits >> (8 * i) & 15; {
		case s.office && i < 5:
			d.weight[i] = 20 + wt
		case s.office:
		case i < 5:
			d.weight[i] = 30 + wt
		default:
			d.weight[i] = (30 + wt) / 2
		}
		d.total += d.weight[i]
	}
	return d
}

// first is the index of the owner's first slot in the rotated week.
func (s *stream) first(owner, w int) int {
	i, _ := slices.BinarySearch(s.slots[owner], s.turn(w))
	return i % max(1, len(s.slots[owner]))
}

// inHours moves a time outside working hours to the next morning. start is a
// Monday, midnight.
func inHours(start, t int64) int64 {
	const opens, closes = 8*3600 + 2700, 18*3600 + 2700
	since := t - start
	if since < 0 {
		return t
	}
	d, sec := since/day, since%day
	if sec > closes {
		d, sec = d+1, 0
	}
	if d%7 >= 5 {
		d, sec = d+7-d%7, 0
	}
	if sec < opens {
		sec = 9*3600 + t%7200
	}
	return start + d*day + sec
}

// rhythm is something that is done again and again in working hours.
type rhythm struct {
	start, from, every int64
	most               int // times after the first
}

// last returns how often it was done again by now, and the last time.
func (r rhythm) last(now time.Time) (int, time.Time) {
	since := now.Unix() - r.from
	if r.every <= 0 || since < r.every {
		return 0, at(r.from)
	}
	n := min(int(since/r.every), r.most)
	for ; n > 0; n-- {
		if t := inHours(r.start, r.from+int64(n)*r.every); t <= now.Unix() {
			return n, at(t)
		}
	}
	return 0, at(r.from)
}

func at(unix int64) time.Time { return time.Unix(unix, 0).UTC() }
