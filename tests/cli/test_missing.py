"""What a job needs and this host does not have: `lint` and `--dry-run` look, and the exit code says so."""

from kit.desk import Desk
from kit.harness import Box

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def test_lint_names_what_a_job_would_miss_at_its_place(desk: Desk) -> None:
    script = desk.root / "script"
    script.write_text("#!/bin/sh\n")
    desk.job(
        "billing",
        f"""
        command:
          - /bin/true
          - /usr/local/bin/no-such-billing
          - no-such-command --all
          - {script}
        slow_start_command: /usr/local/bin/no-such-billing
        working_directory: /nowhere/app
        environment_file: [/nowhere/app.env]
        stdout: /nowhere/log/app.log
        failmail: {{to_address: a@example.org, sendmail: /nowhere/sendmail}}
        """,
    )

    result = desk.process_control("lint")

    path = f"{desk.jobs}/billing.yaml"
    assert (result.exit_code, result.stderr) == (1, "")
    assert result.stdout == (
        f"{path}:4:5: /usr/local/bin/no-such-billing: no such file\n"
        "  hint: install it, or write the right path\n"
        f"{path}:5:5: no-such-command: command not found in PATH={PATH}:{desk_commands(result.stdout)}\n"
        "  hint: install it, or write its whole path\n"
        f"{path}:6:5: {script}: not executable\n"
        f"  hint: chmod +x {script}\n"
        f"{path}:7:21: /usr/local/bin/no-such-billing: no such file\n"
        "  hint: install it, or write the right path\n"
        f"{path}:8:20: 'working_directory': the directory /nowhere/app does not exist\n"
        "  hint: install -d /nowhere/app\n"
        f"{path}:9:20: /nowhere/app.env: environment_file: No such file or directory\n"
        "  hint: create it with mode 0600, or remove 'environment_file'\n"
        f"{path}:10:9: 'stdout': the directory /nowhere/log does not exist\n"
        "  hint: install -d /nowhere/log\n"
        f"{path}:11:11: failmail.sendmail: /nowhere/sendmail: no such file\n"
        "  hint: install it, or write the right path\n"
    )


def desk_commands(told: str) -> str:
    """Return the directory of `run-job`, which is the last of PATH."""
    return told.partition(f"PATH={PATH}:")[2].partition("\n")[0]


def test_a_word_in_a_list_is_told_to_be_a_command(desk: Desk) -> None:
    desk.job("words", "command: [echo, no-such-word]")

    [finding] = desk.json("lint", "--format", "json")["findings"]

    assert (finding["line"], finding["column"]) == (2, 17)
    assert finding["what"].startswith("no-such-word: command not found in PATH=")
    assert finding["mend"] == "each item of the list is a command; the words of one command are one text"


def test_a_word_of_the_shell_is_told_once(desk: Desk, box: Box) -> None:
    desk.job("leave", "command: exit 3")
    box.job("leave", "command: exit 3")

    result, dry = desk.process_control("lint"), box.run("leave", "--dry-run")

    assert result.stdout == (
        f"{desk.jobs}/leave.yaml:2:10: 'exit' means something only in a shell\n"
        "  hint: no shell runs: write command: sh -c 'exit 3'\n"
    )
    assert (dry.exit_code, dry.stderr) == (
        1,
        (
            "leave: exit: no program, but a word of the shell\n"
            "  hint: no shell runs: write command: sh -c '…'\n"
            "dry run: nothing was run, and the job could not run\n"
        ),
    )


def test_a_file_from_elsewhere_is_not_looked_for_on_this_host(desk: Desk) -> None:
    checkout = desk.root / "checkout"
    checkout.mkdir()
    (checkout / "billing.yaml").write_text("name: Billing\ncommand: /usr/local/bin/no-such-billing\n")

    assert desk.process_control("lint", f"{checkout}/billing.yaml").exit_code == 0


def test_a_job_that_has_all_is_no_finding(desk: Desk) -> None:
    secrets = desk.root / "app.env"
    secrets.write_text("A=b\n")
    secrets.chmod(0o600)
    desk.job("whole", f"command: [true, run-job purge]\nenvironment_file: {secrets}\nworking_directory: {desk.root}")

    result = desk.process_control("lint")

    assert (result.exit_code, result.stdout) == (0, "")


