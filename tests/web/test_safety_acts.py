"""What the page may do: nothing for viewers and when it is read-only, no job file ever, and runs that outlive it."""

import contextlib
import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from kit.harness import SERVICE_USER, Box, Fifo, until
from kit.page_safety import PASSWORD, form_tokens, logged_in, namespaces, status_lines, users
from kit.pages import Served, form_token, served

ACTS = {"run": {}, "stop": {}, "hold": {}, "release": {}, "pause": {"for": "2h"}, "silence": {"for": "2h"}}
WRITES = ("O_WRONLY", "O_RDWR", "O_CREAT", "unlink", "rename", "mkdir", "chmod", "chown", "truncate", "link")
#: Of /proc/PID/status: what a sandbox would change.
OF_A_SANDBOX = ("NoNewPrivs", "Seccomp", "CapBnd", "CapEff", "Uid", "Gid", "Groups")


@pytest.fixture
def site(web_box: Box) -> Iterator[Served]:
    web_box.configure(web={"users": users(ann="admin", eve="viewer", bob="operator")})
    web_box.job("backup", "command: 'true'")
    with served(web_box) as site:
        yield site


def health(box: Box) -> tuple[object, object, object]:
    [job] = box.process_control("status", "--json").json()["jobs"]
    return job["state"], job["silenced_until"], job["last"]


def answers_to_all_acts(client: httpx.Client, token: str) -> dict[str, int]:
    """Return the status of each act of the page and of the API."""
    found = {}
    for verb, fields in ACTS.items():
        form = {"form_token": token, "job": "backup", **fields}
        found[f"preview {verb}"] = client.get(f"/acts/{verb}?job=backup").status_code
        found[f"page {verb}"] = client.post(f"/acts/{verb}", data=form).status_code
        if verb != "silence":
            answer = client.post(f"/api/v1/jobs/backup/{verb}", json=fields, headers={"x-form-token": token})
            found[f"api {verb}"] = answer.status_code
    for path in ("/incidents/x/ack", "/api/v1/incidents/x/ack", "/api/v1/incidents/x/silence", "/recover"):
        found[path] = client.post(path, data={"form_token": token}).status_code
    return found


def test_a_viewer_is_refused_at_each_act_by_page_and_api(site: Served) -> None:
    before = health(site.box)
    with logged_in(site, "eve") as client:
        token = next(iter(form_tokens(client.get("/").text)))
        codes = answers_to_all_acts(client, token)
    secret = site.box.process_control("web", "token", "create", "look", "--role", "viewer").stdout.strip()
    with site.client(opened=False, headers={"authorization": f"Bearer {secret}"}) as client:
        by_token = answers_to_all_acts(client, "")

    assert {what: code for what, code in codes.items() if code not in (403, 404, 405)} == {}
    assert {what: code for what, code in by_token.items() if code not in (403, 404, 405)} == {}
    assert [codes[f"page {verb}"] for verb in ACTS] == [403] * len(ACTS)
    assert health(site.box) == before


@pytest.mark.parametrize("by", ["flag", "configuration"])
def test_read_only_means_nobody_changes_anything(web_box: Box, by: str) -> None:
    web_box.configure(web={"users": users(ann="admin"), "read_only": by == "configuration"})
    web_box.job("backup", "command: 'true'")
    before = health(web_box)
    words = ["--read-only"] if by == "flag" else []
    with served(web_box, *words) as site, logged_in(site, "ann") as client:
        page = client.get("/jobs/backup").text
        codes = answers_to_all_acts(client, next(iter(form_tokens(client.get("/").text))))

    assert {what: code for what, code in codes.items() if code not in (403, 404, 405)} == {}
    assert "/acts/" not in page
    assert health(web_box) == before


