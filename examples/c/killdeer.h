// killdeer.h: Killdeer guests in C. Copy this file beside yours.
//
// It is all a guest needs: the ABI killdeer/1, reading the input document and
// writing the output document. No libc, no allocator, no imports but the four of
// the ABI. It does not validate: the host hands over valid JSON only, and refuses
// output that is none.
//
// A guest defines KILLDEER_ANSWER, a function that is called once for each input:
//
//	#include "killdeer.h"
//
//	static const char describe[] = KD_JSON({"abi":1,"kind":"persona","id":"hello","version":"1.0.0","personas":[)
//		KD_JSON({"id":"hello","server":{"name":"hello","version":"1.0.0"},)
//		KD_JSON("tools":[{"name":"hello","inputSchema":{"type":"object"}}]}]});
//
//	KILLDEER_ANSWER(input) {
//		if (kd_is(kd_member(input, "op"), "describe")) {
//			kd_raw(describe);
//			return 0;
//		}
//		kd_raw("{\"result\":{\"content\":[{\"type\":\"text\",\"text\":\"hello\"}]}}");
//		return 0;
//	}
//
//	clang --target=wasm32 -O2 -nostdlib -Wl,--no-entry -Wl,--strip-all -o hello.wasm hello.c
#ifndef KILLDEER_H
#define KILLDEER_H

#include <stdbool.h>
#include <stdint.h>

// KD_MAX_INPUT is the largest input that a guest is given, in bytes: a persona's
// envelope. Events of rules may be larger; a larger input fails the call.
#ifndef KD_MAX_INPUT
#define KD_MAX_INPUT (256 << 10)
#endif

#define KD_IMPORT(function) __attribute__((import_module("killdeer"), import_name(function)))

KD_IMPORT("input_size") int32_t kd_input_size(void);
KD_IMPORT("input_read") int32_t kd_input_read(char *to, int32_t size);
KD_IMPORT("output_write") int32_t kd_output_write(const char *from, int32_t size);
KD_IMPORT("log") void kd_log(int32_t level, const char *from, int32_t size);

// KD_JSON makes a string of JSON that is written as it is. Parentheses outside
// strings must be balanced, braces need not be.
#define KD_JSON(...) #__VA_ARGS__

// kd_str is a run of bytes that someone else holds: the input, a literal, or the
// memory that kd_string decodes into. Its members may hold NUL.
typedef struct {
	const char *at;
	int32_t size;
} kd_str;

// KD_LIT is a literal as kd_str.
#define KD_LIT(text) ((kd_str){"" text, (int32_t)sizeof(text) - 1})

static char kd_input[KD_MAX_INPUT];
static char kd_decoded[2 * KD_MAX_INPUT]; // what kd_string has decoded in this call
static int32_t kd_decoded_size;
static char kd_output[4096]; // what is still to be written
static int32_t kd_output_size;

// kd_flush hands over what has been written. KILLDEER_ANSWER does it at the end.
static inline void kd_flush(void) {
	if (kd_output_size > 0) kd_output_write(kd_output, kd_output_size);
	kd_output_size = 0;
}

static inline void kd_byte(char c) {
	if (kd_output_size == (int32_t)sizeof kd_output) kd_flush();
	kd_output[kd_output_size++] = c;
}

// kd_put writes bytes as they are.
static inline void kd_put(kd_str s) {
	for (int32_t i = 0; i < s.size; i++) kd_byte(s.at[i]);
}

// kd_raw writes a C string as it is: JSON that the author has written.
static inline void kd_raw(const char *text) {
	while (*text) kd_byte(*text++);
}

// kd_text writes the inside of a JSON string: what JSON demands is escaped,
// nothing else.
static inline void kd_text(kd_str s) {
	static const char hex[] = "0123456789abcdef", from[] = "\"\\\b\f\n\r\t", to[] = "\"\\bfnrt";
	for (int32_t i = 0; i < s.size; i++) {
		unsigned char c = (unsigned char)s.at[i];
		int short_form = 0;
		while (from[short_form] && from[short_form] != (char)c) short_form++;
		if (c && from[short_form]) {
			kd_byte('\\');
			kd_byte(to[short_form]);
		} else if (c < 0x20) {
			kd_raw("\\u00");
			kd_byte(hex[c >> 4]);
			kd_byte(hex[c & 15]);
		} else {
			kd_byte((char)c);
		}
	}
}

// kd_same reports whether two runs are equal, byte by byte.
static inline bool kd_same(kd_str a, kd_str b) {
	if (a.size != b.size) return false;
	for (int32_t i = 0; i < a.size; i++) {
		if (a.at[i] != b.at[i]) return false;
	}
	return true;
}

static inline int32_t kd_space(kd_str s, int32_t i) {
	while (i < s.size && (s.at[i] == ' ' || s.at[i] == '\t' || s.at[i] == '\n' || s.at[i] == '\r')) i++;
	return i;
}

// kd_skip returns the index after the value that begins at i.
static inline int32_t kd_skip(kd_str s, int32_t i) {
	int depth = 0;
	bool quoted = false;
	for (; i < s.size; i++) {
		char c = s.at[i];
		if (quoted) {
			if (c == '\\') i++;
			if (c == '"') quoted = false;
			if (quoted || depth > 0) continue;
			return i + 1;
		}
		if (c == '"') {
			quoted = true;
		} else if (c == '{' || c == '[') {
			depth++;
		} else if (c == '}' || c == ']') {
			if (depth == 0) return i; // the end of what a number stands in
			if (--depth == 0) return i + 1;
		} else if (depth == 0 && (c == ',' || c == ':' || c == ' ' || c == '\t' || c == '\n' || c == '\r')) {
			return i;
		}
	}
	return s.size;
}

