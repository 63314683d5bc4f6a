;; Adds up a million numbers: a loop of a few instructions.
(module
  (memory (export "memory") 1)
  (func (export "killdeer_call") (result i32)
    (local $i i32) (local $sum i32)
    (loop $next
      (local.set $sum (i32.add (i32.mul (local.get $sum) (i32.const 3)) (local.get $i)))
      (local.set $i (i32.add (local.get $i) (i32.const 1)))
      (br_if $next (i32.ne (local.get $i) (i32.const 1000000))))
    (i32.store (i32.const 0) (local.get $sum))
    (i32.const 0)))
