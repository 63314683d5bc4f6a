// Prints all that a server lists, and what it answers to some calls, as the first
// TypeScript SDK has it. usage: look.mjs TARGET CALLS; TARGET is a URL or stdio:ARGV in
// JSON, CALLS a list of [tool, arguments].
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { open } from './drive.mjs';

const [target, calls] = process.argv.slice(2);
const stdio = 'stdio:';
const at = target.startsWith(stdio) ? { argv: JSON.parse(target.slice(stdio.length)) } : { url: target };
const info = { name: 'kd-look', version: '1.0.0' };
const client = new Client(info);
await client.connect(open({ http: StreamableHTTPClientTransport, stdio: StdioClientTransport }, at, 'http', info));

// all reads every page of a list.
async function all(method, key) {
  const items = [];
  for (let cursor; ; ) {
    const page = await client[method]({ cursor });
    items.push(...page[key]);
    if (!(cursor = page.nextCursor)) return items;
  }
}

const has = client.getServerCapabilities();
const report = { server: client.getServerVersion(), instructions: client.getInstructions(), capabilities: has, lists: {}, answers: [] };
if (has.tools) report.lists.tools = await all('listTools', 'tools');
if (has.resources) {
  report.lists.resources = await all('listResources', 'resources');
  report.lists.templates = await all('listResourceTemplates', 'resourceTemplates');
}
if (has.prompts) report.lists.prompts = await all('listPrompts', 'prompts');
for (const [name, args] of JSON.parse(calls)) {
  report.answers.push(await client.callTool({ name, arguments: args }).catch((err) => ({ error: err.code })));
}
process.stdout.write(JSON.stringify(report) + '\n', () => process.exit(0));
