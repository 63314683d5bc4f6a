// The second TypeScript SDK as a client: both eras over Streamable HTTP and
// stdio, and SSE.
import { Client, SSEClientTransport, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio';
import { open, run } from './drive.mjs';

const transports = { http: StreamableHTTPClientTransport, sse: SSEClientTransport, stdio: StdioClientTransport };
const negotiation = { http: undefined, sse: undefined, legacy: 'legacy', auto: 'auto', modern: { pin: '2026-07-28' } };

await run('ts2', Object.keys(negotiation), async (target, mode, info) => {
  const client = new Client(info, negotiation[mode] ? { versionNegotiation: { mode: negotiation[mode] } } : {});
  await client.connect(open(transports, target, mode, info));
  return { client, protocolVersion: () => client.getNegotiatedProtocolVersion() };
});
