//go:build trouble

package main

import (
	"os"
	"path/filepath"
	"strings"
	"time"
)

// makeTrouble lets a test bring the child to an end that nothing recovers from: it
// does what the file trouble in the state directory says.
func makeTrouble(state string) {
	path := filepath.Join(state, "trouble")
	go func() {
		for ; ; time.Sleep(50 * time.Millisecond) {
			text, err := os.ReadFile(path)
			if err != nil {
				continue
			}
			_ = os.Remove(path)
			switch strings.TrimSpace(string(text)) {
			case "map":
				writeMapTwice()
			case "memory":
				takeAll()
			case "panic":
				panic("a test asked for this")
			}
		}
	}()
}

func writeMapTwice() {
	shared := map[int]int{}
	for range 8 {
		go func() {
			for i := 0; ; i++ {
				shared[i%100] = i
			}
		}()
	}
}

func takeAll() {
	var kept [][]byte
	for {
		block := make([]byte, 8<<20)
		for i := 0; i < len(block); i += 4096 {
			block[i] = 1
		}
		kept = append(kept, block)
		_ = kept
	}
}
