package rules

// lru is a map that knows which of its entries was used least recently. It has
// no bound of its own: the owner asks for the oldest entry and removes it.
type lru[K comparable, V any] struct {
	entries map[K]*lruEntry[K, V]
	root    lruEntry[K, V] // ring: root.next is the newest, root.prev the oldest
}

type lruEntry[K comparable, V any] struct {
	key        K
	value      V
	prev, next *lruEntry[K, V]
}

func newLRU[K comparable, V any]() *lru[K, V] {
	l := &lru[K, V]{entries: make(map[K]*lruEntry[K, V])}
	l.root.prev, l.root.next = &l.root, &l.root
	return l
}

// peek returns the value of k without using it, nil when there is none.
func (l *lru[K, V]) peek(k K) *V {
	if e := l.find(k); e != nil {
		return &e.value
	}
	return nil
}

// find returns the entry of k, nil when there is none. It is the newest one for all of
// what one source does in a row.
func (l *lru[K, V]) find(k K) *lruEntry[K, V] {
	if e := l.root.next; e != &l.root && e.key == k {
		return e
	}
	return l.entries[k]
}

// use returns the value of k, the zero value when it is new, and makes it the
// newest.
func (l *lru[K, V]) use(k K) *V {
	e := l.find(k)
	if e == nil {
		e = &lruEntry[K, V]{key: k}
		l.entries[k] = e
	} else {
		e.unlink()
	}
	e.prev, e.next = &l.root, l.root.next
	e.prev.next, e.next.prev = e, e
	return &e.value
}

// oldest returns the entry used least recently, nil when there is none.
func (l *lru[K, V]) oldest() *lruEntry[K, V] {
	if l.root.prev == &l.root {
		return nil
	}
	return l.root.prev
}

func (l *lru[K, V]) remove(e *lruEntry[K, V]) {
	e.unlink()
	delete(l.entries, e.key)
}

func (l *lru[K, V]) len() int { return len(l.entries) }

func (e *lruEntry[K, V]) unlink() {
	e.prev.next, e.next.prev = e.next, e.prev
}
