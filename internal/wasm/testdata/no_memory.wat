(module
  (func (export "killdeer_call") (result i32) (i32.const 0)))
