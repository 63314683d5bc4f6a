package world

import "testing"

func TestStreamCountsAndInverts(t *testing.T) {
	for _, office := range []bool{true, false} {
		d := newDice(9)
		s := newStream(d.sub("x"), &tempo{d: d.sub("tempo"), cal: newCalendar(start2024+8*3600, "US"), office: office}, []int{3, 0, 1, 7})
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
