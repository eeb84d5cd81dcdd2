"""How a figure is taken: what one execution cost, what many at once cost, and a row of the table made of pairs.

Contenders take turns, every round in another order, so that a machine that slows down slows all of them. A ratio is
made of two figures of the same round; the row has the median of the ratios with their 10th and 90th percentile.
"""

import os
import statistics
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ENVIRONMENT = {"PATH": "/usr/local/bin:/usr/bin:/bin", "LANG": "C.UTF-8", "HOME": os.environ.get("HOME", "/")}
WALL, CPU = "wall", "CPU"


class WorthNothing(SystemExit):
    """What was measured did not do the work that it was measured for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What one execution took, in seconds; CPU is user and system time of the whole tree, as wait4(2) tells it."""

    wall: float
    cpu: float


Costs = dict[str, list[Cost]]
"""What each contender took in every round."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line of the table: a ratio (unit ×) or an amount, and what it ought to be. Without a goal it orients."""

    family: str
    what: str
    against: str
    measure: str
    median: float
    p10: float
    p90: float
    rounds: int
    unit: str = "×"
    goal: float | None = None
    at_least: bool = False

    @property
    def share_of_goal(self) -> float | None:
        """How much of what the goal allows is used up: 1 is the goal, above 1 it is missed. None without a goal."""
        if self.goal is None:
            return None
        return self.goal / self.median if self.at_least else self.median / self.goal

    @property
    def verdict(self) -> str:
        share = self.share_of_goal
        if share is None:
            return ""
        return "reached" if share <= 1 else "missed"


@dataclass(slots=True)
class Found:
    """What one family of rows brought: its rows, what each contender took, and what is to be said besides."""

    rows: list[Row] = field(default_factory=list)
    costs: Costs = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    steps: list[dict[str, Any]] = field(default_factory=list)
    """Where the time of one run goes, in order: see waterfall.py."""


def spread(values: Sequence[float]) -> dict[str, float]:
    """Return median, p10 and p90 of at least one value, as keywords of a Row."""
    if len(values) == 1:
        return {"median": values[0], "p10": values[0], "p90": values[0]}
    tenths = statistics.quantiles(values, n=10, method="inclusive")
    median = statistics.median(values)
    # Between equal values the tenths are rounded, so they may lie beyond the median.
    return {"median": median, "p10": min(tenths[0], median), "p90": max(tenths[-1], median)}


def row_of(values: Sequence[float], **facts: object) -> Row:
    return Row(**spread(values), rounds=len(values), **facts)  # type: ignore[arg-type]


def ratios(costs: Costs, ours: str, theirs: str, measure: str) -> list[float]:
    """Return what `ours` took as a multiple of `theirs`, round by round."""
    name = measure.lower()
    return [getattr(a, name) / getattr(b, name) for a, b in zip(costs[ours], costs[theirs], strict=True)]


def in_turns(contenders: Mapping[str, Callable[[], Cost]], number: int) -> dict[str, Cost]:
    """Run each contender once; round `number` says who begins."""
    order = list(contenders)
    turn = number % len(order)
    return {name: contenders[name]() for name in order[turn:] + order[:turn]}


def add_round(costs: Costs, contenders: Mapping[str, Callable[[], Cost]], number: int) -> None:
    for name, cost in in_turns(contenders, number).items():
        costs.setdefault(name, []).append(cost)


def timed(commands: Mapping[str, Sequence[str]]) -> dict[str, Callable[[], Cost]]:
    """Return each command as what runs it and tells its cost."""
    return {name: lambda command=command: cost_of(command) for name, command in commands.items()}  # type: ignore[misc]


def start(command: Sequence[str], *, output: Path | None = None, fault: Path | None = None) -> int:
    """Start a command; its streams go to /dev/null, or to new files. Return the pid."""
    actions: list[tuple[int, ...] | tuple[int, int, str, int, int]] = [
        (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDWR, 0)
    ]
    for descriptor, path in ((1, output), (2, fault)):
        if path is not None:
            actions.append((os.POSIX_SPAWN_OPEN, descriptor, str(path), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600))
        else:
            actions.append((os.POSIX_SPAWN_DUP2, 0, descriptor))
    return os.posix_spawn(command[0], command, ENVIRONMENT, file_actions=actions)


def cost_of(command: Sequence[str], *, output: Path | None = None, fault: Path | None = None, code: int = 0) -> Cost:
    """Run a command to its end. Raises WorthNothing when it does not exit with `code`."""
    begin = time.perf_counter()
    pid = start(command, output=output, fault=fault)
    _, status, usage = os.wait4(pid, 0)
    wall = time.perf_counter() - begin
    if os.waitstatus_to_exitcode(status) != code:
        raise WorthNothing(f"exit code {os.waitstatus_to_exitcode(status)}: {' '.join(command)}")
    return Cost(wall=wall, cpu=usage.ru_utime + usage.ru_stime)


def cost_at_once(commands: Iterable[Sequence[str]]) -> Cost:
    """Start all commands without waiting for one, then wait for all of them; wall time is until the last has ended."""
    begin = time.perf_counter()
    waiting = {start(command): command for command in commands}
    cpu = 0.0
    while waiting:
        pid, status, usage = os.wait4(-1, 0)
        cpu += usage.ru_utime + usage.ru_stime
        command = waiting.pop(pid)
        if status:
            raise WorthNothing(f"exit code {os.waitstatus_to_exitcode(status)}: {' '.join(command)}")
    return Cost(wall=time.perf_counter() - begin, cpu=cpu)


def beyond(costs: Costs, ours: str, start_up: str) -> list[float]:
    """Return the seconds that `ours` took more than its start-up alone, round by round."""
    return [a.wall - b.wall for a, b in zip(costs[ours], costs[start_up], strict=True)]