static inline uint32_t kd_hex(kd_str s, int32_t i) {
	uint32_t n = 0;
	for (int32_t end = i + 4; i < end && i < s.size; i++) {
		char c = s.at[i];
		n = n << 4 | (uint32_t)(c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
	}
	return n;
}

static inline void kd_keep(uint32_t c) {
	if (kd_decoded_size == (int32_t)sizeof kd_decoded) __builtin_trap();
	kd_decoded[kd_decoded_size++] = (char)c;
}

static inline void kd_keep_utf8(uint32_t r) {
	if (r < 0x80) {
		kd_keep(r);
		return;
	}
	if (r < 0x800) {
		kd_keep(0xC0 | r >> 6);
	} else if (r < 0x10000) {
		kd_keep(0xE0 | r >> 12);
		kd_keep(0x80 | (r >> 6 & 0x3F));
	} else {
		kd_keep(0xF0 | r >> 18);
		kd_keep(0x80 | (r >> 12 & 0x3F));
		kd_keep(0x80 | (r >> 6 & 0x3F));
	}
	kd_keep(0x80 | (r & 0x3F));
}

// kd_unit decodes the escape \uXXXX whose digits begin at i, with its other half
// if it is one of a pair, and returns the index after it. Half a pair is U+FFFD.
static inline int32_t kd_unit(kd_str s, int32_t i) {
	uint32_t r = kd_hex(s, i);
	i += 4;
	if (r >= 0xD800 && r < 0xE000) {
		uint32_t low = i + 1 < s.size && s.at[i] == '\\' && s.at[i + 1] == 'u' ? kd_hex(s, i + 2) : 0;
		if (r < 0xDC00 && low >= 0xDC00 && low < 0xE000) {
			r = 0x10000 + ((r - 0xD800) << 10 | (low - 0xDC00));
			i += 6;
		} else {
			r = 0xFFFD;
		}
	}
	kd_keep_utf8(r);
	return i;
}

// kd_string decodes a JSON string; anything else gives an empty one. The result is
// good until the end of the call.
static inline kd_str kd_string(kd_str value) {
	kd_str s = {kd_decoded + kd_decoded_size, 0};
	if (value.size < 2 || value.at[0] != '"') return s;
	value.size--; // the closing quote
	for (int32_t i = 1; i < value.size;) {
		char c = value.at[i++];
		if (c != '\\') {
			kd_keep((unsigned char)c);
			continue;
		}
		switch (c = value.at[i++]) {
		case 'b': kd_keep('\b'); break;
		case 'f': kd_keep('\f'); break;
		case 'n': kd_keep('\n'); break;
		case 'r': kd_keep('\r'); break;
		case 't': kd_keep('\t'); break;
		case 'u': i = kd_unit(value, i); break;
		default: kd_keep((unsigned char)c);
		}
	}
	s.size = (int32_t)(kd_decoded + kd_decoded_size - s.at);
	return s;
}

// kd_is reports whether a value is the string of a literal.
#define kd_is(value, text) kd_equals(value, KD_LIT(text))

static inline bool kd_equals(kd_str value, kd_str want) {
	int32_t before = kd_decoded_size;
	bool same = value.size > 0 && value.at[0] == '"' && kd_same(kd_string(value), want);
	kd_decoded_size = before;
	return same;
}

// kd_member returns a member of an object, as it is spelled: pass it on to
// kd_string, kd_is or kd_member. It is empty if there is none. Of equal keys the
// last one counts.
#define kd_member(object, key) kd_find(object, KD_LIT(key))

static inline kd_str kd_find(kd_str s, kd_str key) {
	kd_str found = {0, 0};
	int32_t i = kd_space(s, 0);
	if (i >= s.size || s.at[i] != '{') return found;
	for (i = kd_space(s, i + 1); i < s.size && s.at[i] == '"'; i = kd_space(s, i + 1)) {
		int32_t end = kd_skip(s, i);
		bool same = kd_equals((kd_str){s.at + i, end - i}, key);
		i = kd_space(s, kd_space(s, end) + 1); // over the colon
		end = kd_skip(s, i);
		if (same) found = (kd_str){s.at + i, end - i};
		i = kd_space(s, end); // a comma, or the closing brace
	}
	return found;
}

// kd_answer is what KILLDEER_ANSWER defines: it writes one output document and
// returns 0, or fails the call with another value.
static int32_t kd_answer(kd_str input);

#define KILLDEER_ANSWER(input) static int32_t kd_answer(kd_str input)

__attribute__((export_name("killdeer_call"))) int32_t killdeer_call(void) {
	int32_t size = kd_input_size(), got = 0;
	if (size > KD_MAX_INPUT) return 1;
	while (got < size) {
		int32_t n = kd_input_read(kd_input + got, size - got);
		if (n <= 0) return 1;
		got += n;
	}
	kd_decoded_size = kd_output_size = 0;
	int32_t status = kd_answer((kd_str){kd_input, size});
	kd_flush();
	return status;
}

#endif
