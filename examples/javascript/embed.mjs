// embed.mjs SCRIPT ENGINE OUT: writes a copy of the engine with a script in its
// slot.
import { readFileSync, writeFileSync } from "node:fs";

const [script, engine, out] = process.argv.slice(2);
const source = readFileSync(script);
const module = readFileSync(engine);

const mark = Buffer.from("//KILLDEER-SCRIPT-SLOT\n");
const from = module.indexOf(mark);
if (from < 0) throw new Error(`${engine} has no slot: is it built from engine.c?`);
let to = from + mark.length;
while (module[to] === 0x20) to++;

if (source.includes(0)) throw new Error(`${script} has a NUL byte`);
if (source.length >= to - from) throw new Error(`${script} has ${source.length} bytes, the slot takes ${to - from - 1}`);
module.fill(0x20, from, to);
source.copy(module, from);
module[from + source.length] = 0; // where the engine stops to read
writeFileSync(out, module);
