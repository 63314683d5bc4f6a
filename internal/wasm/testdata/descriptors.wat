;; Closes its standard error before its first call, and tells in each whether that
;; is so: an image would not hold it.
(module
  (import "wasi_snapshot_preview1" "fd_close" (func $fd_close (param i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_fdstat_get" (func $fd_fdstat_get (param i32 i32) (result i32)))
  (import "killdeer" "output_write" (func $output_write (param i32 i32) (result i32)))
  (memory (export "memory") 1)
  (func (export "_initialize") (drop (call $fd_close (i32.const 2))))
  (func (export "killdeer_call") (result i32)
    (i32.store (i32.const 0) (call $fd_fdstat_get (i32.const 2) (i32.const 16)))
    (call $output_write (i32.const 0) (i32.const 4))))
