package store

import (
	"io/fs"
	"syscall"
)

// blocks returns how many bytes of the disk a file takes.
func blocks(info fs.FileInfo) int64 {
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return -1
	}
	return stat.Blocks * 512
}
