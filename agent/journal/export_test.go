package journal

import (
	"context"
	"errors"
	"time"
)

// Sound reads everything, and returns what is wrong with it.
func (j *Journal) Sound() error {
	c, err := j.Check(context.Background(), nil)
	for _, f := range c.Faults {
		err = errors.Join(err, errors.New(f.Segment+": "+f.What))
	}
	return err
}

// Dir is where the journal is.
func (j *Journal) Dir() string { return j.dir }

// SetMaxSize keeps the newest segment's file from growing beyond n bytes.
func (j *Journal) SetMaxSize(n int) { j.live.db.MaxSize = n }

// Work does the keeper's work now.
func (j *Journal) Work() { j.keeper.nudge() }

// CountMissed does what comes before the removal of all segments but the newest.
func (j *Journal) CountMissed(ctx context.Context) error {
	gaps, marks, err := j.missed(j.shelf.newest().name.base)
	if err != nil {
		return err
	}
	return j.Append(ctx, gaps, marks...)
}

// Directory is where in its file the oldest segment, a sealed one, has a directory.
func (j *Journal) Directory() (file string, at int64) {
	seg := j.shelf.oldest()
	return seg.name.path(j.dir, suffixSealed), seg.sealed().head.Index.Off
}

// MeetDamage is what happens to a reader of the oldest segment. The function that it
// returns tells the keeper.
func (j *Journal) MeetDamage() (tell func()) {
	seg := j.shelf.oldest()
	err := seg.view(nil, func(part) error { return ErrDamaged })
	return func() { j.keeper.suspect(seg, err) }
}

// Agree makes segments go that long after they are too old.
func (o *Options) Agree(d time.Duration) { o.agree = d }

// Sealed returns how many segments there are, and how many of them are sealed.
func (j *Journal) Sealed() (segments, sealed int) {
	for _, seg := range j.shelf.all() {
		segments++
		if seg.sealed() != nil {
			sealed++
		}
	}
	return segments, sealed
}
