"""The page on a large host: overview and day of thousands of jobs, a log of 10 GB, open pages, wrong passwords."""

import signal
import socket
import statistics
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import httpx
from board import add_board_jobs, beside_the_board
from host import Host
from logs import LAST, grow
from machine import notes_of_load
from many_runs import add_jobs, add_runs
from measuring import ENVIRONMENT, WALL, Costs, Found, Row, WorthNothing, cost_of, row_of

from bench import Bench
from process_control.web.access.passwords import hash_of

FAMILY = "page"
#: A look at the host is shared for so long: whoever asks later has a new one.
LOOK_SECONDS = 1.05
PATIENCE_SECONDS = 180
PASSWORD = "correct horse"
GOALS = {"overview": 0.15, "day": 0.3, "end of a log": 0.5, "search": 3.0, "others": 1.0}
GOAL_DAY_KILOBYTES = 250.0
GOAL_SEARCH_MEBIBYTES = 32.0
GOAL_MEBIBYTES = 120.0


class Page:
    """A server of the page, on a unix socket and as root: nobody has to log in."""

    look_seconds = LOOK_SECONDS

    def __init__(self, process: "subprocess.Popen[bytes]", path: Path) -> None:
        self.pid = process.pid
        self.path = path
        transport = httpx.HTTPTransport(uds=str(path))
        self.client = httpx.Client(transport=transport, base_url="http://localhost", timeout=PATIENCE_SECONDS)

    def seconds(self, address: str) -> tuple[float, httpx.Response]:
        """Return how long an answer takes, and the answer. Raises WorthNothing when it is none."""
        begin = time.perf_counter()
        answer = self.client.get(address, headers={"accept-encoding": "gzip"})
        taken = time.perf_counter() - begin
        if answer.status_code != 200:
            raise WorthNothing(f"{address}: {answer.status_code}: {answer.text[:200]}")
        return taken, answer

    def memory(self, name: str = "VmRSS", *, pid: int | None = None) -> float:
        """Return what the kernel says of its memory, or of another process, in MiB."""
        text = Path(f"/proc/{pid or self.pid}/status").read_text()
        return int(text.partition(f"{name}:")[2].split()[0]) / 1024

    def forget_peak(self) -> None:
        Path(f"/proc/{self.pid}/clear_refs").write_text("5")

    def of_children(self) -> float:
        """Return what the children that it has now share with nobody, in MiB: a search is one of them."""
        kibibytes = 0
        for task in Path(f"/proc/{self.pid}/task").iterdir():
            with suppress(OSError):  # thread or child has ended
                for child in (task / "children").read_text().split():
                    lines = Path(f"/proc/{child}/smaps_rollup").read_text().splitlines()
                    kibibytes += sum(int(line.split()[1]) for line in lines if line.startswith("Private_"))
        return kibibytes / 1024

    @contextmanager
    def watched(self) -> Iterator[list[float]]:
        """Yield a list that gets what the server has more than before, and its children, now and then.

        The child that reads days stays for a minute: it was there before.
        """
        self.forget_peak()
        before, is_over, found = self.memory() + self.of_children(), threading.Event(), [0.0]

        def watch() -> None:
            while not is_over.wait(0.02):
                found.append(self.of_children())

        thread = threading.Thread(target=watch)
        thread.start()
        try:
            yield found
        finally:
            is_over.set()
            thread.join()
            found[:] = [max(found) + self.memory("VmHWM") - before]


def measure(bench: Bench) -> Found:
    notes = notes_of_load("the page")
    product = bench.product.copy_to(bench.directory / "with-page")
    product.add_extra("web", as_links=True)
    with bench.host(FAMILY) as host:
        host.product = product
        slugs = add_jobs(host, bench.sizes.jobs)
        host.add_job("printer", "name: printer\ncommand: echo begun\n")
        count = add_runs(bench, host, slugs, bench.sizes.runs)
        cost_of(host.by_hand("printer"))
        run_id = host.history("printer")[0]["run_id"]
        grow(host.log("printer"), bench.sizes.log_bytes)
        jobs = f"{len(slugs):,} jobs"
        with served(host) as page:
            rows = [*of_lists(bench, host, page, slugs, f"{jobs}, {count:,} runs", jobs)]
            rows += of_a_log(bench, page, run_id)
        with served(host) as page:
            rows += of_open_pages(host, page, jobs, bench.sizes.open_pages)
        rows.append(of_wrong_passwords(bench, product))
    with bench.host(f"{FAMILY}-board") as host:
        host.product = product
        count = add_board_jobs(bench, host)
        with served(host) as page:
            rows += beside_the_board(bench, host, page, count, free_port(), FAMILY)
    return Found(rows=rows, costs=Costs(), notes=notes)


