//! Killdeer guests in Rust. Copy this file beside yours: it needs no crate.
//!
//! It is the ABI killdeer/1, reading the input document and writing the output
//! document. It does not validate: the host hands over valid JSON only, and refuses
//! output that is none. A panic fails the call; its text goes nowhere.
//!
//! A guest hands [`serve!`] its function, which is called once for each input:
//!
//! ```
//! mod killdeer;
//! use killdeer::{member, string};
//!
//! fn answer(input: &str) -> String {
//!     match string(member(input, "op")).as_str() {
//!         "describe" => include_str!("describe.json").to_string(),
//!         _ => killdeer::text("hello"),
//!     }
//! }
//!
//! killdeer::serve!(answer);
//! ```
#![allow(dead_code)]

mod abi {
    #[link(wasm_import_module = "killdeer")]
    extern "C" {
        pub fn input_size() -> i32;
        pub fn input_read(to: *mut u8, size: i32) -> i32;
        pub fn output_write(from: *const u8, size: i32) -> i32;
        pub fn log(level: i32, from: *const u8, size: i32);
    }
}

/// Exports `killdeer_call`, which answers with a `fn(&str) -> String`.
#[macro_export]
macro_rules! serve {
    ($answer:path) => {
        #[no_mangle]
        pub extern "C" fn killdeer_call() -> i32 {
            $crate::killdeer::call($answer)
        }
    };
}
pub(crate) use serve;

/// Answers one call: 0, or 1 if the input could not be read.
pub fn call(answer: fn(&str) -> String) -> i32 {
    let mut input = vec![0; unsafe { abi::input_size() } as usize];
    let mut got = 0;
    while got < input.len() {
        let rest = &mut input[got..];
        match unsafe { abi::input_read(rest.as_mut_ptr(), rest.len() as i32) } {
            n if n > 0 => got += n as usize,
            _ => return 1,
        }
    }
    match String::from_utf8(input) {
        Ok(input) => {
            let output = answer(&input);
            unsafe { abi::output_write(output.as_ptr(), output.len() as i32) }
        }
        Err(_) => 1,
    }
}

/// Writes a line for the operator: level 0 is debug, 1 info, 2 warning, 3 error.
pub fn log(level: i32, line: &str) {
    unsafe { abi::log(level, line.as_ptr(), line.len() as i32) }
}

/// A member of a JSON object as it is spelled, to be passed on to [`string`],
/// [`elements`] or `member`; "" if there is none. Of equal keys the last one counts.
pub fn member<'a>(object: &'a str, key: &str) -> &'a str {
    let mut found = "";
    let mut rest = match object.trim_start().strip_prefix('{') {
        Some(rest) => rest.trim_start(),
        None => return found,
    };
    while rest.starts_with('"') {
        let (name, after) = value(rest);
        let (v, after) = value(after.trim_start().trim_start_matches(':').trim_start());
        if string(name) == key {
            found = v;
        }
        rest = after.trim_start().trim_start_matches(',').trim_start();
    }
    found
}

/// The elements of a JSON array as they are spelled.
pub fn elements(array: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut rest = array.trim_start().strip_prefix('[').unwrap_or("").trim_start();
    while !rest.is_empty() && !rest.starts_with(']') {
        let (v, after) = value(rest);
        found.push(v);
        rest = after.trim_start().trim_start_matches(',').trim_start();
    }
    found
}

/// Splits after the first value.
fn value(s: &str) -> (&str, &str) {
    let (mut depth, mut quoted, mut escaped) = (0, false, false);
    for (i, c) in s.bytes().enumerate() {
        if quoted {
            let ends = c == b'"' && !escaped;
            escaped = c == b'\\' && !escaped;
            quoted = !ends;
            if ends && depth == 0 {
                return s.split_at(i + 1);
            }
            continue;
        }
        match c {
            b'"' => quoted = true,
            b'{' | b'[' => depth += 1,
            b'}' | b']' if depth == 0 => return s.split_at(i),
            b'}' | b']' => {
                depth -= 1;
                if depth == 0 {
                    return s.split_at(i + 1);
                }
            }
            b',' | b':' | b' ' | b'\t' | b'\n' | b'\r' if depth == 0 => return s.split_at(i),
            _ => {}
        }
    }
    (s, "")
}

/// Decodes a JSON string; anything else gives "". Half a surrogate pair becomes
/// U+FFFD.
pub fn string(value: &str) -> String {
    let body = match value.strip_prefix('"').and_then(|v| v.strip_suffix('"')) {
        Some(body) => body,
        None => return String::new(),
    };
    let mut out = String::with_capacity(body.len());
    let mut rest = body;
    while let Some(at) = rest.find('\\') {
        out.push_str(&rest[..at]);
        let escape = rest.as_bytes()[at + 1];
        rest = &rest[at + 2..];
        match escape {
            b'b' => out.push('\u{8}'),
            b'f' => out.push('\u{c}'),
            b'n' => out.push('\n'),
            b'r' => out.push('\r'),
            b't' => out.push('\t'),
            b'u' => rest = unit(rest, &mut out),
            _ => out.push(escape as char),
        }
    }
    out.push_str(rest);
    out
}

/// Decodes the digits of \uXXXX, with its other half if it is one of a pair, and
/// returns what follows.
fn unit<'a>(s: &'a str, out: &mut String) -> &'a str {
    let hex = |s: &str| s.get(..4).and_then(|d| u16::from_str_radix(d, 16).ok());
    let first = hex(s).unwrap_or(0xFFFD);
    let rest = s.get(4..).unwrap_or("");
    let low = rest.strip_prefix("\\u").and_then(hex);
    if let (0xD800..=0xDBFF, Some(low @ 0xDC00..=0xDFFF)) = (first, low) {
        out.extend(char::decode_utf16([first, low]).flatten());
        return &rest[6..];
    }
    out.push(char::from_u32(first.into()).unwrap_or('\u{FFFD}'));
    rest
}

/// A JSON string. What JSON demands is escaped, nothing else.
pub fn quote(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\0'..='\u{1f}' => out.push_str(&format!("\\u{:04x}", c as u32)),
            _ => out.push(c),
        }
    }
    out.push('"');
    out
}

/// The output document of a tool that answers with one text.
pub fn text(text: &str) -> String {
    format!(r#"{{"result":{{"content":[{{"type":"text","text":{}}}]}}}}"#, quote(text))
}

/// The output document of a refused request; of kind "tool" the client sees the
/// message.
pub fn error(kind: &str, message: &str) -> String {
    format!(r#"{{"error":{{"kind":{},"message":{}}}}}"#, quote(kind), quote(message))
}

/// The N-th value of a kind from the deployment's world: "person_name", "email" and
/// others. The mark is the input's.
pub fn fake(mark: &str, kind: &str, n: u32) -> String {
    format!("{{{{{mark}:fake:{kind}:{n}}}}}")
}

/// A honeytoken for whoever reads the answer, one for each label.
pub fn canary(mark: &str, kind: &str, label: &str) -> String {
    format!("{{{{{mark}:canary:{kind}:{label}}}}}")
}
