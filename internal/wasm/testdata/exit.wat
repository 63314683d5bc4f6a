;; Exits with the first byte of its input.
(module
  (import "killdeer" "input_read" (func $input_read (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
  (memory (export "memory") 1)
  (func (export "_start")
    (drop (call $input_read (i32.const 0) (i32.const 1)))
    (call $exit (i32.load8_u (i32.const 0)))))
