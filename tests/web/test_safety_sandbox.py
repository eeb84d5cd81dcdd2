"""The page as its unit of systemd runs it: only the state may be written, no right is left, no job is started."""

from collections.abc import Callable
from pathlib import Path

import pytest

from kit import mount_namespaces
from kit.harness import SERVICE_USER, Box
from kit.page_safety import status_lines
from kit.pages import form_token, served

#: What the unit takes away: capabilities, and the way to get new ones.
RIGHTS = ["setpriv", f"--reuid={SERVICE_USER}", f"--regid={SERVICE_USER}", "--clear-groups", "--no-new-privs"]
RIGHTS += ["--bounding-set=-all", "--inh-caps=-all"]


@pytest.mark.needs_root
def test_in_the_sandbox_of_its_unit_people_look_and_act_and_nothing_else_is_written(
    make_web_box: Callable[..., Box],
) -> None:
    mount_namespaces.needed()
    box = make_web_box(service_user=SERVICE_USER)
    box.job("backup", "command: 'true'")
    box.run("backup")
    state = box.state_directory
    script = f"mount --bind {state} {state} && mount -o remount,bind,ro /"
    box._namespace = [*mount_namespaces.IN_ONE, "sh", "-c", f'{script} && exec "$@"', "sh", *RIGHTS]
    with served(box, "--no-starts") as site, site.client() as client:
        status = status_lines(site.live.pid)
        mounts = Path(f"/proc/{site.live.pid}/mounts").read_text().splitlines()
        looked = [client.get(path).status_code for path in ("/", "/jobs/backup", "/incidents")]
        form = {"form_token": form_token(client, "/acts/hold?job=backup"), "job": "backup"}
        held = client.post("/acts/hold", data=form)
        stopped = client.post("/acts/stop", data=form)
        ran = client.post("/acts/run", data=form)
    box._namespace = []

    assert (status["NoNewPrivs"], status["CapBnd"], status["CapEff"]) == ("1", "0" * 16, "0" * 16)
    assert any(line.split()[1] == "/" and "ro" in line.split()[3].split(",") for line in mounts)
    assert looked == [200] * 3
    assert (held.status_code, stopped.status_code, ran.status_code) == (200, 200, 409)
    [job] = box.process_control("status", "--json").json()["jobs"]
    assert job["state"] == "held"
