package world

import "testing"

func TestStreamCountsAndInverts(t *testing.T) {
	for _, office := range []bool{true, false} {
		s := newStream(newDice(9).sub("x"), start2024, office, []int{3, 0, 1, 7})
		s.from[2] = 4
		last := int64(0)
		nums := make([]int, 4)
		for n := range 11 * 60 {
			at := s.time(n)
			if at < last {
				t.Fatalf("item %d is before its predecessor", n)
			}
			last = at
			if got := s.count(at); got < n+1 {
				t.Fatalf("count at item %d = %d", n, got)
			}
			o, num := s.of(n)
			if num < 0 {
				continue
			}
			if num != nums[o] {
				t.Fatalf("item %d is number %d of owner %d, want %d", n, num, o, nums[o])
			}
			nums[o]++
			if got := s.nth(o, num); got != n {
				t.Fatalf("nth(%d, %d) = %d, want %d", o, num, got, n)
			}
			if got := s.countOf(o, at); got < num+1 {
				t.Fatalf("countOf(%d) at its item %d = %d", o, num, got)
			}
			if got := s.countOf(o, at-1); got > num && s.time(n) != s.time(max(0, n-1)) {
				t.Fatalf("countOf(%d) before its item %d = %d", o, num, got)
			}
		}
	}
}

func TestInHours(t *testing.T) {
	for sec := int64(0); sec < 3*week; sec += 977 {
		in := start2024 + sec
		got := inHours(start2024, in)
		since := got - start2024
		if got < in || since/day%7 >= 5 || since%day < 8*3600 || since%day > 19*3600 || got-in > 3*day {
			t.Fatalf("inHours(%d) is %d later, at second %d of day %d", sec, got-in, since%day, since/day%7)
		}
	}
}

func TestDiceSpread(t *testing.T) {
	r := newDice(1).at(0)
	var seen [10]int
	for range 10_000 {
		seen[r.below(10)]++
	}
	for v, n := range seen {
		if n < 800 || n > 1200 {
			t.Errorf("%d came %d times of 10000", v, n)
		}
	}
}
