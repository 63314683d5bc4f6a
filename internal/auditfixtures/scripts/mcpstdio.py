"""Answers the messages of MCP over standard input and output."""
import json
import sys


def serve(name, tools):
    info = {"name": name, "version": "0.3.0"}

    def whole(result):
        return {**result, "resultType": "complete", "ttlMs": 0, "cacheScope": "private"}

    def answer(method, params):
        if method == "initialize":
            return {"protocolVersion": "2025-11-25", "capabilities": {"tools": {}}, "serverInfo": info}
        if method == "server/discover":
            return whole({"supportedVersions": ["2026-07-28"], "capabilities": {"tools": {}},
                          "_meta": {"io.modelcontextprotocol/serverInfo": info}})
        if method == "ping":
            return {}
        if method == "tools/list":
            return whole({"tools": [{k: v for k, v in t.items() if k != "run"} for t in tools]})
        if method == "tools/call":
            for t in tools:
                if t["name"] == params.get("name"):
                    try:
                        text, failed = str(t["run"](params.get("arguments") or {})), False
                    except Exception as err:
                        text, failed = str(err), True
                    return {"resultType": "complete", "isError": failed, "content": [{"type": "text", "text": text}]}
        raise LookupError("Method not found")

    for line in sys.stdin:
        try:
            m = json.loads(line)
        except ValueError:
            continue
        if m.get("id") is None or not m.get("method"):
            continue
        reply = {"jsonrpc": "2.0", "id": m["id"]}
        try:
            reply["result"] = answer(m["method"], m.get("params") or {})
        except LookupError as err:
            reply["error"] = {"code": -32601, "message": str(err)}
        sys.stdout.write(json.dumps(reply) + "\n")
        sys.stdout.flush()
