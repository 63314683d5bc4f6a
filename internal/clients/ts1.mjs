// The first TypeScript SDK as a client: the legacy era over Streamable HTTP or SSE.
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { SSEClientTransport } from '@modelcontextprotocol/sdk/client/sse.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { run } from './drive.mjs';

await run('ts1', ['http', 'legacy', 'sse'], async (url, mode, info) => {
  const Transport = mode === 'sse' ? SSEClientTransport : StreamableHTTPClientTransport;
  const transport = new Transport(new URL(url), { requestInit: { headers: { 'User-Agent': info.name } } });
  // The SSE transport is told the version and keeps it to itself.
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
