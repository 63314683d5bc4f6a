;; The output is what growing a table without a maximum by 50 million returns, and
;; its size.
(module
  (import "killdeer" "output_write" (func $output_write (param i32 i32) (result i32)))
  (table $t 2 funcref)
  (table $u 2 100000000 externref)
  (memory (export "memory") 1)
  (func (export "killdeer_call") (result i32)
    (i32.store (i32.const 0) (table.grow $t (ref.null func) (i32.const 50000000)))
    (i32.store (i32.const 4) (table.grow $u (ref.null extern) (i32.const 50000000)))
    (i32.store (i32.const 8) (table.grow $t (ref.null func) (i32.const 65534)))
    (i32.store (i32.const 12) (table.size $t))
    (call $output_write (i32.const 0) (i32.const 16))))
