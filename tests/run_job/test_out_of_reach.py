"""What of root's, and of the runner's, a job that shares the account with our own processes cannot reach."""

import ctypes
import platform
from collections.abc import Callable

import pytest

from kit import mount_namespaces
from kit.harness import SERVICE_USER, Box, until
from kit.runs import script

KEYCTL = {"x86_64": (250, 248), "aarch64": (219, 217)}
"""The numbers of keyctl(2) and add_key(2)."""
JOIN_SESSION_KEYRING, SEARCH, SESSION_KEYRING = 1, 10, -3


@pytest.mark.needs_root
def test_the_process_that_sends_mail_has_nothing_of_roots_environment(make_box: Callable[..., Box]) -> None:
    box = make_box(service_user=SERVICE_USER)
    seen_at = box.root / "seen"
    seen_at.mkdir()
    box.give(seen_at, SERVICE_USER)
    text = f"cat > /dev/null; cp /proc/$PPID/environ {seen_at}/new; mv {seen_at}/new {seen_at}/it"
    sendmail = script(box, "sendmail", text)
    box.configure(failmail={"to_address": "ops@example.org", "sendmail": str(sendmail)})
    box.job("job", "command: 'false'")

    box.run("job", env={"VAULT_TOKEN": "xyzzy-root-only", "XDG_CONFIG_HOME": "/root/.config", "TZ": "UTC"})

    seen = until(lambda: (seen_at / "it").exists() and (seen_at / "it").read_bytes(), "the mail")
    variables = dict(entry.split(b"=", 1) for entry in seen.split(b"\0") if entry)
    assert set(variables) <= {b"PATH", b"LANG", b"TZ", b"HOME"}
    assert variables[b"HOME"] == b"/usr/games"
    assert b"xyzzy" not in seen


def in_a_keyring_with_a_ticket() -> None:
    """Between fork and exec: have a session keyring with a key of root's, as pam_keyinit and kinit leave one."""
    libc, (keyctl, add_key) = ctypes.CDLL(None, use_errno=True), KEYCTL[platform.machine()]
    if libc.syscall(keyctl, JOIN_SESSION_KEYRING, None) == -1:
        return
    libc.syscall(add_key, b"user", b"krb5-ticket", b"of-root", 7, SESSION_KEYRING)


@pytest.mark.needs_root
@pytest.mark.skipif(platform.machine() not in KEYCTL, reason="the number of keyctl(2) is not known")
@pytest.mark.parametrize(
    ("user", "found"), [(SERVICE_USER, "no\n"), (None, "yes\n")], ids=["another user's", "root's own"]
)
def test_a_job_of_another_user_does_not_have_roots_session_keyring(
    make_box: Callable[..., Box], user: str | None, found: str
) -> None:
    keyctl, _ = KEYCTL[platform.machine()]
    if ctypes.CDLL(None).syscall(keyctl, 0, SESSION_KEYRING, 0) == -1:
        pytest.skip("no keyrings here")
    box = make_box(service_user=user)
    look = box.root / "look.py"
    look.write_text(
        "import ctypes\n"
        f"key = ctypes.CDLL(None).syscall({keyctl}, {SEARCH}, {SESSION_KEYRING}, b'user', b'krb5-ticket', 0)\n"
        "print('no' if key == -1 else 'yes')\n"
    )
    box.job("keys", f"command: /usr/bin/python3 -I {look}")

    result = box.run("keys", preexec_fn=in_a_keyring_with_a_ticket)

    assert result.exit_code == 0, result
    assert box.log_bytes("keys") == found.encode()


LOOK_AT_US = """
    parent=$PPID; above=$(sed 's/.*) //' /proc/$parent/stat | cut -d' ' -f2)
    for pid in $parent $above; do
        for what in mem environ maps fd; do
            if head -c 1 /proc/$pid/$what > /dev/null 2>&1 || ls /proc/$pid/$what/ > /dev/null 2>&1; then
                [ $what = mem ] && continue  # opening it is what counts, reading at 0 never works
                echo "$pid $what"
            fi
        done
        python3 -I -c "open('/proc/$pid/mem', 'rb')" 2> /dev/null && echo "$pid mem"
    done
    true
"""


@pytest.mark.needs_root
def test_a_job_cannot_look_into_guard_and_runner_of_its_own_account(make_box: Callable[..., Box]) -> None:
    """As cron starts them: the line's user is the service user, so nobody drops any rights."""
    box = make_box(service_user=SERVICE_USER)
    for directory in (box.state_directory, box.output_directory):
        directory.mkdir()
        box.give(directory, SERVICE_USER)
    box.job("look", f"command: {script(box, 'look.sh', LOOK_AT_US)}")

    result = box.run("look", user=SERVICE_USER, via="stub")

    assert (result.stderr, result.exit_code) == ("", 0)
    assert box.log_bytes("look") == b""


@pytest.mark.needs_root
def test_a_run_is_seen_by_its_own_account_where_proc_hides_the_processes_of_others(
    make_box: Callable[..., Box],
) -> None:
    mount_namespaces.needed()
    box = make_box(service_user=SERVICE_USER)
    for directory in (box.state_directory, box.output_directory):
        directory.mkdir()
        box.give(directory, SERVICE_USER)
    started, release = box.fifo("started"), box.fifo("release")
    job = script(box, "job.sh", f"echo up > {started}; read line < {release}")
    box.job("job", f"command: {job}")
    hidden = [*mount_namespaces.IN_ONE, "sh", "-c", 'mount -t proc -o hidepid=2 proc /proc; exec "$@"', "sh"]
    become = ["setpriv", f"--reuid={SERVICE_USER}", "--regid=60", "--clear-groups", "--"]
    run_job = box.product.run_job
    inside = f"{run_job} job & read line < {started}; {run_job} --status job; echo go > {release}; wait"

    result = box.command([*hidden, *become, "sh", "-c", inside])

    assert "running" in result.stdout, result
