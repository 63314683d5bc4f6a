(module
  (import "wasi_snapshot_preview1" "sock_open" (func (param i32 i32) (result i32)))
  (memory (export "memory") 1)
  (func (export "killdeer_call") (result i32)
    (i32.const 0)))
