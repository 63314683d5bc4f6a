package agent

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// worldSeedBytes is the length of the secret that a deployment's world grows from.
const worldSeedBytes = 32

// prepareDir makes a directory for the sensor alone.
func prepareDir(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("create directory: %w", err)
	}
	probe, err := os.CreateTemp(dir, ".probe-*")
	if err != nil {
		return fmt.Errorf("directory %s is not writable: %w", dir, err)
	}
	return errors.Join(probe.Close(), os.Remove(probe.Name()))
}

// worldSeed reads the deployment's secret, drawing it at the first start. Losing
// it changes the whole company that attackers see.
func worldSeed(file string) ([]byte, error) {
	text, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return drawWorldSeed(file)
	}
	if err != nil {
		return nil, fmt.Errorf("read world seed: %w", err)
	}
	seed, err := hex.DecodeString(strings.TrimSpace(string(text)))
	if err != nil || len(seed) != worldSeedBytes {
		return nil, fmt.Errorf("world seed %s does not hold %d hexadecimal digits: restore it from a backup, or remove it to start a new world", file, 2*worldSeedBytes)
	}
	return seed, nil
}

func drawWorldSeed(file string) ([]byte, error) {
	seed := make([]byte, worldSeedBytes)
	_, _ = rand.Read(seed) // never fails, see crypto/rand
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		return nil, fmt.Errorf("store world seed: %w", err)
	}
	// Under another name first: a crash must not leave half a seed.
	draft := file + ".new"
	f, err := os.OpenFile(draft, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return nil, fmt.Errorf("store world seed: %w", err)
	}
	_, err = fmt.Fprintln(f, hex.EncodeToString(seed))
	if err = errors.Join(err, f.Sync(), f.Close()); err == nil {
		err = os.Rename(draft, file)
	}
	if err != nil {
		return nil, fmt.Errorf("store world seed: %w", err)
	}
	return seed, nil
}
