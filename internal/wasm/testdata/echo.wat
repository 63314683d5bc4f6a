;; Writes its input back, a kilobyte at a time.
(module
  (import "killdeer" "input_size" (func $input_size (result i32)))
  (import "killdeer" "input_read" (func $input_read (param i32 i32) (result i32)))
  (import "killdeer" "output_write" (func $output_write (param i32 i32) (result i32)))
  (memory (export "memory") 1)
  (func (export "killdeer_call") (result i32)
    (local $n i32)
    (if (i32.eqz (call $input_size)) (then (return (i32.const 0))))
    (loop $more
      (local.set $n (call $input_read (i32.const 0) (i32.const 1024)))
      (drop (call $output_write (i32.const 0) (local.get $n)))
      (br_if $more (local.get $n)))
    (i32.const 0)))
