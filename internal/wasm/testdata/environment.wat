;; Answers all it can learn of its surroundings: wall clock, monotonic clock, 16
;; random bytes, the counts of arguments and environment variables, and what
;; asking for a first preopened directory returns.
(module
  (import "wasi_snapshot_preview1" "clock_time_get" (func $clock (param i32 i64 i32) (result i32)))
  (import "wasi_snapshot_preview1" "random_get" (func $random (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "args_sizes_get" (func $args (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "environ_sizes_get" (func $environ (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_prestat_get" (func $prestat (param i32 i32) (result i32)))
  (import "killdeer" "output_write" (func $output_write (param i32 i32) (result i32)))
  (memory (export "memory") 1)
  (func (export "killdeer_call") (result i32)
    (drop (call $clock (i32.const 0) (i64.const 1) (i32.const 0)))
    (drop (call $clock (i32.const 1) (i64.const 1) (i32.const 8)))
    (drop (call $random (i32.const 16) (i32.const 16)))
    (drop (call $args (i32.const 32) (i32.const 44)))
    (drop (call $environ (i32.const 36) (i32.const 44)))
    (i32.store (i32.const 40) (call $prestat (i32.const 3) (i32.const 48)))
    (call $output_write (i32.const 0) (i32.const 44))))
