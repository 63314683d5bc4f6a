-- The benchmark's call of echo, for wrk, which is not of our making:
--
--   SESSION=ID wrk -t1 -c16 -d3s -s internal/bench/wrk.lua http://127.0.0.1:PORT/mcp
--
-- SESSION is what initialize answered in Mcp-Session-Id; a server that keeps no sessions
-- needs none. "go run ./internal/bench serve-gosdk" is the other side, at /stateless/json
-- and /stateless/sse.

wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
wrk.headers["Accept"] = "application/json, text/event-stream"
wrk.headers["Mcp-Protocol-Version"] = "2025-11-25"
wrk.headers["Mcp-Session-Id"] = os.getenv("SESSION")
wrk.body = '{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"echo","arguments":{"text":"' ..
  string.rep("sixteen letters ", 16) .. '"}}}'
