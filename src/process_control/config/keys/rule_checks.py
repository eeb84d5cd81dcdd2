"""Checks which keys of `verdicts` and `expect` go together, and writes a rule on one line."""

from collections.abc import Sequence

from process_control.config.keys.conditions import compiled
from process_control.config.keys.number_kinds import seconds_of
from process_control.config.yaml.nodes import Faults, List, Map, Node, Text

MAX_RULES = 100
MAX_RULE = 200
ENDS = ("exit_code", "signal", "timeout", "silence")


def check_rules(node: Node | None, faults: Faults, conditions: Sequence[str]) -> None:
    """Add a fault for each rule that is incomplete or can never match. `conditions` are the keys of conditions."""
    items = node.items if isinstance(node, List) else [] if node is None else [node]
    if len(items) > MAX_RULES:
        faults.add(f"more than {MAX_RULES} rules", items[MAX_RULES], hint="a regex may have alternatives: 'this|that'")
    for number, rule in enumerate(items[:MAX_RULES], start=1):
        if isinstance(rule, Map):
            _check_rule(number, rule, faults, conditions)


def _check_rule(number: int, rule: Map, faults: Faults, conditions: Sequence[str]) -> None:
    given = {key.value: key for key, _ in rule.entries}
    if not rule.entries:
        faults.add(
            f"rule {number} of 'verdicts' is empty", rule, hint="write {exit_code: 75, verdict: retry}, or remove it"
        )
        return
    if "verdict" not in given:
        hint = "add verdict: ignore, warn, retry, fail or hold"
        faults.add(f"rule {number} of 'verdicts' has no verdict", rule, hint=hint)
    if not {key for key in given if key != "verdict" and not key.startswith("x-")}:  # unknown ones have a fault already
        faults.add(f"rule {number} of 'verdicts' has no condition", rule, hint=f"add one of {', '.join(conditions)}")
    ends = [key for key in given if key in ENDS]
    if len(ends) > 1:
        hint = "an attempt ends in one way: write two rules"
        faults.add(f"rule {number} of 'verdicts' never holds: '{ends[0]}' and '{ends[1]}'", given[ends[1]], hint=hint)
    check_durations(f"rule {number} of 'verdicts' never holds", rule, faults)


def check_durations(what: str, node: Map, faults: Faults) -> None:
    """Add a fault if no duration can satisfy both `longer_than` and `shorter_than`."""
    given = {key.value: (key, value) for key, value in node.entries}
    if "longer_than" not in given or "shorter_than" not in given:
        return
    longer, shorter = (_seconds(given[key][1]) for key in ("longer_than", "shorter_than"))
    if longer is not None and shorter is not None and longer >= shorter:
        hint = "exchange the two" if longer > shorter else "make 'shorter_than' larger"
        faults.add(f"{what}: 'longer_than' is not below 'shorter_than'", given["shorter_than"][0], hint=hint)


def _seconds(node: Node) -> float | None:
    return seconds_of(node.value) if isinstance(node, Text) else None


def check_expect(node: Node | None, faults: Faults) -> None:
    """Add faults for what is missing in an `expect` map, or can never be met."""
    if not isinstance(node, Map):
        return
    given = {key.value: (key, value) for key, value in node.entries}
    if not given.keys() - {"verdict"}:
        hint = "write what a good run looks like, such as longer_than: 5s, or remove it"
        faults.add("'expect' expects nothing", node, hint=hint)
    check_durations("'expect' can never be met", node, faults)
    if "file" in given:
        _check_has("expect.file", given["file"][1], ("path",), faults)
    if "number" in given:
        _check_number(given["number"][1], faults)


def check_only_if(node: Node | None, faults: Faults) -> None:
    """Add a fault for an `only_if` map without a command."""
    if node is not None:
        _check_has("only_if", node, ("command",), faults)


def _check_has(key: str, node: Node, wanted: Sequence[str], faults: Faults) -> None:
    if isinstance(node, Map) and not {name.value for name, _ in node.entries} & set(wanted):
        words = " or ".join(f"'{name}'" for name in wanted)
        faults.add(f"'{key}' needs {words}", node, hint=f"add {wanted[0]}")


def _check_number(node: Node, faults: Faults) -> None:
    _check_has("expect.number", node, ("stdout",), faults)
    _check_has("expect.number", node, ("at_least", "at_most"), faults)
    if not isinstance(node, Map):
        return
    given = {key.value: value for key, value in node.entries}
    regex = given.get("stdout")
    if isinstance(regex, Text) and _has_no_group(regex.value):
        hint = r"put round brackets around the number: 'rows: (\d+)'"
        faults.add("'expect.number.stdout' has no group for the number", regex, hint=hint)
    least, most = (_number(given.get(key)) for key in ("at_least", "at_most"))
    if least is not None and most is not None and least > most:
        hint = "exchange the two"
        faults.add("'expect.number' can never be met: 'at_least' is above 'at_most'", given["at_most"], hint=hint)


def _has_no_group(regex: str) -> bool:
    try:
        return compiled(regex).groups < 1
    except ValueError:  # has a fault already
        return False


def _number(node: Node | None) -> float | None:
    try:
        return float(node.value) if isinstance(node, Text) else None
    except ValueError:  # has a fault already
        return None


def rule_text(rule: Map) -> str:
    """Return the rule on one line, as in its file: {exit_code: [75, 111], verdict: retry}."""
    text = _flow(rule)
    return text if len(text) <= MAX_RULE else f"{text[: MAX_RULE - 1]}…"


def _without_notes(node: Map) -> list[tuple[Text, Node]]:
    """Return the entries of a map whose keys are no notes (`x-…`)."""
    return [(key, value) for key, value in node.entries if not key.value.startswith("x-")]


def _flow(node: Node) -> str:
    if isinstance(node, Map):
        return "{" + ", ".join(f"{key.value}: {_flow(value)}" for key, value in _without_notes(node)) + "}"
    if isinstance(node, List):
        return "[" + ", ".join(_flow(item) for item in node.items) + "]"
    if not isinstance(node, Text):
        return ""
    return node.value if node.plain else "'" + node.value.replace("'", "''") + "'"
