// engine.c: QuickJS as a Killdeer guest, with a script that lies in its memory.
//
// The script stands in a slot of the module's data, which embed.mjs fills in: one
// engine serves every script, and only the engine takes a C compiler. The script is
// evaluated when an instance starts. It defines answer(request), a function from
// the input document to the output document. An exception fails the call: its text
// goes to the operator's log, never to the client.
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "quickjs.h"

#define KD_IMPORT(function) __attribute__((import_module("killdeer"), import_name(function)))

KD_IMPORT("input_size") int32_t input_size(void);
KD_IMPORT("input_read") int32_t input_read(char *to, int32_t size);
KD_IMPORT("output_write") int32_t output_write(const char *from, int32_t size);
KD_IMPORT("log") void host_log(int32_t level, const char *from, int32_t size);

enum { STACK = 256 << 10, LOG_ERROR = 3 };

// The slot: a mark that embed.mjs looks for, and 256 KiB. They are blanks because
// zeros would not be in the file.
#define FOUR(x) x x x x
#define BLANKS_1K FOUR(FOUR(FOUR(FOUR(FOUR(" ")))))
static volatile char slot[] = "//KILLDEER-SCRIPT-SLOT\n" FOUR(FOUR(FOUR(FOUR(BLANKS_1K))));

static JSContext *js;

// fail drops the exception, and logs it.
static int fail(void) {
	JSValue exception = JS_GetException(js);
	size_t size = 0;
	const char *text = JS_ToCStringLen(js, &size, exception);
	if (text) {
		host_log(LOG_ERROR, text, (int32_t)size);
		JS_FreeCString(js, text);
	}
	JS_FreeValue(js, exception);
	return 1;
}

static int start(void) {
	JSRuntime *rt = JS_NewRuntime();
	JSContext *fresh = rt ? JS_NewContext(rt) : NULL;
	if (!fresh) return 1;
	JS_SetMaxStackSize(rt, STACK);
	js = fresh;
	const char *script = (const char *)slot;
	JSValue v = JS_Eval(js, script, strlen(script), "script", JS_EVAL_TYPE_GLOBAL);
	int status = JS_IsException(v) ? fail() : 0;
	JS_FreeValue(js, v);
	if (status != 0) js = NULL;
	return status;
}

// The script is evaluated before the first call, so that a spare instance is
// ready. If that fails, the first call tries again, and says why it fails.
__attribute__((constructor)) static void prepare(void) { start(); }

// drain runs what the script has promised.
static int drain(void) {
	JSContext *of;
	int more;
	while ((more = JS_ExecutePendingJob(JS_GetRuntime(js), &of)) > 0) {}
	return more;
}

static int write_out(JSValue answer) {
	if (JS_IsException(answer) || drain() < 0) return fail();
	JSValue text = JS_JSONStringify(js, answer, JS_UNDEFINED, JS_UNDEFINED);
	JS_FreeValue(js, answer);
	size_t size = 0;
	const char *bytes = JS_IsException(text) ? NULL : JS_ToCStringLen(js, &size, text);
	if (!bytes) return fail();
	int status = output_write(bytes, (int32_t)size);
	JS_FreeCString(js, bytes);
	JS_FreeValue(js, text);
	return status;
}

static JSValue read_in(void) {
	int32_t size = input_size(), got = 0;
	char *input = malloc((size_t)size + 1);
	if (!input) abort();
	while (got < size) {
		int32_t n = input_read(input + got, size - got);
		if (n <= 0) abort();
		got += n;
	}
	input[size] = 0; // JS_ParseJSON wants it
	JSValue request = JS_ParseJSON(js, input, (size_t)size, "input");
	free(input);
	return request;
}

__attribute__((export_name("killdeer_call"))) int32_t killdeer_call(void) {
	if (!js && start() != 0) return 1;
	JSValue request = read_in();
	if (JS_IsException(request)) return fail();
	JSValue global = JS_GetGlobalObject(js), handle = JS_GetPropertyStr(js, global, "answer");
	JSValue answer = JS_Call(js, handle, global, 1, &request);
	JS_FreeValue(js, handle);
	JS_FreeValue(js, global);
	JS_FreeValue(js, request);
	return write_out(answer);
}
