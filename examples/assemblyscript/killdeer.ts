// Killdeer guests in AssemblyScript. Copy this file beside yours.
//
// It is the ABI killdeer/1, reading the input document and writing the output
// document. It does not validate: the host hands over valid JSON only, and refuses
// output that is none.
//
//   import { call, is, member, text } from "./killdeer";
//
//   function answer(input: string): string {
//     return is(member(input, "op"), "describe") ? describe : text("hello");
//   }
//
//   export function killdeer_call(): i32 {
//     return call(answer);
//   }

@external("killdeer", "input_size")
declare function inputSize(): i32;

@external("killdeer", "input_read")
declare function inputRead(to: usize, size: i32): i32;

@external("killdeer", "output_write")
declare function outputWrite(from: usize, size: i32): i32;

@external("killdeer", "log")
declare function hostLog(level: i32, from: usize, size: i32): void;

// Half a surrogate pair has no form in UTF-8: it becomes U+FFFD.
function bytes(s: string): ArrayBuffer {
  return String.UTF8.encode(s, false, String.UTF8.ErrorMode.REPLACE);
}

/** Answers one call: 0, or 1 if the input could not be read. */
export function call(answer: (input: string) => string): i32 {
  const input = new ArrayBuffer(inputSize());
  let got = 0;
  while (got < input.byteLength) {
    const n = inputRead(changetype<usize>(input) + got, input.byteLength - got);
    if (n <= 0) return 1;
    got += n;
  }
  const output = bytes(answer(String.UTF8.decode(input)));
  return outputWrite(changetype<usize>(output), output.byteLength);
}

/** Writes a line for the operator: level 0 is debug, 1 info, 2 warning, 3 error. */
export function log(level: i32, line: string): void {
  const b = bytes(line);
  hostLog(level, changetype<usize>(b), b.byteLength);
}

/**
 * A member of a JSON object as it is spelled, to be passed on to unquote, is or
 * member; "" if there is none. Of equal keys the last one counts.
 */
export function member(object: string, key: string): string {
  let found = "";
  let i = space(object, 0);
  if (i >= object.length || object.charCodeAt(i) != 0x7b) return found;
  i = space(object, i + 1);
  while (i < object.length && object.charCodeAt(i) == 0x22) {
    let end = skip(object, i);
    const same = is(object.substring(i, end), key);
    i = space(object, space(object, end) + 1); // over the colon
    end = skip(object, i);
    if (same) found = object.substring(i, end);
    i = space(object, space(object, end) + 1); // over the comma
  }
  return found;
}

/** Whether a JSON value is a string with this text. */
export function is(value: string, want: string): bool {
  return value.length > 0 && value.charCodeAt(0) == 0x22 && unquote(value) == want;
}

function isSpace(c: i32): bool {
  return c == 0x20 || c == 0x09 || c == 0x0a || c == 0x0d;
}

function space(s: string, i: i32): i32 {
  while (i < s.length && isSpace(s.charCodeAt(i))) i++;
  return i;
}

/** The index after the value that begins at an index. */
function skip(s: string, i: i32): i32 {
  let depth = 0;
  for (; i < s.length; i++) {
    const c = s.charCodeAt(i);
    if (c == 0x22) {
      i = stringEnd(s, i);
      if (depth == 0) return i + 1;
    } else if (c == 0x7b || c == 0x5b) {
      depth++;
    } else if (c == 0x7d || c == 0x5d) {
      if (depth == 0) return i;
      if (--depth == 0) return i + 1;
    } else if (depth == 0 && (c == 0x2c || c == 0x3a || isSpace(c))) {
      return i;
    }
  }
  return s.length;
}

/** The index of the quote that closes the string that begins at an index. */
function stringEnd(s: string, i: i32): i32 {
  i++;
  while (i + 1 < s.length && s.charCodeAt(i) != 0x22) i += s.charCodeAt(i) == 0x5c ? 2 : 1;
  return i;
}

/** Decodes a JSON string; anything else gives "". */
export function unquote(value: string): string {
  if (value.length < 2 || value.charCodeAt(0) != 0x22) return "";
  const end = value.length - 1;
  let out = "";
  let from = 1;
  for (let i = 1; i < end; ) {
    if (value.charCodeAt(i) != 0x5c) {
      i++;
      continue;
    }
    out += value.substring(from, i);
    if (value.charCodeAt(i + 1) == 0x75) {
      out += String.fromCharCode(i32(parseInt(value.substring(i + 2, i + 6), 16)));
      i += 6;
    } else {
      out += escape(value.charAt(i + 1));
      i += 2;
    }
    from = i;
  }
  return out + value.substring(from, end);
}

function escape(c: string): string {
  if (c == "b") return "\b";
  if (c == "f") return "\f";
  if (c == "n") return "\n";
  if (c == "r") return "\r";
  if (c == "t") return "\t";
  return c;
}

/** A JSON string. What JSON demands is escaped, nothing else. */
export function quote(s: string): string {
  let out = '"';
  let from = 0;
  for (let i = 0; i < s.length; i++) {
    const c = s.charCodeAt(i);
    if (c >= 0x20 && c != 0x22 && c != 0x5c) continue;
    out += s.substring(from, i) + escaped(c);
    from = i + 1;
  }
  return out + s.substring(from) + '"';
}

function escaped(c: i32): string {
  if (c == 0x22) return '\\"';
  if (c == 0x5c) return "\\\\";
  if (c == 0x08) return "\\b";
  if (c == 0x0c) return "\\f";
  if (c == 0x0a) return "\\n";
  if (c == 0x0d) return "\\r";
  if (c == 0x09) return "\\t";
  return "\\u00" + (c < 16 ? "0" : "") + c.toString(16);
}

/** The output document of a tool that answers with one text. */
export function text(s: string): string {
  return '{"result":{"content":[{"type":"text","text":' + quote(s) + "}]}}";
}

/** The output document of a refused request; of kind "tool" the client sees the message. */
export function error(kind: string, message: string): string {
  return '{"error":{"kind":' + quote(kind) + ',"message":' + quote(message) + "}}";
}

/** The N-th value of a kind from the deployment's world. The mark is the input's. */
export function fake(mark: string, kind: string, n: i32): string {
  return "{{" + mark + ":fake:" + kind + ":" + n.toString() + "}}";
}

/** A honeytoken for whoever reads the answer, one for each label. */
export function canary(mark: string, kind: string, label: string): string {
  return "{{" + mark + ":canary:" + kind + ":" + label + "}}";
}
