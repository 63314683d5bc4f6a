// The second TypeScript SDK as a client: both eras over Streamable HTTP, and SSE.
import { Client, SSEClientTransport, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { run } from './drive.mjs';

const negotiation = { http: undefined, sse: undefined, legacy: 'legacy', auto: 'auto', modern: { pin: '2026-07-28' } };

await run('ts2', Object.keys(negotiation), async (url, mode, info) => {
  const Transport = mode === 'sse' ? SSEClientTransport : StreamableHTTPClientTransport;
  const transport = new Transport(new URL(url), { requestInit: { headers: { 'User-Agent': info.name } } });
  const client = new Client(info, negotiation[mode] ? { versionNegotiation: { mode: negotiation[mode] } } : {});
  await client.connect(transport);
  return { client, protocolVersion: () => client.getNegotiatedProtocolVersion() };
});
