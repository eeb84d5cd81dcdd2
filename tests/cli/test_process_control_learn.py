"""`learn`, and the mark of what is new in `status`: noise told from what matters, by what past runs wrote."""

from kit.harness import Box
from kit.runs import script


def noisy(box: Box, *, then: str = "") -> None:
    job = script(box, "job.sh", f"echo out; echo NOTICE: took $$ ms >&2; {then}")
    box.job("noisy", f"command: {job}\nstderr: warn")


def test_what_good_runs_wrote_to_stderr_is_proposed_as_rules(box: Box) -> None:
    noisy(box)
    for _ in range(3):
        box.run("noisy")
    noisy(box, then="echo cannot connect >&2; exit 1")
    box.run("noisy")

    result = box.process_control("learn", "noisy")
    told = box.process_control("learn", "noisy", "--json").json()

    assert (result.exit_code, result.stdout) == (
        0,
        "verdicts:\n  - {stderr: '^NOTICE: took \\d+ ms$', verdict: ignore}   # in 3 good runs, 1 that failed\n",
    )
    assert (
        result.stderr == f"from 3 good runs of noisy; read them, then paste them into {box.job_directory}/noisy.yaml\n"
    )
    assert (told["good_runs"], told["failed_runs"], len(told["proposals"])) == (3, 1, 1)


def test_a_run_that_only_stderr_failed_is_good_for_learning(box: Box) -> None:
    box.job("job", "command: sh -c 'echo warning >&2'")
    box.run("job")

    assert "'^warning$'" in box.process_control("learn", "job").stdout


def test_where_nothing_is_to_be_learned_that_is_told(box: Box) -> None:
    box.job("quiet", "command: /bin/true")
    box.run("quiet")

    result = box.process_control("learn", "quiet")

    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith("quiet: nothing to propose: 1 good run of the last 50 ")
    assert box.process_control("learn", "nowhere").exit_code == 66


def test_secrets_are_not_learned(box: Box) -> None:
    secrets = box.root / "secrets"
    secrets.write_text("TOKEN=s3cret-t0ken-of-the-shop\n")
    secrets.chmod(0o600)
    job = script(box, "job.sh", "echo using $TOKEN now >&2")
    box.job("job", f"command: {job}\nenvironment_file: {secrets}\nstderr: warn")
    box.run("job")

    assert "'^using .* now$'" in box.process_control("learn", "job").stdout
    assert "s3cret" not in str(box.process_control("learn", "job", "--json"))


def test_status_marks_what_the_last_good_run_did_not_say(box: Box) -> None:
    noisy(box)
    box.run("noisy")
    noisy(box, then="echo cannot connect to db2 >&2; exit 1")
    box.run("noisy")

    shown = box.process_control("status", "noisy", tty=True, columns=120, env={"NO_COLOR": "1"}).stdout

    marked = [line for line in shown.splitlines() if line.endswith("new since the last good run")]
    assert len(marked) == 1
    assert "cannot connect to db2" in marked[0]
