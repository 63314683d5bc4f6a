package child

import "testing"

func FuzzParseLine(f *testing.F) {
	f.Add([]byte(`{"@level":"warn","@message":"m","k":{"a":[1]}}`))
	f.Add([]byte(`{"@message":7}`))
	f.Add([]byte("{\x00"))
	f.Fuzz(func(t *testing.T, line []byte) {
		_, message, attrs := parseLine(line)
		if len(message) > maxLogLine || len(attrs) > maxLogKeys {
			t.Errorf("message of %d bytes, %d attributes", len(message), len(attrs))
		}
	})
}
