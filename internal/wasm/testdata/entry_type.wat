(module
  (memory (export "memory") 1)
  (func (export "killdeer_call") (param i32) (result i32) (i32.const 0)))
