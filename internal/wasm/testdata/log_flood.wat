;; Logs 1000 lines of 100 bytes, at level 3, then writes as many to standard error.
(module
  (import "killdeer" "log" (func $log (param i32 i32 i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 0) "\00\10\00\00\64\00\00\00")
  (data (i32.const 4096) "0123456789 0123456789 0123456789 0123456789 0123456789 0123456789 0123456789 0123456789 0123456789 \n")
  (func (export "killdeer_call") (result i32)
    (local $i i32)
    (loop $more
      (call $log (i32.const 3) (i32.const 4096) (i32.const 99))
      (drop (call $fd_write (i32.const 2) (i32.const 0) (i32.const 1) (i32.const 8)))
      (local.set $i (i32.add (local.get $i) (i32.const 1)))
      (br_if $more (i32.lt_u (local.get $i) (i32.const 1000))))
    (i32.const 0)))
