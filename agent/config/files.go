package config

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// checkReadable says why a file cannot be read as a guest. It opens nothing but
// a regular file: opening a pipe would wait for a writer.
func checkReadable(path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return fileError(path, err)
	}
	if !info.Mode().IsRegular() {
		return fmt.Errorf("%s is not a regular file", shown(path))
	}
	f, err := os.Open(path)
	if err != nil {
		return fileError(path, err)
	}
	return f.Close()
}

// checkPlace says why a file cannot be read, or made if it does not exist.
func checkPlace(path string) error {
	if _, err := os.Lstat(path); errors.Is(err, fs.ErrNotExist) {
		return checkFolder(filepath.Dir(path))
	}
	return checkReadable(path)
}

// checkFolder says why a folder cannot be written to, or made if it does not
// exist: then the nearest folder above it that exists must be writable.
func checkFolder(path string) error {
	for dir := path; ; dir = filepath.Dir(dir) {
		info, err := os.Stat(dir)
		if errors.Is(err, fs.ErrNotExist) && filepath.Dir(dir) != dir {
			continue
		}
		if err != nil {
			return fileError(dir, err)
		}
		if !info.IsDir() {
			return fmt.Errorf("%s is not a folder", shown(dir))
		}
		if err := writable(dir); err != nil {
			return fmt.Errorf("%s is not writable: %w", shown(dir), err)
		}
		return nil
	}
}

// fileError puts the path first and leaves out the name of the system call.
func fileError(path string, err error) error {
	if pe, ok := errors.AsType[*fs.PathError](err); ok {
		err = pe.Err
	}
	return fmt.Errorf("%s: %w", shown(path), err)
}
