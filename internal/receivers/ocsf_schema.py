"""Prints the JSON Schema of the OCSF classes that lines use, without its texts."""
import json
import sys

from ocsf_json_schema import OcsfJsonSchemaEmbedded, get_ocsf_schema

VERSION, CLASSES = sys.argv[1], [int(uid) for uid in sys.argv[2:]]
TEXTS = {"title", "description", "$id", "$schema", "deprecated", "examples"}


def bare(node, names=False):
    """Drops keywords that only tell; names: the keys are fields, not keywords."""
    if isinstance(node, dict):
        return {k: bare(v, k in ("properties", "$defs") and not names) for k, v in node.items() if names or k not in TEXTS}
    if isinstance(node, list):
        return [bare(v) for v in node]
    return node


schemas = OcsfJsonSchemaEmbedded(get_ocsf_schema(version=VERSION))
shared, classes = {}, {}
for uid in CLASSES:
    schema = bare(schemas.get_class_schema(class_name=schemas.lookup_class_name_from_uid(uid), profiles=[]))
    for name, definition in schema.pop("$defs", {}).items():
        if shared.setdefault(name, definition) != definition:
            sys.exit(f"class {uid} has another {name}")
    classes[f"class-{uid}"] = schema
json.dump({"$comment": f"OCSF {VERSION}, printed by internal/receivers/ocsf_schema.py", "$defs": {**shared, **classes}},
          sys.stdout, sort_keys=True, separators=(",", ":"))
print()
