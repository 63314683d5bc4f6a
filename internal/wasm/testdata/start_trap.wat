(module
  (memory (export "memory") 1)
  (func $s unreachable)
  (start $s)
  (func (export "killdeer_call") (result i32) (i32.const 0)))
