;; Does what the first byte of its input says: s spins, t traps, anything else
;; echoes.
(module
  (import "killdeer" "input_size" (func $input_size (result i32)))
  (import "killdeer" "input_read" (func $input_read (param i32 i32) (result i32)))
  (import "killdeer" "output_write" (func $output_write (param i32 i32) (result i32)))
  (memory (export "memory") 1)
  (func (export "killdeer_call") (result i32)
    (local $n i32)
    (local.set $n (call $input_read (i32.const 0) (i32.const 4096)))
    (if (i32.eq (i32.load8_u (i32.const 0)) (i32.const 115))
      (then (loop $again (br $again))))
    (if (i32.eq (i32.load8_u (i32.const 0)) (i32.const 116))
      (then unreachable))
    (call $output_write (i32.const 0) (local.get $n))))
