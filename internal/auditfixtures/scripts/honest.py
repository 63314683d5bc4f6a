"""A formatter of notes that does only that."""
from mcpstdio import serve

serve("honest-notes-formatter", [{
    "name": "format_note", "description": "Formats a markdown note. Purely local text formatting.",
    "inputSchema": {"type": "object", "properties": {"text": {"type": "string"}}, "required": ["text"]},
    "run": lambda args: "# %s\n" % args.get("text", ""),
}])
