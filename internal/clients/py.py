"""The Python SDK as a client: both eras over Streamable HTTP and stdio, and SSE.

Lists every tool, calls each once, and prints one JSON report.
"""

import asyncio
import json
import os
import signal
import sys

from mcp import Client
from mcp.client.sse import sse_client
from mcp.client.stdio import StdioServerParameters, stdio_client
from mcp.client.streamable_http import streamable_http_client
from mcp.shared._httpx_utils import create_mcp_http_client
from mcp.types import Implementation

from synth import synth

NAME = "kd-py"
MAX_PAGES = 100
STDIO = "stdio:"
NEGOTIATION = {"http": "auto", "auto": "auto", "sse": "legacy", "legacy": "legacy", "modern": "2026-07-28"}


async def session(target, mode, report):
    # The SDK gives a server a process group of its own; cancelled, it ends it.
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, asyncio.current_task().cancel)
    headers = {"User-Agent": NAME}
    options = {"client_info": Implementation(name=NAME, version="1.0.0"), "mode": NEGOTIATION[mode]}
    if target.startswith(STDIO):
        command, *args = json.loads(target.removeprefix(STDIO))
        await drive(Client(stdio_client(StdioServerParameters(command=command, args=args)), **options), report)
    elif mode == "sse":
        await drive(Client(sse_client(target, headers=headers), **options), report)
    else:
        async with create_mcp_http_client(headers=headers) as http:
            await drive(Client(streamable_http_client(target, http_client=http), **options), report)


async def drive(unentered, report):
    given = json.loads(os.environ.get("ARGS_JSON", "{}"))
    few = bool(os.environ.get("FEW"))
    async with unentered as client:
        report["protocolVersion"] = client.protocol_version
        if client.server_info:
            report["serverInfo"] = client.server_info.model_dump(by_alias=True, exclude_none=True, mode="json")
        for tool in await list_tools(client):
            report["tools"].append(tool.name)
            if not few or tool.name in given:
                args = given.get(tool.name)
                await call(client, tool.name, synth(tool.input_schema) if args is None else args, report)
        if few:
            await look(client)


async def look(client):
    """List what else there is; a refusal is an answer too."""
    for ask in (client.list_resources, client.list_resource_templates, client.list_prompts):
        try:
            await ask()
        except Exception:
            continue


async def list_tools(client):
    tools, cursor = [], None
    for _ in range(MAX_PAGES):
        result = await client.list_tools(cursor=cursor)
        tools += result.tools
        cursor = result.next_cursor
        if not cursor:
            return tools
    raise RuntimeError(f"tools/list: more than {MAX_PAGES} pages")


async def call(client, name, args, report):
    try:
        result = await client.call_tool(name, args)
    except Exception as err:  # one refused call must not end the report
        report["errors"].append(f"call {name}: {err}")
        return
    content = [block.model_dump(by_alias=True, exclude_none=True, mode="json") for block in result.content]
    report["calls"].append({
        "name": name,
        "args": args,
        "isError": bool(result.is_error),
        "bytes": sum(size(block) for block in content),
        "contentTypes": [block["type"] for block in content],
    })


def size(block):
    """Count what a reader is given: text in UTF-8 and base64 as it is sent."""
    resource = block.get("resource", {})
    parts = (block.get("text"), block.get("data"), resource.get("text"), resource.get("blob"))
    return sum(len(part.encode()) for part in parts if part)


def describe(err):
    """Flatten the exception groups that structured concurrency wraps errors in."""
    if isinstance(err, BaseExceptionGroup):
        return "; ".join(describe(e) for e in err.exceptions)
    return f"{type(err).__name__}: {err}"


def main():
    if len(sys.argv) != 3 or sys.argv[2] not in NEGOTIATION:
        sys.exit(f"usage: py.py TARGET MODE; TARGET is a URL or {STDIO}ARGV in JSON, MODE is one of {', '.join(NEGOTIATION)}")
    target, mode = sys.argv[1:]
    report = {
        "client": "py", "mode": mode, "protocolVersion": "", "serverInfo": None,
        "tools": [], "calls": [], "errors": [],
    }
    try:
        asyncio.run(session(target, mode, report))
    except Exception as err:
        report["errors"].append(f"session: {describe(err)}")
    print(json.dumps(report))


if __name__ == "__main__":
    main()
