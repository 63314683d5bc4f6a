package agent

import (
	"fmt"
	"time"
)

// standstill is how long the pipeline may take for one turn. A commit on a busy disk
// takes a second; while a disk is full the writer goes on trying.
const standstill = 10 * time.Second

// Alive says what of the pipeline stands still, nil while events can reach the
// journal. It is to be asked every few seconds.
func (s *Sensor) Alive() error {
	if age := s.writer.Pulse(); age > standstill {
		return fmt.Errorf("the journal's writer has not gone round for %v: its disk may hang", age.Round(time.Second))
	}
	return nil
}
