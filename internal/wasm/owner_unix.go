//go:build unix

package wasm

import (
	"io/fs"
	"os"
	"syscall"
)

func ownFile(info fs.FileInfo) bool {
	stat, ok := info.Sys().(*syscall.Stat_t)
	return ok && int64(stat.Uid) == int64(os.Geteuid())
}
