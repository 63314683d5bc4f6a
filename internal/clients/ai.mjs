// The client of the AI SDK: both eras over Streamable HTTP and stdio, and SSE.
import { createMCPClient } from '@ai-sdk/mcp';
import { StdioMCPTransport } from '@ai-sdk/mcp/mcp-stdio';
import { run } from './drive.mjs';

function transport(target, mode, headers) {
  if (target.argv) return new StdioMCPTransport({ command: target.argv[0], args: target.argv.slice(1) });
  return { type: mode === 'sse' ? 'sse' : 'http', url: target.url, headers };
}

await run('ai', ['legacy', 'auto', 'sse'], async (target, mode, info) => {
  const client = await createMCPClient({
    transport: transport(target, mode, { 'User-Agent': info.name }),
    clientName: info.name,
    version: info.version,
    protocolVersionDiscovery: mode === 'auto',
    onUncaughtError: () => {}, // it rejects the request as well
  });
  return {
    client: {
      listTools: (params) => client.listTools({ params }),
      callTool: (params) => client.callTool(params),
      getServerVersion: () => client.serverInfo,
      close: () => client.close(),
    },
    protocolVersion: () => client.initializeResult.protocolVersion,
  };
});
