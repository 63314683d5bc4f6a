"""Arguments for a tool, made from its input schema.

The same rules are written in synth.go and synth.mjs; testdata/synth.json holds
all three to them.
"""

import json
import math
import pathlib
import re

WORDS = json.loads(pathlib.Path(__file__).with_name("words.json").read_text("utf-8"))
MAX_DEPTH = 8
MAX_ITEMS = 8
MAX_LENGTH = 4096


def synth(schema, root=None, depth=0):
    root = schema if root is None else root
    if not isinstance(schema, dict) or depth > MAX_DEPTH:
        return None
    if isinstance(schema.get("$ref"), str):
        return synth(resolve(root, schema["$ref"]), root, depth + 1)
    for key in ("const", "default"):
        if key in schema:
            return schema[key]
    for key in ("enum", "examples"):
        if schema.get(key):
            return schema[key][0]
    for key in ("oneOf", "anyOf", "allOf"):
        if schema.get(key):
            return synth(schema[key][0], root, depth + 1)
    kind = type_of(schema)
    if kind == "object":
        return object_(schema, root, depth)
    if kind == "array":
        return array(schema, root, depth)
    if kind == "string":
        return string(schema)
    if kind in ("integer", "number"):
        return number(schema, 1 if kind == "integer" else 0)
    return False if kind == "boolean" else None


def resolve(root, ref):
    """Follow a reference into the schema itself; nothing is fetched."""
    if not ref.startswith("#/"):
        return None
    at = root
    for part in ref[2:].split("/"):
        at = at.get(part.replace("~1", "/").replace("~0", "~")) if isinstance(at, dict) else None
    return at


def type_of(schema):
    kinds = schema.get("type", [])
    kinds = [k for k in (kinds if isinstance(kinds, list) else [kinds]) if k != "null"]
    if kinds:
        return kinds[0]
    for key, kind in (("properties", "object"), ("items", "array"), ("pattern", "string"), ("format", "string")):
        if schema.get(key):
            return kind
    return ""


def object_(schema, root, depth):
    values = {name: synth(p, root, depth + 1) for name, p in schema.get("properties", {}).items()}
    return {name: value for name, value in values.items() if value is not None}


def array(schema, root, depth):
    item = synth(schema["items"], root, depth + 1) if schema.get("items") else None
    if item is None:
        return []
    return [item] * min(max(schema.get("minItems", 1), 1), MAX_ITEMS)


def string(schema):
    if schema.get("format") in WORDS["formats"]:
        return WORDS["formats"][schema["format"]]
    first = WORDS["candidates"][0]
    low, high = schema.get("minLength", 0), min(schema.get("maxLength", MAX_LENGTH), MAX_LENGTH)
    if not schema.get("pattern"):
        return first.ljust(min(low, high), "x")[:high]
    try:
        pattern = re.compile(schema["pattern"])
    except re.error:
        return first
    return next((s for s in WORDS["candidates"] if low <= len(s) <= high and pattern.search(s)), first)


def number(schema, step):
    unit = schema.get("multipleOf") or step or 1
    low, high = schema.get("minimum", -math.inf), schema.get("maximum", math.inf)
    if "exclusiveMinimum" in schema:
        low = max(low, schema["exclusiveMinimum"] + unit)
    if "exclusiveMaximum" in schema:
        high = min(high, schema["exclusiveMaximum"] - unit)
    value = min(max(unit, low), high)
    return math.ceil(value / unit) * unit if step or "multipleOf" in schema else value
