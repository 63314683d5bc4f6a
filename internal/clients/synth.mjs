// Arguments for a tool, made from its input schema. The same rules are written
// in synth.go and synth.py; testdata/synth.json holds all three to them.
import { readFileSync } from 'node:fs';

const words = JSON.parse(readFileSync(new URL('words.json', import.meta.url), 'utf8'));
const maxDepth = 8;
const maxItems = 8;
const maxLength = 4096;

export function synth(schema, root = schema, depth = 0) {
  if (schema === null || typeof schema !== 'object' || depth > maxDepth) return null;
  if (typeof schema.$ref === 'string') return synth(resolve(root, schema.$ref), root, depth + 1);
  for (const key of ['const', 'default']) if (key in schema) return schema[key];
  for (const key of ['enum', 'examples']) if (schema[key]?.length) return schema[key][0];
  for (const key of ['oneOf', 'anyOf', 'allOf']) if (schema[key]?.length) return synth(schema[key][0], root, depth + 1);
  switch (typeOf(schema)) {
    case 'object': return object(schema, root, depth);
    case 'array': return array(schema, root, depth);
    case 'string': return string(schema);
    case 'integer': return number(schema, 1);
    case 'number': return number(schema, 0);
    case 'boolean': return false;
    default: return null;
  }
}

// Only references into the schema itself are followed: nothing is fetched.
function resolve(root, ref) {
  if (!ref.startsWith('#/')) return null;
  let at = root;
  for (const part of ref.slice(2).split('/')) at = at?.[part.replaceAll('~1', '/').replaceAll('~0', '~')];
  return at ?? null;
}

function typeOf(schema) {
  const types = [schema.type].flat().filter((t) => t && t !== 'null');
  if (types.length) return types[0];
  if (schema.properties) return 'object';
  if (schema.items) return 'array';
  if (schema.pattern || schema.format) return 'string';
  return '';
}

function object(schema, root, depth) {
  const out = {};
  for (const [name, property] of Object.entries(schema.properties ?? {})) {
    const value = synth(property, root, depth + 1);
    if (value !== null) out[name] = value;
  }
  return out;
}

function array(schema, root, depth) {
  if (!schema.items) return [];
  const item = synth(schema.items, root, depth + 1);
  if (item === null) return [];
  const n = Math.min(Math.max(schema.minItems ?? 1, 1), maxItems);
  return Array.from({ length: n }, () => item);
}

function string(schema) {
  if (Object.hasOwn(words.formats, schema.format)) return words.formats[schema.format];
  if (schema.pattern) {
    let pattern;
    try {
      pattern = new RegExp(schema.pattern, 'u');
    } catch {
      return words.candidates[0];
    }
    const fits = (s) => s.length >= (schema.minLength ?? 0) && s.length <= (schema.maxLength ?? maxLength) && pattern.test(s);
    return words.candidates.find(fits) ?? words.candidates[0];
  }
  const longest = Math.min(schema.maxLength ?? maxLength, maxLength);
  return words.candidates[0].padEnd(Math.min(schema.minLength ?? 0, longest), 'x').slice(0, longest);
}

function number(schema, step) {
  const unit = schema.multipleOf || step || 1;
  let low = schema.minimum ?? -Infinity;
  if (typeof schema.exclusiveMinimum === 'number') low = Math.max(low, schema.exclusiveMinimum + unit);
  let high = schema.maximum ?? Infinity;
  if (typeof schema.exclusiveMaximum === 'number') high = Math.min(high, schema.exclusiveMaximum - unit);
  const value = Math.min(Math.max(unit, low), high);
  return step || schema.multipleOf ? Math.ceil(value / unit) * unit : value;
}
