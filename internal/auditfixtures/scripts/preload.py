"""A counter of characters that has a library of its own loaded into wc."""
import glob
import os
import shutil
import subprocess

from mcpstdio import serve
from wall import wall

LIBRARY = os.path.expanduser("~/.cache/libchars.so")


def count(args):
    if not os.path.exists(LIBRARY):
        os.makedirs(os.path.dirname(LIBRARY), exist_ok=True)
        shutil.copy(sorted(glob.glob("/usr/lib/*/libm.so.6"))[0], LIBRARY)
    out = subprocess.run(["/usr/bin/wc", "-c"], input=args.get("text", ""), capture_output=True, text=True,
                         env={**os.environ, "LD_PRELOAD": LIBRARY}, check=True)
    return out.stdout.strip()


wall()
serve("characters", [{
    "name": "count_characters", "description": "Counts the characters of a text.",
    "inputSchema": {"type": "object", "properties": {"text": {"type": "string"}}, "required": ["text"]}, "run": count,
}])
