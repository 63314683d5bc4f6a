package child

import (
	"fmt"
	"os"
)

// OwnDir makes a directory that nobody else can write to. One that is there
// already must be that: in /tmp anybody could have made it.
func OwnDir(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	info, err := os.Lstat(dir)
	if err != nil {
		return err
	}
	if !info.IsDir() || !ownedBy(info, os.Geteuid()) {
		return fmt.Errorf("%s is not a folder of this user", dir)
	}
	return os.Chmod(dir, 0o700)
}
