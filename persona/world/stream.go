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
	// blockWeeks is how many weeks share what happens in them: busy weeks take
	// from quiet ones.
	blockWeeks = 12
	blockDays  = 7 * blockWeeks
)

// tempo says when things happen: in office hours of working days, or around the
// clock. It turns an even flow into busy and quiet weeks, days and hours. All
// streams of a kind share it, since a holiday is one for everybody.
type tempo struct {
	d      dice
	cal    *calendar
	first  int // the day of the calendar with which the first block begins
	office bool
	blocks []*block
}

// block says how busy the days of some weeks are.
type block struct {
	before [blockDays + 1]uint32 // sum of the weights of the days before
}

// time returns the moment at a position: a block and a 32 bit fraction of it.
func (p *tempo) time(b int, x uint64) int64 {
	before := &p.block(b).before
	pos := x * uint64(before[blockDays]) // 32 bit fraction of the sum
	units := uint32(pos >> 32)
	d, end := 0, blockDays
	for end-d > 1 { // the last day with no more units before it
		if m := (d + end) / 2; before[m] <= units {
			d = m
		} else {
			end = m
		}
	}
	inDay := (pos - uint64(before[d])<<32) / uint64(before[d+1]-before[d])
	hours := &aroundTheClock
	if p.office {
		hours = &officeHours
	}
	return p.cal.midnight(p.first+b*blockDays+d) + hours.second(inDay)
}

// position is the inverse of time, as good as seconds allow.
func (p *tempo) position(t int64) (b int, x uint64) {
	d, sec := p.cal.dayOf(t)
	d -= p.first
	b, d = d/blockDays, d%blockDays
	before := &p.block(b).before
	hours := &aroundTheClock
	if p.office {
		hours = &officeHours
	}
	inDay := hours.fraction(sec)
	pos := uint64(before[d])<<32 + inDay*uint64(before[d+1]-before[d])
	return b, pos / uint64(before[blockDays])
}

// begins is the first midnight.
func (p *tempo) begins() int64 { return p.cal.midnight(p.first) }

// block draws how busy the days of block b are.
func (p *tempo) block(b int) *block {
	for len(p.blocks) <= b {
		p.blocks = append(p.blocks, nil)
	}
	if p.blocks[b] == nil {
		p.blocks[b] = p.draw(b)
	}
	return p.blocks[b]
}

func (p *tempo) draw(b int) *block {
	out, sum := &block{}, uint32(0)
	for d := range blockDays {
		word := p.d.word(uint64(b), uint64(d/7)) // four bits a day, three for the week
		out.before[d] = sum
		sum += p.weight(p.first+b*blockDays+d, uint32(word>>(4*(d%7))&15), uint32(word>>60&7))
	}
	out.before[blockDays] = sum
	return out
}

// weight is how much happens on a day: byDay in [0, 16), byWeek in [0, 8).
func (p *tempo) weight(d int, byDay, byWeek uint32) uint32 {
	if !p.office {
		if d%7 >= 5 {
			return (30 + byDay) / 2
		}
		return 30 + byDay
	}
	if !p.cal.works(d) {
		return 0
	}
	weight := (14 + byDay) * (5 + byWeek)
	if d%7 == 4 {
		weight = weight * 3 / 4
	}
	_, month, date := at(p.cal.start + int64(d)*day + day/2).Date()
	switch {
	case month == time.December && date > 18 || month == time.January && date < 5:
		weight /= 3
	case month == time.August || month == time.July:
		weight = weight * 3 / 4
	}
	return max(1, weight)
}

// hourly is how busy the hours of a day are.
type hourly struct {
	from   int64    // second of the day at which the first unit's hour begins
	hours  []uint8  // for each unit of the sum, the hour it falls in
	before []uint64 // for each hour, the units that come before it
	units  []uint8
}

func newHourly(from int64, units ...uint8) hourly {
	h := hourly{from: from, units: units}
	for hour, n := range units {
		h.before = append(h.before, uint64(len(h.hours)))
		for range n {
			h.hours = append(h.hours, uint8(hour))
		}
	}
	return h
}

