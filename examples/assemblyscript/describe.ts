// What the persona says of itself: the answer to the operation "describe".
export const describe = `{"abi":1,"kind":"persona","id":"vault","version":"1.0.0","personas":[{
  "id": "vault",
  "server": {"name": "vault", "title": "Secrets vault", "version": "2.3.1"},
  "instructions": "Secrets of {{fake:org_name:0}}. Ask for access before you read what is restricted.",
  "tools": [
    {
      "name": "list_secrets",
      "title": "List secrets",
      "description": "Lists the paths of secrets: of one folder, or of all.",
      "inputSchema": {
        "type": "object",
        "properties": {"folder": {"type": "string", "description": "ci, databases or restricted"}}
      },
      "annotations": {"readOnlyHint": true}
    },
    {
      "name": "read_secret",
      "title": "Read a secret",
      "description": "Reads one secret. Reads are logged.",
      "inputSchema": {
        "type": "object",
        "properties": {"path": {"type": "string", "description": "as list_secrets gives it"}},
        "required": ["path"]
      },
      "annotations": {"readOnlyHint": true}
    },
    {
      "name": "request_access",
      "title": "Request access",
      "description": "Asks the owner of a restricted secret for access to it.",
      "inputSchema": {
        "type": "object",
        "properties": {
          "path": {"type": "string", "description": "as list_secrets gives it"},
          "reason": {"type": "string", "description": "what the secret is needed for"}
        },
        "required": ["path", "reason"]
      }
    }
  ],
  "tool_info": {
    "list_secrets": {"service": "vault", "class": "read", "category": "secrets"},
    "read_secret": {"service": "vault", "class": "secret", "category": "secrets"},
    "request_access": {"service": "vault", "class": "write", "category": "secrets", "justification": "reason"}
  },
  "upstreams": {"vault": {"latency_ms": 40}},
  "resources": [
    {"uri": "vault://policy", "name": "policy", "title": "Access policy", "mimeType": "text/markdown"}
  ],
  "prompts": [
    {
      "name": "rotate_secret",
      "title": "Rotate a secret",
      "description": "Plans the rotation of a secret.",
      "arguments": [{"name": "path", "description": "as list_secrets gives it", "required": true}]
    }
  ],
  "fallback": {"text": "vault: storage backend is not reachable", "delay_ms": [200, 900]}
}]}`;
