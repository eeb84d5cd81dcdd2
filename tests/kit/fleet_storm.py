"""What is done to a fleet in a storm: processes that are killed and started again, hosts that are cut off, and when."""

import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from kit.fleets import Server
from kit.harness import Live, children, until, wait_gone
from kit.network import Cable
from process_control.errors import NotStarted

#: What an outage is of. A host is what its worker is.
WORKER, CUT, CONTROL, SERVER = "worker killed", "network cut", "control killed", "server killed"
SIGKILL = 9
#: A service manager waits a little, too, before it starts again what has ended by itself.
AGAIN_SECONDS = 0.5


@dataclass(slots=True)
class Outage:
    """One kill or cut. Moments are UTC seconds."""

    what: str
    #: of a worker or a cut
    host: str
    at: float
    #: when it served again, or its packets arrived; None: not yet
    over: float | None = None

    def __str__(self) -> str:
        until_when = "…" if self.over is None else f"{self.over:.2f}"
        return f"{self.what} {self.host} {self.at:.2f} to {until_when}"


class Served:
    """A process that is started again whenever it has ended, as a service manager does it."""

    def __init__(self, what: str, host: str, start: Callable[[], Live], *, says: str, live: Live | None = None) -> None:
        self.what, self.host = what, host
        self._start = start
        self._says = says
        self.live = start() if live is None else live
        self._again_at = 0.0
        self.outages: list[Outage] = []

    def kill(self) -> None:
        if self.outages and self.outages[-1].over is None:
            self.outages[-1].over = time.time()  # the next one begins before it served again
        self.outages.append(Outage(self.what, self.host, time.time()))
        self.live.signal(SIGKILL)
        wait_gone(self.live.pid)
        self._again_at = 0.0
        self.look()

    def is_killable(self) -> bool:
        return self.live.process.poll() is None

    def serves(self) -> bool:
        return self.is_killable() and self._says in self.live.seen("stderr")

    def look(self) -> None:
        """Start it again when it has ended; see whether it serves."""
        if self.live.process.returncode is None and self.live.process.poll() is None:
            self.live.read_what_is_there()
            if self.outages and self.outages[-1].over is None and self.serves():
                self.outages[-1].over = time.time()
        elif time.monotonic() >= self._again_at:
            ended = self.live.wait()
            assert ended.exit_code in (-SIGKILL, NotStarted.exit_code), ended
            self._again_at = time.monotonic() + AGAIN_SECONDS
            self.live = self._start()

    def close(self) -> None:
        self.live.close()


class Troubles:
    """What is done to a fleet. `look` is to be called again and again. `cut_seconds`: the shortest and longest cut."""

    def __init__(
        self,
        server: Server,
        control: Served,
        workers: Sequence[Served],
        cables: dict[str, Cable],
        *,
        chance: random.Random,
        cut_seconds: tuple[float, float],
    ) -> None:
        self._server = server
        self._control = control
        self._workers = workers
        self._cables = cables
        self._chance = chance
        self._cut_seconds = cut_seconds
        self._of_server: list[Outage] = []
        self._cuts: list[Outage] = []
        #: by host: when its network is to be restored
        self._restore_at: dict[str, float] = {}

    @property
    def outages(self) -> list[Outage]:
        of_processes = [outage for each in (self._control, *self._workers) for outage in each.outages]
        return sorted([*of_processes, *self._of_server, *self._cuts], key=lambda outage: outage.at)

    def do(self, what: str) -> bool:
        """Kill or cut one; return whether there was one."""
        if what == SERVER:
            return self._kill_server()
        if what == CUT:
            candidates = [each for each in self._workers if each.host not in self._restore_at]
        else:
            processes = [self._control] if what == CONTROL else self._workers
            candidates = [each for each in processes if each.is_killable()]
        if not candidates:
            return False
        one = self._one_of(candidates)
        if what == CUT:
            self._cut(one.host)
        else:
            one.kill()
        return True

    def look(self) -> None:
        """Do what is due: networks are restored, what has ended is started again."""
        for host, moment in list(self._restore_at.items()):
            if time.time() >= moment:
                self._cables[host].restore()
                del self._restore_at[host]
                next(cut for cut in reversed(self._cuts) if cut.host == host).over = time.time()
        for each in (self._control, *self._workers):
            each.look()
        if not self._server_is_there() and self._server.listens():
            self._of_server[-1].over = time.time()

    def wait_until(self, moment: float) -> None:
        until(lambda: self._is_past(moment), "the next moment of the storm")

    def calm(self) -> None:
        """Wait until every host is reached, and all serve."""
        until(self._is_calm, "that all serve again")

    def _is_calm(self) -> bool:
        self.look()
        serve = all(each.serves() for each in (self._control, *self._workers))
        return serve and not self._restore_at and self._server_is_there()

    def _is_past(self, moment: float) -> bool:
        self.look()
        return time.time() >= moment

    def _kill_server(self) -> bool:
        if not self._server_is_there():
            return False
        self._of_server.append(Outage(SERVER, "", time.time()))
        self._server.kill_now()
        return True

    def _cut(self, host: str) -> None:
        self._cuts.append(Outage(CUT, host, time.time()))
        self._cables[host].cut()
        self._restore_at[host] = time.time() + self._chance.uniform(*self._cut_seconds)

    def _one_of(self, processes: Sequence[Served]) -> Served:
        """Return one by chance, of those with a run in flight where there are any: at the others nothing is lost."""
        busy = [each for each in processes if children(each.live.pid)]
        return self._chance.choice(busy or list(processes))

    def _server_is_there(self) -> bool:
        return not self._of_server or self._of_server[-1].over is not None

    def close(self) -> None:
        for each in (self._control, *self._workers):
            each.close()