def test_cron_generate_names_a_sendmail_that_is_not_there(desk: Desk) -> None:
    desk.configure(failmail={"to_address": "a@example.org", "sendmail": "/nowhere/sendmail"})
    for slug in ("a", "b"):
        desk.job(slug, "command: /bin/true\nschedule: '0 3 * * *'")

    result = desk.cron_generate("--output", "console")

    assert result.exit_code == 0
    assert result.stderr == (
        f"{desk.configuration}: failmail.sendmail: /nowhere/sendmail: no such file\n"
        "  hint: install it, or write the right path\n"
    )


def test_a_dry_run_of_a_job_that_could_not_run_is_exit_code_1(box: Box) -> None:
    box.job(
        "billing",
        f"command: {box.root}/billing --all\nworking_directory: {box.root}/app\nenvironment_file: {box.root}/app.env\n",
    )
    box.job("whole", "command: /bin/true\n")

    result, whole = box.run("billing", "--dry-run"), box.run("whole", "--dry-run")

    assert (whole.exit_code, whole.stderr) == (0, "dry run: nothing was run\n")
    assert result.exit_code == 1
    assert f"[NOT FOUND: {box.root}/billing: no such file]" in result.stdout
    assert result.stderr == (
        f"billing: {box.root}/app.env: environment_file: No such file or directory\n"
        "  hint: create it with mode 0600, or remove 'environment_file'\n"
        f"billing: 'working_directory': the directory {box.root}/app does not exist\n"
        f"  hint: install -d {box.root}/app\n"
        f"billing: {box.root}/billing: no such file\n"
        "  hint: install it, or write the right path\n"
        "dry run: nothing was run, and the job could not run\n"
    )
    as_json = box.run("billing", "--dry-run", "--json")
    assert as_json.exit_code == 1
    assert [fault["what"] for fault in as_json.json()["dry_run"]["faults"]] == [
        f"{box.root}/app.env: environment_file: No such file or directory",
        f"'working_directory': the directory {box.root}/app does not exist",
        f"{box.root}/billing: no such file",
    ]


def test_lint_and_dry_run_name_what_messages_need(desk: Desk, box: Box) -> None:
    for place in (desk, box):
        url, key = place.root / "url", place.root / "key"
        url.write_text("hunter2\n")
        url.chmod(0o600)
        key.write_text("hunter2\n")
        key.chmod(0o644)
        place.job(
            "backup",
            f"command: /bin/true\nnotify:\n- exec:/nowhere/page -v\n- {{url_file: {url}}}\n"
            f"- {{url: https://h, key_file: {key}}}\n- {{url_file: /nowhere/url}}\n"
            "ping: {url: https://hc, api_key_file: /nowhere/key}\n",
        )

    result, dry = desk.process_control("lint"), box.run("backup", "--dry-run")

    path = f"{desk.jobs}/backup.yaml"
    assert result.exit_code == 1
    assert result.stdout == (
        f"{path}:4:3: notify.url: /nowhere/page: no such file\n"
        "  hint: install it, or write the right path\n"
        f"{path}:5:3: {desk.root}/url: the first line is not a URL\n"
        "  hint: write https://host/path, or scheme://… as apprise has it\n"
        f"{path}:6:3: {desk.root}/key: the key_file has mode 0644: others could read or change it\n"
        f"  hint: chmod 0600 {desk.root}/key\n"
        f"{path}:7:3: /nowhere/url: url_file: No such file or directory\n"
        "  hint: create it with mode 0600, or remove 'url_file'\n"
        f"{path}:8:7: /nowhere/key: api_key_file: No such file or directory\n"
        "  hint: create it with mode 0600, or remove 'api_key_file'\n"
    )
    assert dry.exit_code == 1
    assert [line for line in dry.stderr.splitlines() if "hint" not in line] == [
        "backup: notify.url: /nowhere/page: no such file",
        f"backup: {box.root}/url: the first line is not a URL",
        f"backup: {box.root}/key: the key_file has mode 0644: others could read or change it",
        "backup: /nowhere/url: url_file: No such file or directory",
        "backup: /nowhere/key: api_key_file: No such file or directory",
        "dry run: nothing was run, and messages about the job could not be sent",
    ]


def test_cron_generate_names_once_what_the_configurations_recipients_need(desk: Desk) -> None:
    desk.configure(notify=[{"url_file": "/nowhere/url"}])
    for slug in ("a", "b"):
        desk.job(slug, "command: /bin/true\nschedule: '0 3 * * *'")

    result = desk.cron_generate("--output", "console")

    assert result.exit_code == 0
    assert result.stderr == (
        f"{desk.configuration}: /nowhere/url: url_file: No such file or directory\n"
        "  hint: create it with mode 0600, or remove 'url_file'\n"
    )