@contextmanager
def served(host: Host, *words: str, address: str = "") -> Iterator[Page]:
    path = host.directory / "page.sock"
    command = host.process_control("web", "--listen", address or f"unix:{path}", *words)
    process = subprocess.Popen(command, env=ENVIRONMENT, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE)
    try:
        if process.stderr is None or b"the page:" not in process.stderr.readline():
            raise WorthNothing("the page is not served")
        yield Page(process, path)
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate()


def of_lists(bench: Bench, host: Host, page: Page, slugs: list[str], what: str, jobs: str) -> Iterator[Row]:
    """Ask for the overview after a run has ended, and for days of all jobs."""
    page.seconds("/")  # the first one reads all job files
    overview, day, again, kilobytes = [], [], [], []
    for number in bench.steps("overview of the page", min(15, bench.sizes.rounds_of_commands)):
        cost_of(host.by_hand(slugs[number]))
        time.sleep(LOOK_SECONDS)
        taken, answer = page.seconds("/")
        if b'data-job="' not in answer.content:
            raise WorthNothing("the overview shows no job")
        overview.append(taken)
    day.append(page.seconds("/day")[0])
    for _ in bench.steps("day of the page", min(7, bench.sizes.rounds_of_commands)):
        time.sleep(LOOK_SECONDS)
        taken, answer = page.seconds("/day")
        again.append(taken)
        kilobytes.append(float(answer.headers["content-length"]) / 1000)
    yield row_of(
        overview, family=FAMILY, what=f"page: overview, {what}, after a run", against="", measure=WALL, unit="s",
        goal=GOALS["overview"],
    )  # fmt: skip
    for what, values in (("first look", day), ("looked at again", again)):
        yield row_of(
            values, family=FAMILY, what=f"page: day of {jobs}, {what}", against="", measure=WALL, unit="s",
            goal=GOALS["day"],
        )  # fmt: skip
    yield row_of(
        kilobytes, family=FAMILY, what=f"page: day of {jobs}, compressed", against="", measure="sent", unit="kB",
        goal=GOAL_DAY_KILOBYTES,
    )  # fmt: skip


def of_a_log(bench: Bench, page: Page, run_id: str) -> Iterator[Row]:
    size = f"a log of {bench.sizes.log_bytes / 1e9:g} GB"
    opened, hits, found, peaks = [], [], [], []
    for _ in bench.steps("a long log by the page", min(10, bench.sizes.rounds_of_commands)):
        taken, answer = page.seconds(f"/runs/{run_id}")
        check_shown(answer)
        opened.append(taken)
    for _ in bench.steps("a search by the page", min(3, bench.sizes.rounds_of_gibibytes)):
        with page.watched() as memory:
            taken, answer = page.seconds(f"/runs/{run_id}?grep=the+last+line")
            check_shown(answer)
            hits.append(taken)
            found.append(searched_from_the_beginning(page, run_id))
        peaks += memory
    yield row_of(
        opened, family=FAMILY, what=f"page: end of {size}", against="", measure=WALL, unit="s",
        goal=GOALS["end of a log"],
    )  # fmt: skip
    yield row_of(
        hits, family=FAMILY, what=f"page: search of {size}, first hit", against="", measure=WALL, unit="s",
        goal=GOALS["search"],
    )  # fmt: skip
    yield row_of(
        found, family=FAMILY, what=f"page: search of {size} by the API, only hit at its end", against="",
        measure=WALL, unit="s", goal=GOALS["search"],
    )  # fmt: skip
    yield row_of(
        peaks, family=FAMILY, what="page: these searches", against="before them", measure="peak memory", unit="MiB",
        goal=GOAL_SEARCH_MEBIBYTES,
    )  # fmt: skip


