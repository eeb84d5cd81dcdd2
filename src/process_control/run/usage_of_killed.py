"""Find what a killed run has used, from its control group and its block.

Lean module, loaded only then.
"""

from process_control.core.facts import TREE
from process_control.execution import cgroup

TYPE_CHECKING = False
if TYPE_CHECKING:
    from process_control.state.block import Block


def used_by(block: "Block") -> "dict[str, object]":
    """Return the usage fields for the end of the run, all attempts together; empty without a group."""
    path = block.get("cgroup")
    if not isinstance(path, str) or not cgroup.is_ours(path):
        return {}
    used: dict[str, object] = {}
    cpu_seconds, memory = cgroup.cpu_seconds_of_tree(path), cgroup.memory_of_tree(path)
    if cpu_seconds:
        used |= {"cpu_seconds": round(cpu_seconds + _number(block, "cpu_seconds"), 6), "cpu_of": TREE}
    if memory is not None:
        used |= {"memory_bytes": max(memory[0], int(_number(block, "memory_bytes"))), "memory_of": TREE}
    return used


def _number(block: "Block", name: str) -> float:
    value = block.get(name)
    return float(value) if isinstance(value, (int, float)) and 0 <= value < 1 << 62 else 0.0  # NaN is neither
