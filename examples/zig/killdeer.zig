//! Killdeer guests in Zig. Copy this file beside yours.
//!
//! It is the ABI killdeer/1, reading the input document and writing the output
//! document. It does not validate: the host hands over valid JSON only, and refuses
//! output that is none. What a call allocates is gone at the next one.
//!
//!     const killdeer = @import("killdeer.zig");
//!
//!     fn answer(input: []const u8) []const u8 {
//!         if (killdeer.is(killdeer.member(input, "op"), "describe")) return @embedFile("describe.json");
//!         return killdeer.text("hello");
//!     }
//!
//!     export fn killdeer_call() i32 {
//!         return killdeer.call(answer);
//!     }

const std = @import("std");

const abi = struct {
    extern "killdeer" fn input_size() i32;
    extern "killdeer" fn input_read(to: [*]u8, size: i32) i32;
    extern "killdeer" fn output_write(from: [*]const u8, size: i32) i32;
    extern "killdeer" fn log(level: i32, from: [*]const u8, size: i32) void;
};

/// What one call may use: its input of up to 256 KiB, what is decoded of it, and
/// the answer.
var memory: [4 << 20]u8 = undefined;
var arena = std.heap.FixedBufferAllocator.init(&memory);

/// Bytes for the rest of the call. A call that needs more than there is traps.
pub fn alloc(size: usize) []u8 {
    return arena.allocator().alloc(u8, size) catch @trap();
}

/// Joins texts.
pub fn concat(parts: []const []const u8) []const u8 {
    return std.mem.concat(arena.allocator(), u8, parts) catch @trap();
}

/// Whether two texts are equal.
pub fn eql(a: []const u8, b: []const u8) bool {
    return std.mem.eql(u8, a, b);
}

/// Answers one call: 0, or 1 if the input could not be read.
pub fn call(comptime answer: fn (input: []const u8) []const u8) i32 {
    arena.reset();
    const input = alloc(@intCast(abi.input_size()));
    var got: usize = 0;
    while (got < input.len) {
        const n = abi.input_read(input.ptr + got, @intCast(input.len - got));
        if (n <= 0) return 1;
        got += @intCast(n);
    }
    const output = answer(input);
    return abi.output_write(output.ptr, @intCast(output.len));
}

/// Writes a line for the operator: level 0 is debug, 1 info, 2 warning, 3 error.
pub fn log(level: i32, line: []const u8) void {
    abi.log(level, line.ptr, @intCast(line.len));
}

/// A member of a JSON object as it is spelled, to be passed on to string, is or
/// member; "" if there is none. Of equal keys the last one counts.
pub fn member(object: []const u8, key: []const u8) []const u8 {
    var found: []const u8 = "";
    var i = space(object, 0);
    if (i >= object.len or object[i] != '{') return found;
    i = space(object, i + 1);
    while (i < object.len and object[i] == '"') {
        const name = object[i..skip(object, i)];
        i = space(object, space(object, i + name.len) + 1); // over the colon
        const value = object[i..skip(object, i)];
        if (is(name, key)) found = value;
        i = space(object, space(object, i + value.len) + 1); // over the comma
    }
    return found;
}

/// Whether a JSON value is a string with this text.
pub fn is(value: []const u8, want: []const u8) bool {
    const before = arena.end_index;
    defer arena.end_index = before;
    return value.len > 0 and value[0] == '"' and eql(string(value), want);
}

fn space(s: []const u8, from: usize) usize {
    var i = from;
    while (i < s.len and (s[i] == ' ' or s[i] == '\t' or s[i] == '\n' or s[i] == '\r')) i += 1;
    return i;
}

/// The index after the value that begins at an index.
fn skip(s: []const u8, from: usize) usize {
    var depth: usize = 0;
    var i = from;
    while (i < s.len) : (i += 1) {
        switch (s[i]) {
            '"' => {
                i = stringEnd(s, i);
                if (depth == 0) return i + 1;
            },
            '{', '[' => depth += 1,
            '}', ']' => {
                if (depth == 0) return i;
                depth -= 1;
                if (depth == 0) return i + 1;
            },
            ',', ':', ' ', '\t', '\n', '\r' => if (depth == 0) return i,
            else => {},
        }
    }
    return s.len;
}

