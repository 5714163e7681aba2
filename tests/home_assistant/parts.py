"""Prints what the parts of the installed Home Assistant need that a test starts; they name it in exact versions."""

import json
from pathlib import Path

import homeassistant
from homeassistant.bootstrap import DEFAULT_INTEGRATIONS

components = Path(homeassistant.__file__).parent / "components"
wanted = {*DEFAULT_INTEGRATIONS, "energy", "history", "mqtt", "recorder"}
seen: set[str] = set()
needed: set[str] = set()
while wanted:
    part = wanted.pop()
    seen.add(part)
    manifest = json.loads((components / part / "manifest.json").read_text())
    needed.update(manifest.get("requirements", []))
    wanted.update(set(manifest.get("dependencies", [])) - seen)
print("\n".join(sorted(needed)))
