(module
  (import "killdeer" "input_read" (func (param i64 i32) (result i32)))
  (memory (export "memory") 1)
  (func (export "killdeer_call") (result i32)
    (i32.const 0)))