/// The index of the quote that closes the string that begins at an index.
fn stringEnd(s: []const u8, from: usize) usize {
    var i = from + 1;
    while (i + 1 < s.len and s[i] != '"') i += if (s[i] == '\\') 2 else 1;
    return i;
}

/// Decodes a JSON string; anything else gives "". Half a surrogate pair becomes
/// U+FFFD.
pub fn string(value: []const u8) []const u8 {
    if (value.len < 2 or value[0] != '"') return "";
    const out = alloc(value.len);
    var n: usize = 0;
    var i: usize = 1;
    while (i < value.len - 1) {
        var c = value[i];
        i += 1;
        if (c == '\\') {
            c = value[i];
            i += 1;
            if (c == 'u') {
                n += std.unicode.utf8Encode(unit(value, &i), out[n..]) catch @trap();
                continue;
            }
            c = switch (c) {
                'b' => 8,
                'f' => 12,
                'n' => '\n',
                'r' => '\r',
                't' => '\t',
                else => c,
            };
        }
        out[n] = c;
        n += 1;
    }
    return out[0..n];
}

/// Decodes the digits of \uXXXX, with its other half if it is one of a pair.
fn unit(s: []const u8, i: *usize) u21 {
    const first = hex(s, i.*);
    i.* += 4;
    if (first < 0xD800 or first > 0xDFFF) return first;
    if (first < 0xDC00 and i.* + 1 < s.len and s[i.*] == '\\' and s[i.* + 1] == 'u') {
        const low = hex(s, i.* + 2);
        if (low >= 0xDC00 and low <= 0xDFFF) {
            i.* += 6;
            return 0x10000 + ((first - 0xD800) << 10 | (low - 0xDC00));
        }
    }
    return 0xFFFD;
}

fn hex(s: []const u8, i: usize) u21 {
    if (i + 4 > s.len) return 0xFFFD;
    return std.fmt.parseInt(u16, s[i .. i + 4], 16) catch 0xFFFD;
}

/// A JSON string. What JSON demands is escaped, nothing else.
pub fn quote(s: []const u8) []const u8 {
    const digits = "0123456789abcdef";
    const out = alloc(6 * s.len + 2);
    out[0] = '"';
    var n: usize = 1;
    for (s) |c| {
        const short: u8 = switch (c) {
            '"', '\\' => c,
            8 => 'b',
            12 => 'f',
            '\n' => 'n',
            '\r' => 'r',
            '\t' => 't',
            else => 0,
        };
        if (short != 0) {
            out[n..][0..2].* = .{ '\\', short };
            n += 2;
        } else if (c < 0x20) {
            out[n..][0..6].* = .{ '\\', 'u', '0', '0', digits[c >> 4], digits[c & 15] };
            n += 6;
        } else {
            out[n] = c;
            n += 1;
        }
    }
    out[n] = '"';
    return out[0 .. n + 1];
}

/// The output document of a tool that answers with one text.
pub fn text(s: []const u8) []const u8 {
    return concat(&.{ "{\"result\":{\"content\":[{\"type\":\"text\",\"text\":", quote(s), "}]}}" });
}

/// The output document of a refused request; of kind "tool" the client sees the
/// message.
pub fn fail(kind: []const u8, message: []const u8) []const u8 {
    return concat(&.{ "{\"error\":{\"kind\":", quote(kind), ",\"message\":", quote(message), "}}" });
}

/// A value from the deployment's world: kind "person_name", "email" or another, and
/// its number. The mark is the input's.
pub fn fake(mark: []const u8, kind: []const u8, n: []const u8) []const u8 {
    return concat(&.{ "{{", mark, ":fake:", kind, ":", n, "}}" });
}

/// A honeytoken for whoever reads the answer, one for each label.
pub fn canary(mark: []const u8, kind: []const u8, label: []const u8) []const u8 {
    return concat(&.{ "{{", mark, ":canary:", kind, ":", label, "}}" });
}
