"""Checks what a storm has left of a fleet: one fate for each planned time, and each loss found out in time.

It believes the states of the locks, the histories of the hosts, and the outages that were made.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from kit.fleet_storm import CONTROL, SERVER, WORKER, Outage
from kit.fleets import LEASE
from process_control.core.fleet.decide import MAX_RERUNS
from process_control.fleet.lock_v1 import AFTER_THE_LEASE
from process_control.fleet.processes import STICKY_SECONDS

MINUTE = 60
#: After so long without a beat the server takes a run as lost, and so long that may take to become known.
HEARTBEAT_TIMEOUT_SECONDS = float(LEASE.removesuffix("s")) + AFTER_THE_LEASE.total_seconds()
KNOWN_WITHIN_SECONDS = HEARTBEAT_TIMEOUT_SECONDS + 3.0
#: Where server or control process were killed meanwhile: after they are there again they find each other in this time.
FOUND_AGAIN_SECONDS = STICKY_SECONDS + 5.0
#: Clocks of the histories have milliseconds.
ROUNDED_SECONDS = 0.01


@dataclass(frozen=True, slots=True, kw_only=True)
class HostRun:
    """A run in the history of a host. Moments are UTC seconds."""

    host: str
    job: str
    slot: int
    began: float
    outcome: str | None

    @classmethod
    def of(cls, host: str, run: Mapping[str, Any]) -> "HostRun":
        slot, began = (datetime.fromisoformat(run[key]).timestamp() for key in ("scheduled_at", "started_at"))
        return cls(host=host, job=run["job"], slot=int(slot), began=began, outcome=run["outcome"])


class Verdicts:
    """What is found, and in words what is wrong. `policies`: `on_host_loss` by job; each job has a lock for itself."""

    def __init__(
        self,
        policies: Mapping[str, str],
        states: Mapping[str, dict[str, Any]],
        runs: Sequence[HostRun],
        outages: Sequence[Outage],
    ) -> None:
        self._policies = policies
        self._states = states
        self._runs = runs
        self._outages = outages
        self.faults: list[str] = []
        self.fates: Counter[str] = Counter()
        #: seconds from the kill of a worker to the verdict, while server and control process were there, or not always
        self.undisturbed: list[float] = []
        self.disturbed: list[float] = []
        #: lost runs that no host had begun
        self.never_begun = 0

    def __str__(self) -> str:
        fates = ", ".join(f"{count} {word}" for word, count in sorted(self.fates.items()))
        known = (
            f"{len(self.undisturbed)} lost with their worker, known after {max(self.undisturbed, default=0.0):.1f} s"
        )
        later = (
            f"{len(self.disturbed)} more while server or control were away, {max(self.disturbed, default=0.0):.1f} s"
        )
        begun = f"{len(self._runs)} runs, {self.never_begun} lost before they began"
        return f"{sum(self.fates.values())} slots: {fates}, {begun}; {known} at most, {later}"

    def of_slots(self, last: int) -> None:
        """Check each planned time up to `last`: it has one fate, and no more runs than its job permits."""
        by_slot = Counter((run.job, run.slot) for run in self._runs)
        for job, state in self._states.items():
            fates = {fate["slot"]: fate for fate in state["jobs"][job]["fates"]}
            most = 1 if self._policies[job] == "fail" else 1 + MAX_RERUNS
            for slot in range(min(fates), last + 1, MINUTE):
                self._of_slot(job, slot, fates.get(slot), by_slot.pop((job, slot), 0), most)
        self.faults += [f"{job} {slot} has a run, and is not planned" for job, slot in by_slot if slot <= last]

    def _of_slot(self, job: str, slot: int, fate: Mapping[str, Any] | None, runs: int, most: int) -> None:
        if fate is None:
            self.faults.append(f"{job} {slot} has no fate")
            return
        if runs > most:
            self.faults.append(f"{job} {slot} has {runs} runs")
        if runs and fate["fate"] != "ran":
            self.faults.append(f"{job} {slot} has a run, and is {fate}")
        if not runs and fate["outcome"] == "succeeded":
            self.faults.append(f"{job} {slot} has no run, and is {fate}")
        if fate["outcome"] == "lost" and self._attempts(job, slot) < most:
            self.faults.append(f"{job} {slot} was not tried again")
        self.fates[str(fate["outcome"] or fate["fate"])] += 1

    def _attempts(self, job: str, slot: int) -> int:
        """Return how often a planned time was tried."""
        starts = [past["start"] for past in self._states[job]["past"]]
        return max((start["attempt"] for start in starts if start["slot"] == slot), default=1 + MAX_RERUNS)

    def of_losses(self) -> None:
        """Check each lost run that its lock still knows: for a reason, and known in time when its worker was killed."""
        for job, state in self._states.items():
            for past in state["past"]:
                if past["ended"]["outcome"] == "lost":
                    self._of_loss(job, past["start"]["slot"], past["since"], past["until"])

    def _of_loss(self, job: str, slot: int, since: float, until: float) -> None:
        run = next((run for run in self._runs if self._is(run, job, slot, since, until)), None)
        if run is None:
            self.never_begun += 1
            return
        meanwhile = [each for each in self._outages if each.at <= until and (each.over or until) >= run.began]
        kills = [each for each in meanwhile if (each.what, each.host) == (WORKER, run.host) and each.at >= run.began]
        what = f"{job} {slot} on {run.host}, begun at {run.began:.2f}, lost at {until:.2f}"
        around = f"; around it: {', '.join(map(str, meanwhile)) or 'nothing'}"
        if kills:
            self._of_kill(kills[0], until, what + around)
        elif not any(each.what == SERVER or each.host == run.host for each in meanwhile):
            self.faults.append(f"{what}: without a reason{around}")

    def _is(self, run: HostRun, job: str, slot: int, since: float, until: float) -> bool:
        is_then = since - ROUNDED_SECONDS <= run.began <= until
        return (run.job, run.slot) == (job, slot) and is_then

    def _of_kill(self, kill: Outage, until: float, what: str) -> None:
        took = until - kill.at
        away = [
            each
            for each in self._outages
            if each.what in (CONTROL, SERVER)
            and each.at <= until
            and (each.over or until) >= kill.at - FOUND_AGAIN_SECONDS
        ]
        (self.disturbed if away else self.undisturbed).append(took)
        limit = KNOWN_WITHIN_SECONDS + sum((each.over or until) - each.at + FOUND_AGAIN_SECONDS for each in away)
        if took > limit:
            self.faults.append(f"{what}: after {took:.2f} s, not within {limit:.2f} s")
