;; Keeps what an instance should not share: it answers how often it was called,
;; and the input of the call before. An input of ! makes it fail.
(module
  (import "killdeer" "input_read" (func $input_read (param i32 i32) (result i32)))
  (import "killdeer" "output_write" (func $output_write (param i32 i32) (result i32)))
  (memory (export "memory") 1)
  (global $calls (mut i32) (i32.const 0))
  (func (export "killdeer_call") (result i32)
    (global.set $calls (i32.add (global.get $calls) (i32.const 1)))
    (i32.store8 (i32.const 0) (global.get $calls))
    (drop (call $output_write (i32.const 0) (i32.const 9)))
    (drop (call $input_read (i32.const 1) (i32.const 8)))
    (i32.eq (i32.load8_u (i32.const 1)) (i32.const 33))))
