// The first TypeScript SDK as a client: the legacy era over Streamable HTTP, SSE
// or stdio.
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { SSEClientTransport } from '@modelcontextprotocol/sdk/client/sse.js';
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { open, run } from './drive.mjs';

const transports = { http: StreamableHTTPClientTransport, sse: SSEClientTransport, stdio: StdioClientTransport };

await run('ts1', ['http', 'legacy', 'sse'], async (target, mode, info) => {
  const transport = open(transports, target, mode, info);
  // Two of the transports keep the version to themselves, or are not interested.
  let version;
  const tell = transport.setProtocolVersion?.bind(transport);
  transport.setProtocolVersion = (v) => {
    version = v;
    tell?.(v);
  };
  const client = new Client(info);
  await client.connect(transport);
  return { client, protocolVersion: () => version };
});
