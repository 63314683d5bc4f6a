(module
  (memory (export "memory") 1)
  (func (export "_start"))
  (func (export "killdeer_call") (result i32) (i32.const 0)))