def searched_from_the_beginning(page: Page, run_id: str) -> float:
    """Return how long the API takes, which begins with the first line, until it has found the last one."""
    begin, where = time.perf_counter(), f"/api/v1/runs/{run_id}/log?grep=the+last+line&limit=1"
    while True:
        _, answer = page.seconds(where)
        if answer.json()["lines"]:
            break
        where = answer.headers["link"].partition("<")[2].partition(">")[0]
    check_last(answer)
    return time.perf_counter() - begin


def check_shown(answer: httpx.Response) -> None:
    if f">{LAST.decode().strip()}<" not in answer.text:
        raise WorthNothing("its last line was not shown")


def check_last(answer: httpx.Response) -> None:
    if answer.json()["lines"][-1]["text"] != LAST.decode().strip():
        raise WorthNothing("its last line was not shown")


def of_open_pages(host: Host, page: Page, jobs: str, count: int) -> Iterator[Row]:
    """Open pages that wait for something to change; each has had the overview before. Then have all jobs read again."""
    with ExitStack() as stack:
        for _ in range(count):
            page.seconds("/")
            stream = stack.enter_context(socket.socket(socket.AF_UNIX))
            stream.settimeout(60)
            stream.connect(str(page.path))
            stream.sendall(b"GET /events HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n\r\n")
            if b" 200 " not in stream.recv(200):
                raise WorthNothing("there are no events")
        time.sleep(2 * LOOK_SECONDS)
        first, again = page.memory(), []
        for number in range(3):
            host.add_job(f"new-{number}", "name: new\ncommand: /bin/true\n")
            time.sleep(3 * LOOK_SECONDS)
            page.seconds(f"/jobs/new-{number}")
            again.append(page.memory())
    what = f"page: {count} open pages, {jobs}"
    for what_of_it, values in ((what, [first]), (f"{what}, after all were read again", again)):
        yield row_of(values, family=FAMILY, what=what_of_it, against="", measure="RSS", unit="MiB", goal=GOAL_MEBIBYTES)


def of_wrong_passwords(bench: Bench, product: object) -> Row:
    """Try wrong passwords, sixteen at a time, while somebody who is logged in reads on."""
    users = f"web:\n  users:\n    ann: {{password: {hash_of(PASSWORD)}, role: viewer}}\n"
    count = bench.sizes.wrong_passwords
    port = free_port()
    with bench.host(f"{FAMILY}-login", keys=users) as host:
        host.product = product  # type: ignore[assignment]
        add_jobs(host, 10)
        with served(host, address=f"127.0.0.1:{port}"):
            base, own = f"http://127.0.0.1:{port}", {"sec-fetch-site": "same-origin"}
            with httpx.Client(base_url=base, timeout=60, headers=own) as ann:
                form = {"name": "ann", "password": PASSWORD, "next": "/"}
                if ann.post("/login", data=form).status_code != 303:
                    raise WorthNothing("nobody can log in")
                threads = [
                    threading.Thread(target=guess, args=(base, own, range(first, count, 16))) for first in range(16)
                ]
                for thread in threads:
                    thread.start()
                waits = []
                while any(thread.is_alive() for thread in threads) or len(waits) < 20:
                    begin = time.perf_counter()
                    if ann.get("/").status_code != 200:
                        raise WorthNothing("who is logged in is not let in")
                    waits.append(time.perf_counter() - begin)
                    time.sleep(0.02)
    slowest = statistics.quantiles(waits, n=100, method="inclusive")[-1]
    return row_of(
        [slowest], family=FAMILY, what=f"page: others during {count:,} wrong passwords", against="", measure="p99",
        unit="s", goal=GOALS["others"],
    )  # fmt: skip


def guess(base: str, headers: dict[str, str], numbers: range) -> None:
    with httpx.Client(base_url=base, timeout=60, headers=headers) as client:
        for number in numbers:
            client.post("/login", data={"name": f"ann{number}", "password": str(number), "next": "/"})


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])
