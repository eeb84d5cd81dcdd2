"""What is checked of the key `after` besides the values of each item."""

from typing import Any

from process_control.config.yaml.nodes import Faults, List, Map, Node, Text, quoted
from process_control.core.chain import SUCCESS


def check_after(slug: str, node: Node | None, faults: Faults) -> None:
    """Add a fault for an item without a job, for one job twice, and for the job itself."""
    known: set[str] = set()
    for item in node.items if isinstance(node, List) else [node]:
        named: Node | None = item
        if isinstance(item, Map):
            named = next((value for key, value in item.entries if key.value == "job"), None)
            if named is None:
                faults.add("an item of 'after' has no 'job'", item, hint="add job: and the name of a job")
        if not isinstance(named, Text):
            continue
        if named.value == slug:
            hint = "remove it: a job cannot come after itself"
            faults.add(f"'after' names the job itself: {quoted(named.value)}", named, hint=hint)
        elif named.value in known:
            faults.add(f"'after' names a job twice: {quoted(named.value)}", named, hint="keep one of the two")
        known.add(named.value)


def completed_after(items: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the items with the defaults of their fields; `within_seconds` None: as `start_within`."""
    return [
        {"job": item["job"], "on": item.get("on") or SUCCESS, "within_seconds": item.get("within_seconds")}
        for item in items
        if item.get("job")
    ]
