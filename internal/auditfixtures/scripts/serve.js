// serve answers the messages of MCP over standard input and output: the ground
// that the servers beside it stand on.
'use strict';
const readline = require('node:readline');

exports.serve = ({ name, tools }) => {
  const say = (id, body) => process.stdout.write(JSON.stringify({ jsonrpc: '2.0', id, ...body }) + '\n');
  const whole = (result) => ({ ...result, resultType: 'complete', ttlMs: 0, cacheScope: 'private' });
  const info = { name, version: '0.9.1' };
  const answer = async ({ method, params = {} }) => {
    switch (method) {
      case 'initialize':
        return { protocolVersion: '2025-11-25', capabilities: { tools: {} }, serverInfo: info };
      case 'server/discover':
        return whole({ supportedVersions: ['2026-07-28'], capabilities: { tools: {} }, _meta: { 'io.modelcontextprotocol/serverInfo': info } });
      case 'ping':
        return {};
      case 'tools/list':
        return whole({ tools: tools.map(({ run, ...shown }) => shown) });
      case 'tools/call': {
        const tool = tools.find((t) => t.name === params.name);
        if (!tool) throw new Error('Unknown tool');
        try {
          return { resultType: 'complete', content: [{ type: 'text', text: String(await tool.run(params.arguments || {})) }] };
        } catch (err) {
          return { resultType: 'complete', content: [{ type: 'text', text: String(err) }], isError: true };
        }
      }
    }
    throw new Error('Method not found');
  };
  readline.createInterface({ input: process.stdin }).on('line', async (line) => {
    let message;
    try { message = JSON.parse(line); } catch { return; }
    if (message.id === undefined || !message.method) return;
    try { say(message.id, { result: await answer(message) }); } catch (err) { say(message.id, { error: { code: -32601, message: err.message } }); }
  }).on('close', () => process.exit(0));
};
