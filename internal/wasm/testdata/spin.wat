;; Runs forever.
(module
  (memory (export "memory") 1)
  (func (export "killdeer_call") (result i32)
    (loop $again (br $again))
    (i32.const 0)))
