;; Grows its memory until that fails, and writes to each page. The output is the
;; number of pages it got.
(module
  (import "killdeer" "output_write" (func $output_write (param i32 i32) (result i32)))
  (memory (export "memory") 1)
  (func (export "killdeer_call") (result i32)
    (local $old i32)
    (block $full
      (loop $more
        (local.set $old (memory.grow (i32.const 1)))
        (br_if $full (i32.eq (local.get $old) (i32.const -1)))
        (i32.store (i32.mul (local.get $old) (i32.const 65536)) (i32.const 1))
        (br $more)))
    (i32.store (i32.const 0) (memory.size))
    (call $output_write (i32.const 0) (i32.const 4))))
