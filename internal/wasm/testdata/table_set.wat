;; Keeps what it remembers in a table, which an image would not hold: it answers
;; how often it was called.
(module
  (import "killdeer" "output_write" (func $output_write (param i32 i32) (result i32)))
  (memory (export "memory") 1)
  (table $t 2 funcref)
  (type $step (func (result i32)))
  (func $one (result i32) (i32.const 1))
  (func $two (result i32) (i32.const 2))
  (elem (table $t) (i32.const 0) func $one $two)
  (func (export "killdeer_call") (result i32)
    (i32.store (i32.const 0) (call_indirect $t (type $step) (i32.const 0)))
    (table.set $t (i32.const 0) (table.get $t (i32.const 1)))
    (call $output_write (i32.const 0) (i32.const 4))))
