// What all TypeScript clients do once they are connected: list every tool, call
// each once, and print one JSON report.
import { synth } from './synth.mjs';

const maxPages = 100;
const stdio = 'stdio:';

// run connects with `connect(target, mode, info)`, where target is {url} or
// {argv} and which returns {client, protocolVersion()}, and prints the report of
// the session.
export async function run(name, modes, connect) {
  const [target, mode] = process.argv.slice(2);
  if (!target || !modes.includes(mode)) {
    console.error(`usage: ${name}.mjs TARGET MODE; TARGET is a URL or ${stdio}ARGV in JSON, MODE is one of ${modes.join(', ')}`);
    process.exit(2);
  }
  const report = { client: name, mode, protocolVersion: '', serverInfo: null, tools: [], calls: [], errors: [] };
  try {
    await drive(report, await connect(parse(target), mode, { name: `kd-${name}`, version: '1.0.0' }));
  } catch (err) {
    report.errors.push(`session: ${err.message}`);
  }
  // A transport may hold the loop open; the report is complete, so leave when it is written.
  process.stdout.write(JSON.stringify(report) + '\n', () => process.exit(0));
}

function parse(target) {
  if (target.startsWith(stdio)) return { argv: JSON.parse(target.slice(stdio.length)) };
  return { url: target };
}

// open makes the transport of an SDK that names them {http, sse, stdio}.
export function open({ http, sse, stdio }, { argv, url }, mode, info) {
  if (argv) return new stdio({ command: argv[0], args: argv.slice(1) });
  const Transport = mode === 'sse' ? sse : http;
  return new Transport(new URL(url), { requestInit: { headers: { 'User-Agent': info.name } } });
}

async function drive(report, { client, protocolVersion }) {
  try {
    report.protocolVersion = protocolVersion() ?? '';
    report.serverInfo = client.getServerVersion() ?? null;
    const given = JSON.parse(process.env.ARGS_JSON ?? '{}');
    const few = Boolean(process.env.FEW);
    for (const tool of await listTools(client)) {
      report.tools.push(tool.name);
      if (few && !(tool.name in given)) continue;
      await call(client, tool.name, given[tool.name] ?? synth(tool.inputSchema), report);
    }
    if (few) await look(client);
  } finally {
    await client.close();
  }
}

// look lists what else the server says it has, as far as the client can.
async function look(client) {
  const has = client.getServerCapabilities?.() ?? {};
  const lists = [...(has.resources ? ['listResources', 'listResourceTemplates'] : []), ...(has.prompts ? ['listPrompts'] : [])];
  for (const list of lists) {
    try {
      await client[list]();
    } catch {
      // A refusal is an answer too.
    }
  }
}

async function listTools(client) {
  const tools = [];
  let cursor;
  for (let page = 0; page < maxPages; page++) {
    const result = await client.listTools(cursor ? { cursor } : undefined);
    tools.push(...result.tools);
    cursor = result.nextCursor;
    if (!cursor) return tools;
  }
  throw new Error(`tools/list: more than ${maxPages} pages`);
}

async function call(client, name, args, report) {
  try {
    const result = await client.callTool({ name, arguments: args });
    const content = result.content ?? [];
    report.calls.push({
      name,
      args,
      isError: result.isError === true,
      bytes: content.reduce((n, block) => n + size(block), 0),
      contentTypes: content.map((block) => block.type),
    });
  } catch (err) {
    report.errors.push(`call ${name}: ${err.message}`);
  }
}

// size counts what a reader is given: text in UTF-8 and base64 as it is sent.
function size(block) {
  const parts = [block.text, block.data, block.resource?.text, block.resource?.blob];
  return parts.reduce((n, part) => n + (part ? Buffer.byteLength(part) : 0), 0);
}