@pytest.mark.needs_root
def test_the_web_process_writes_no_job_file(make_web_box: Callable[..., Box]) -> None:
    box = make_web_box(service_user=SERVICE_USER)
    box.job("backup", "command: 'true'")
    trace = box.root / "trace"
    trace.touch()
    trace.chmod(0o666)
    with served(box) as site, site.client() as client:
        words = ["strace", "-f", "-qq", "-e", "trace=%file", "-o", str(trace), "-p", str(site.live.pid)]
        with box.start_command(words) as tracer:
            until(lambda: status_lines(site.live.pid)["TracerPid"] != "0", "the trace begins")
            for verb, fields in ACTS.items():
                if verb == "run":
                    continue  # a run writes by itself
                token = form_token(client, f"/acts/{verb}?job=backup")
                form = {"form_token": token, "job": "backup", "note": "x", **fields}
                assert client.post(f"/acts/{verb}", data=form).status_code == 200, verb
            tracer.signal(signal.SIGTERM)
            tracer.wait()

    lines = [line for line in trace.read_text().splitlines() if f'"{box.job_directory}' in line]
    writes = [
        line
        for line in lines
        if any(
            word in line
            for word in (
                "O_WRONLY",
                "O_RDWR",
                "O_CREAT",
                "unlink",
                "rename",
                "mkdir",
                "chmod",
                "chown",
                "truncate",
                "symlink",
            )
        )
    ]
    assert trace.stat().st_size > 0
    assert writes == []


# --- a run that the page starts --------------------------------------------------------------------------------------


@pytest.fixture
def waiting_job(web_box: Box) -> tuple[Fifo, Fifo]:
    started, go_on = web_box.fifo("started"), web_box.fifo("go_on")
    web_box.job("long", f"command: sh -c 'echo $$ > {started}; read line < {go_on}'")
    return started, go_on


def test_a_job_that_the_page_started_is_as_one_by_hand_and_outlives_the_page(
    web_box: Box, waiting_job: tuple[Fifo, Fifo]
) -> None:
    started, go_on = waiting_job
    with web_box.start("long", via="script") as live:
        by_hand = _facts(int(started.read_line()))
        go_on.write_line("on")
        live.wait()
    with served(web_box) as site, site.client() as client:
        form = {"form_token": form_token(client, "/acts/run?job=long"), "job": "long"}
        assert client.post("/acts/run", data=form).status_code == 200
        pid = int(started.read_line())
        by_page = _facts(pid)
        server = site.live.pid
        apart = [os.getsid(pid) != os.getsid(server), os.getpgid(pid) != os.getpgid(server)]
        group = _cgroup(pid), _cgroup(server)
        sockets = [name for name in _descriptors(pid) if name.startswith("socket:")]
        site.live.signal(signal.SIGKILL)
        site.live.wait()
        still = status_lines(pid)["State"]
    with served(web_box) as again:  # also a new page ends nothing
        assert again.live.pid != server
        go_on.write_line("on")
        until(lambda: health(web_box)[2] and health(web_box)[2]["outcome"], "the run has ended")  # type: ignore[index]

    assert by_page == by_hand
    assert apart == [True, True]
    assert group[0] != group[1] or group[0] == _cgroup(os.getpid())  # of its own where groups can be made
    assert sockets == []
    assert not still.startswith("Z")
    assert health(web_box)[2]["outcome"] == "succeeded"  # type: ignore[index]


def _facts(pid: int) -> dict[str, object]:
    """Return what a job inherits: limits, namespaces, rights, umask, the names of its environment."""
    status = status_lines(pid)
    names = sorted(
        word.split(b"=")[0].decode() for word in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0") if word
    )
    return {
        "limits": Path(f"/proc/{pid}/limits").read_text(),
        "namespaces": namespaces(pid),
        "rights": {name: status[name] for name in OF_A_SANDBOX},
        "masks": {name: status[name] for name in ("SigIgn", "SigBlk", "Umask")},
        "niceness": os.getpriority(os.PRIO_PROCESS, pid),
        "oom": Path(f"/proc/{pid}/oom_score_adj").read_text(),
        "environment": names,
    }


def _cgroup(pid: int) -> str:
    return Path(f"/proc/{pid}/cgroup").read_text()


def _descriptors(pid: int) -> list[str]:
    found = []
    for name in os.listdir(f"/proc/{pid}/fd"):
        with contextlib.suppress(FileNotFoundError):  # that of a redirection, which the shell has just closed
            found.append(os.readlink(f"/proc/{pid}/fd/{name}"))
    return found


def test_without_starts_the_page_says_so_and_offers_the_line(web_box: Box) -> None:
    web_box.job("backup", "command: 'true'")
    with served(web_box, "--no-starts") as site, site.client() as client:
        form = {"form_token": form_token(client, "/acts/run?job=backup"), "job": "backup"}
        answer = client.post("/acts/run", data=form)

    assert answer.status_code == 409
    assert "process-control run" in answer.text
    assert PASSWORD not in answer.text
    assert health(web_box)[2] is None
