"""What a family of rows gets: the product, a directory, how much of everything, and a bar that moves."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from host import Host, Product
from peers import Peers
from rich.progress import Progress


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizes:
    """How much of everything: full size is that of the goals."""

    rounds: int = 60
    rounds_at_once: int = 10
    at_once: int = 200
    concurrent: int = 1000
    rounds_of_commands: int = 30
    asks_before: bool = True
    """Whether each command is asked once before it is measured."""
    capture_bytes: int = 1 << 30
    rounds_of_gibibytes: int = 15
    rounds_of_others: int = 7
    rounds_of_schedulers: int = 3
    jobs: int = 5000
    runs: int = 1_000_000
    log_bytes: int = 10_000_000_000
    open_pages: int = 200
    wrong_passwords: int = 1000
    hosts: int = 200
    hosts_of_sshd: int = 12
    rounds_of_fleet: int = 4
    jobs_of_fleet: int = 500
    at_once_of_fleet: int = 100
    running_of_fleet: int = 8


QUICK = Sizes(
    rounds=2, rounds_at_once=2, at_once=2, concurrent=2, rounds_of_commands=1, asks_before=False, capture_bytes=4 << 20,
    rounds_of_gibibytes=1, rounds_of_others=1, rounds_of_schedulers=0, jobs=20, runs=200, log_bytes=10_000_000,
    open_pages=4, wrong_passwords=16, hosts=3, hosts_of_sshd=2, rounds_of_fleet=1, jobs_of_fleet=4, at_once_of_fleet=0,
    running_of_fleet=2,
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    product: Product
    directory: Path
    sizes: Sizes
    progress: Progress
    peers: Peers

    @contextmanager
    def host(self, name: str, *, keys: str = "", crontab: str = "crontab") -> Iterator[Host]:
        """A host of its own for one family; what the product has cached of it is forgotten afterwards."""
        host = Host(self.product, self.directory / name, keys=keys, crontab=crontab)
        try:
            yield host
        finally:
            host.forget_cached()

    def each(self, families: list[str]) -> Iterator[str]:
        """Go through the families, and show which one is on."""
        task = self.progress.add_task("", total=len(families))
        for family in families:
            self.progress.update(task, description=f"bench: {family}")
            yield family
            self.progress.advance(task)

    def steps(self, what: str, count: int) -> Iterator[int]:
        """Count from 0 to `count`, and show it."""
        task = self.progress.add_task(what, total=count)
        for number in range(count):
            yield number
            self.progress.advance(task)
        self.progress.remove_task(task)
