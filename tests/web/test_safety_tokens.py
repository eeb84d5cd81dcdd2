"""`web passwd`, `web token`, `web link`: kept hashed, shown once, refused when they are over, recorded."""

import json
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from kit.harness import Box
from kit.page_safety import PASSWORD, web_events
from kit.pages import Served, served
from process_control.web.access.passwords import is_password


@pytest.fixture
def site(web_box: Box) -> Iterator[Served]:
    web_box.job("backup", "command: 'true'")
    with served(web_box) as site:
        yield site


def bearer(secret: str) -> dict[str, str]:
    return {"authorization": f"Bearer {secret}"}


def token(box: Box, name: str = "grafana", role: str = "viewer") -> str:
    return box.process_control("web", "token", "create", name, "--role", role).stdout.strip()


def test_the_hash_of_a_password_comes_from_stdin_and_is_the_line_for_the_configuration(web_box: Box) -> None:
    made = web_box.pasted(f"printf '%s\\n' '{PASSWORD}' | process-control web passwd ann --role operator")

    assert made.exit_code == 0, made
    name, _, value = made.stdout.strip().partition(": ")
    assert (name, value.endswith(", role: operator}")) == ("ann", True)
    assert is_password(PASSWORD, value.partition("password: ")[2].partition(",")[0])
    assert PASSWORD not in made.stdout + made.stderr


def test_the_password_of_a_prompt_is_not_shown_and_asked_twice(web_box: Box) -> None:
    words = [str(web_box.product.process_control), "web", "passwd", "ann"]
    with web_box.start_command(words, tty=True) as live:
        live.wait_for_line("Password:")
        live.type(f"{PASSWORD}\n".encode())
        live.wait_for_line("Repeat")
        live.type(f"{PASSWORD}\n".encode())
        said = live.wait().stdout

    assert "ann: {password: scrypt$" in said
    assert PASSWORD not in said


@pytest.mark.parametrize("name", ["../x", "a b", "", "x" * 65, "a:b"])
def test_no_login_and_no_token_has_an_impossible_name(web_box: Box, name: str) -> None:
    login = web_box.process_control("web", "passwd", name)
    made = web_box.process_control("web", "token", "create", name, "--role", "viewer")

    assert (login.exit_code, made.exit_code) == (2, 2)


def test_a_token_is_shown_once_and_kept_hashed_for_the_service_user_alone(web_box: Box) -> None:
    secret = token(web_box)

    kept = [path for path in (web_box.state_directory / "web").rglob("*") if path.is_file()]
    assert len(secret) > 40
    assert [stat.S_IMODE(path.stat().st_mode) for path in kept] == [0o600]
    assert stat.S_IMODE((web_box.state_directory / "web").stat().st_mode) == 0o700
    assert stat.S_IMODE(kept[0].parent.stat().st_mode) == 0o700
    assert secret not in kept[0].read_text() + kept[0].name
    listed = web_box.process_control("web", "token", "list").stdout
    assert listed.split("\t")[:2] == ["grafana", "viewer"]
    assert secret not in listed


def test_a_token_asks_as_its_role_and_is_refused_when_it_is_revoked(site: Served) -> None:
    secret = token(site.box)

    with site.client(opened=False, headers=bearer(secret)) as client:
        before = client.get("/api/v1/jobs")
        act = client.post("/acts/hold", data={"job": "backup"})
        revoked = site.box.process_control("web", "token", "revoke", "grafana")
        after = client.get("/api/v1/jobs")
    again = site.box.process_control("web", "token", "revoke", "grafana")

    assert (before.status_code, act.status_code, after.status_code) == (200, 403, 401)
    assert "a viewer changes nothing" in act.text
    assert (revoked.exit_code, again.exit_code) == (0, 1)
    assert after.headers["www-authenticate"] == "Bearer"


def test_an_expired_token_is_refused_and_forgotten(site: Served) -> None:
    secret = token(site.box)
    [kept] = (site.box.state_directory / "web" / "tokens").iterdir()
    _expire(kept)

    with site.client(opened=False, headers=bearer(secret)) as client:
        answer = client.get("/api/v1/jobs")

    assert answer.status_code == 401
    assert not kept.exists()


def _expire(path: Path) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), "ends": 1.0}))


def test_a_wrong_token_is_refused_though_the_browser_has_a_good_cookie(site: Served) -> None:
    with site.client() as client:
        answer = client.get("/", headers=bearer("x" * 43))

    assert answer.status_code in (303, 401)


def test_who_made_and_revoked_a_token_is_recorded(web_box: Box) -> None:
    token(web_box, "deploy", "operator")
    web_box.process_control("web", "token", "revoke", "deploy")

    events = web_events(web_box)

    assert [(event["change"], event["account"], event["role"]) for event in events] == [
        ("token_created", "deploy", "operator"),
        ("token_revoked", "deploy", "operator"),
    ]
    assert all(event["by"] for event in events)
    assert events[0]["sentence"] == "made a token: for 90 days"


def test_nothing_is_made_in_a_dry_run_and_no_name_twice(web_box: Box) -> None:
    dry = web_box.process_control("web", "token", "create", "deploy", "--role", "viewer", "--dry-run", "--json")
    made = web_box.process_control("web", "token", "create", "deploy", "--role", "viewer", "--days", "1", "--json")
    twice = web_box.process_control("web", "token", "create", "deploy", "--role", "admin")
    kept = web_box.process_control("web", "token", "revoke", "deploy", "--dry-run")

    assert dry.json() == {"version": 1, "token": None, "secret": None}
    assert made.json()["token"]["name"] == "deploy"
    assert (twice.exit_code, kept.exit_code) == (1, 0)
    assert "there is a token of this name" in twice.stderr
    assert len(web_box.process_control("web", "token", "list", "--json").json()["tokens"]) == 1


def test_options_of_the_server_go_with_no_verb(web_box: Box) -> None:
    result = web_box.process_control("web", "--read-only", "token", "list")

    assert result.exit_code == 2
