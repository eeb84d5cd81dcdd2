"""Which keys of `verdicts`, `expect` and `retry` go together, and the text of a rule, for people."""

from collections.abc import Sequence

from process_control.config.keys.conditions import compiled
from process_control.config.keys.number_kinds import seconds_of
from process_control.config.yaml.nodes import Faults, List, Map, Node, Text

MAX_RULES = 100
MAX_RULE = 200
ENDS = ("exit_code", "signal", "timeout", "silence")


def check_rules(node: Node | None, faults: Faults, conditions: Sequence[str]) -> None:
    """Tell which rules say nothing, or can never hold. `conditions` are the keys that are conditions."""
    items = node.items if isinstance(node, List) else [] if node is None else [node]
    if len(items) > MAX_RULES:
        faults.add(f"more than {MAX_RULES} rules", items[MAX_RULES], hint="a regex may have alternatives: 'this|that'")
    for number, rule in enumerate(items[:MAX_RULES], start=1):
        if isinstance(rule, Map):
            _check_rule(number, rule, faults, conditions)


def _check_rule(number: int, rule: Map, faults: Faults, conditions: Sequence[str]) -> None:
    said = {key.value: key for key, _ in rule.entries}
    if not rule.entries:
        faults.add(
            f"rule {number} of 'verdicts' is empty", rule, hint="write {exit_code: 75, verdict: retry}, or remove it"
        )
        return
    if "verdict" not in said:
        hint = "add verdict: ignore, warn, retry, fail or hold"
        faults.add(f"rule {number} of 'verdicts' has no verdict", rule, hint=hint)
    if not {key for key in said if key != "verdict" and not key.startswith("x-")}:  # unknown ones are told already
        faults.add(f"rule {number} of 'verdicts' has no condition", rule, hint=f"add one of {', '.join(conditions)}")
    ends = [key for key in said if key in ENDS]
    if len(ends) > 1:
        hint = "an attempt ends in one way: write two rules"
        faults.add(f"rule {number} of 'verdicts' never holds: '{ends[0]}' and '{ends[1]}'", said[ends[1]], hint=hint)
    check_durations(f"rule {number} of 'verdicts' never holds", rule, faults)


def check_durations(what: str, node: Map, faults: Faults) -> None:
    """Tell when nothing can be longer than one and shorter than the other."""
    said = {key.value: (key, value) for key, value in node.entries}
    if "longer_than" not in said or "shorter_than" not in said:
        return
    longer, shorter = (_seconds(said[key][1]) for key in ("longer_than", "shorter_than"))
    if longer is not None and shorter is not None and longer >= shorter:
        hint = "exchange the two" if longer > shorter else "make 'shorter_than' larger"
        faults.add(f"{what}: 'longer_than' is not below 'shorter_than'", said["shorter_than"][0], hint=hint)


def _seconds(node: Node) -> float | None:
    return seconds_of(node.value) if isinstance(node, Text) else None


def check_expect(node: Node | None, faults: Faults) -> None:
    """Tell what is missing in an `expect` map, and what can never be met."""
    if not isinstance(node, Map):
        return
    said = {key.value: (key, value) for key, value in node.entries}
    if not said.keys() - {"verdict"}:
        hint = "write what a good run looks like, such as longer_than: 5s, or remove it"
        faults.add("'expect' expects nothing", node, hint=hint)
    check_durations("'expect' can never be met", node, faults)
    if "file" in said:
        _check_has("expect.file", said["file"][1], ("path",), faults)
    if "number" in said:
        _check_number(said["number"][1], faults)


def _check_has(key: str, node: Node, wanted: Sequence[str], faults: Faults) -> None:
    if isinstance(node, Map) and not {name.value for name, _ in node.entries} & set(wanted):
        words = " or ".join(f"'{name}'" for name in wanted)
        faults.add(f"'{key}' needs {words}", node, hint=f"add {wanted[0]}")


def _check_number(node: Node, faults: Faults) -> None:
    _check_has("expect.number", node, ("stdout",), faults)
    _check_has("expect.number", node, ("at_least", "at_most"), faults)
    if not isinstance(node, Map):
        return
    said = {key.value: value for key, value in node.entries}
    regex = said.get("stdout")
    if isinstance(regex, Text) and _has_no_group(regex.value):
        hint = r"put round brackets around the number: 'rows: (\d+)'"
        faults.add("'expect.number.stdout' has no group for the number", regex, hint=hint)
    least, most = (_number(said.get(key)) for key in ("at_least", "at_most"))
    if least is not None and most is not None and least > most:
        hint = "exchange the two"
        faults.add("'expect.number' can never be met: 'at_least' is above 'at_most'", said["at_most"], hint=hint)


def _has_no_group(regex: str) -> bool:
    try:
        return compiled(regex).groups < 1
    except ValueError:  # told already
        return False


def _number(node: Node | None) -> float | None:
    try:
        return float(node.value) if isinstance(node, Text) else None
    except ValueError:  # told already
        return None


def rule_text(rule: Map) -> str:
    """Return the rule on one line, as its file has it: {exit_code: [75, 111], verdict: retry}."""
    text = _flow(rule)
    return text if len(text) <= MAX_RULE else f"{text[: MAX_RULE - 1]}…"


def _said(node: Map) -> list[tuple[Text, Node]]:
    """Return the entries that are no notes."""
    return [(key, value) for key, value in node.entries if not key.value.startswith("x-")]


def _flow(node: Node) -> str:
    if isinstance(node, Map):
        return "{" + ", ".join(f"{key.value}: {_flow(value)}" for key, value in _said(node)) + "}"
    if isinstance(node, List):
        return "[" + ", ".join(_flow(item) for item in node.items) + "]"
    if not isinstance(node, Text):
        return ""
    return node.value if node.plain else "'" + node.value.replace("'", "''") + "'"