var (
	aroundTheClock = newHourly(0, 3, 2, 2, 2, 3, 4, 6, 9, 13, 15, 16, 15, 13, 14, 15, 15, 14, 12, 9, 8, 7, 6, 5, 4)
	officeHours    = newHourly(8*3600+1500, 4, 11, 14, 12, 4, 11, 14, 12, 9, 5)
)

// second maps a 32 bit fraction of the day to a second of it.
func (h *hourly) second(x uint64) int64 {
	at := x * uint64(len(h.hours))
	hour := h.hours[at>>32]
	return h.from + int64(hour)*3600 + int64((at-h.before[hour]<<32)/uint64(h.units[hour])*3600>>32)
}

// fraction is the inverse of second.
func (h *hourly) fraction(sec int64) uint64 {
	sec -= h.from
	if sec < 0 {
		return 0
	}
	hour := sec / 3600
	if hour >= int64(len(h.units)) {
		return 1<<32 - 1
	}
	return (h.before[hour]<<32 + uint64(h.units[hour])*uint64(sec%3600)<<32/3600) / uint64(len(h.hours))
}

// stream is a sequence of things that happen, each to one of several owners (an
// issue to a project, a message to a channel). It flows in rounds of equally many
// slots, one a week on average; which slot belongs to whom rotates from round to
// round, and the tempo says which week that really is. So the ordinal of an item,
// its number within its owner, its time, and the counts at any time follow from
// one another in constant or logarithmic time.
type stream struct {
	d      dice
	tempo  *tempo
	owner  []int // slot -> owner
	index  []int // slot -> how many of the owner's slots come before it
	slots  [][]int
	from   []int // owner -> week of its first item
	turns  dice
	turned struct{ week, by int } // drawn last; weeks count from 1
}

// newStream makes a stream in which owner o has quota[o] items a round.
func newStream(d dice, p *tempo, quota []int) *stream {
	s := &stream{d: d, tempo: p, turns: d.sub("turn")}
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
	per := s.perWeek() * blockWeeks
	b, k := n/per, n%per
	jitter := s.d.word(uint64(n), 0) >> 32
	return s.tempo.time(b, (uint64(k)<<32+jitter)/uint64(per))
}

// count returns how many items have happened by t: the items [0, count).
func (s *stream) count(t int64) int {
	if t < s.tempo.begins() || s.perWeek() == 0 {
		return 0
	}
	b, x := s.tempo.position(t)
	per := s.perWeek() * blockWeeks
	if b >= maxWeeks/blockWeeks {
		return maxWeeks / blockWeeks * per
	}
	// The item whose slot this is may be before or after t; rounding moves little.
	n, end := b*per+int(x*uint64(per)>>32), (b+1)*per
	for n > b*per && s.time(n-1) > t {
		n--
	}
	for n < end && s.time(n) <= t {
		n++
	}
	return n
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
	n := s.count(t)
	if n == 0 || have == 0 {
		return 0
	}
	round := n/s.perWeek() - s.from[owner]
	if round < 0 {
		return 0
	}
	return round*have + sort.Search(have, func(j int) bool { return s.nth(owner, round*have+j) >= n })
}

// turn is how far the pattern is rotated in week w.
func (s *stream) turn(w int) int {
	if s.turned.week != w+1 {
		r := s.turns.at(w)
		s.turned.week, s.turned.by = w+1, r.below(s.perWeek())
	}
	return s.turned.by
}

// first is the index of the owner's first slot in the rotated week.
func (s *stream) first(owner, w int) int {
	i, _ := slices.BinarySearch(s.slots[owner], s.turn(w))
	return i % max(1, len(s.slots[owner]))
}

// rhythm is something that is done again and again in working hours.
type rhythm struct {
	cal         *calendar
	from, every int64
	most        int // times after the first
}

// last returns how often it was done again by now, and the last time.
func (r rhythm) last(now time.Time) (int, time.Time) {
	since := now.Unix() - r.from
	if r.every <= 0 || since < r.every {
		return 0, at(r.from)
	}
	n := min(int(since/r.every), r.most)
	for ; n > 0; n-- {
		if t := r.cal.inHours(r.from + int64(n)*r.every); t <= now.Unix() {
			return n, at(t)
		}
	}
	return 0, at(r.from)
}

func at(unix int64) time.Time { return time.Unix(unix, 0).UTC() }
