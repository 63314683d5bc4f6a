;; Burns time without end, in the way that the first byte of the input names.
(module
  (import "killdeer" "input_read" (func $input_read (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "random_get" (func $random_get (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "clock_time_get" (func $clock (param i32 i64 i32) (result i32)))
  (memory (export "memory") 512)
  (table $many 0 65536 funcref)
  (table $calls funcref (elem $leaf $clock))
  (type $void (func))
  (type $clocks (func (param i32 i64 i32) (result i32)))
  (global $x (mut f64) (f64.const 0))

  (func $leaf)

  ;; Recursion whose work is done on the way back.
  (func $ascend (param i32)
    (if (local.get 0)
      (then
        (call $ascend (i32.sub (local.get 0) (i32.const 1)))
        (i64.store (i32.const 8) (i64.div_u (i64.const -1) (i64.load (i32.const 16))))
        (i64.store (i32.const 8) (i64.div_u (i64.const -2) (i64.load (i32.const 16)))))))

  ;; Every load waits for the last and misses the caches.
  (func $chase (local $i i32)
    (loop $again
      (local.set $i (i32.and (i32.const 0x1ffffc0)
        (i32.add (i32.load (local.get $i))
          (i32.add (i32.mul (local.get $i) (i32.const 1664525)) (i32.const 1013904223)))))
      (br $again)))

  ;; A product of numbers that the processor is slow with.
  (func $subnormal
    (loop $again
      (global.set $x (f64.mul (f64.add (global.get $x) (f64.const 0x1p-1060)) (f64.const 0.75)))
      (br $again)))

  (func (export "killdeer_call") (result i32) (local $op i32)
    (drop (call $input_read (i32.const 0) (i32.const 1)))
    (local.set $op (i32.load8_u (i32.const 0)))
    (i64.store (i32.const 16) (i64.const 3))
    (loop $again
      (if (i32.eq (local.get $op) (i32.const 97)) ;; a
        (then (call $ascend (i32.const 1000000))))
      (if (i32.eq (local.get $op) (i32.const 99)) ;; c
        (then (call $chase)))
      (if (i32.eq (local.get $op) (i32.const 102)) ;; f
        (then (memory.fill (i32.const 64) (local.get $op) (i32.const 0x1ffff00))))
      (if (i32.eq (local.get $op) (i32.const 105)) ;; i
        (then (call_indirect $calls (type $void) (i32.const 0))))
      (if (i32.eq (local.get $op) (i32.const 109)) ;; m
        (then (memory.copy (i32.const 64) (i32.const 65) (i32.load offset=16 (i32.const 0)))))
      (if (i32.eq (local.get $op) (i32.const 114)) ;; r
        (then (drop (call $random_get (i32.const 64) (i32.const 0x1ffff00)))))
      (if (i32.eq (local.get $op) (i32.const 115)) ;; s
        (then (call $subnormal)))
      (if (i32.eq (local.get $op) (i32.const 116)) ;; t
        (then
          (drop (table.grow $many (ref.null func) (i32.const 65536)))
          (table.fill $many (i32.const 0) (ref.func $leaf) (i32.const 65536))))
      (if (i32.eq (local.get $op) (i32.const 111)) ;; o
        (then (drop (call_indirect $calls (type $clocks) (i32.const 0) (i64.const 0) (i32.const 64) (i32.const 1)))))
      (if (i32.eq (local.get $op) (i32.const 119)) ;; w
        (then (drop (call $fd_write (i32.const 1) (i32.const 0x100000) (i32.const 0x300000) (i32.const 64)))))
      (br $again))
    (unreachable)))
