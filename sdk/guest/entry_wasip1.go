//go:build wasip1

package guest

import "unsafe"

//go:wasmimport killdeer input_size
func inputSize() int32

//go:wasmimport killdeer input_read
func inputRead(p unsafe.Pointer, n int32) int32

//go:wasmimport killdeer output_write
func outputWrite(p unsafe.Pointer, n int32) int32

//go:wasmimport killdeer log
func hostLog(level int32, p unsafe.Pointer, n int32)

// Level of a log line.
type Level int32

// The levels that [Log] takes.
const (
	LevelDebug Level = iota
	LevelInfo
	LevelWarn
	LevelError
)

// Log writes a line for the operator. The host caps how much it keeps per call.
func Log(level Level, line string) {
	if line != "" {
		hostLog(int32(level), unsafe.Pointer(unsafe.StringData(line)), int32(len(line)))
	}
}

var input []byte

//go:wasmexport killdeer_call
func killdeerCall() int32 {
	n := int(inputSize())
	if n > cap(input) {
		input = make([]byte, n)
	}
	input = input[:n]
	for read := 0; read < n; {
		k := int(inputRead(unsafe.Pointer(unsafe.SliceData(input[read:])), int32(n-read)))
		if k <= 0 {
			return 1
		}
		read += k
	}
	if handle == nil {
		return 2
	}
	if out := handle(input); len(out) > 0 {
		return outputWrite(unsafe.Pointer(unsafe.SliceData(out)), int32(len(out)))
	}
	return 3
}
