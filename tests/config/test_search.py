"""Which configuration is in force, and where things are when it does not say: for root, the service user, others."""

import os
import pwd
from pathlib import Path

import pytest

from kit.host import SERVICE_USER, STRANGER, Host, become, unprivileged
from process_control.config.settings import Settings
from process_control.errors import BadConfiguration, NotPermitted

needs_root = pytest.mark.needs_root


def places(settings: Settings) -> list[str]:
    return [
        settings.job_directory,
        settings.output_directory,
        settings.state_directory,
        settings.run_directory,
        settings.output_crontab,
    ]


def system_places(root: Path) -> list[str]:
    return [
        f"{root}/var/lib/process-control",
        f"{root}/var/log/process-control",
        f"{root}/var/lib/process-control-state",
        f"{root}/var/lib/process-control-state/run",
        f"{root}/etc/cron.d/process-control",
    ]


def own_places(config: str, state: str) -> list[str]:
    return [
        f"{config}/process-control/jobs",
        f"{state}/process-control/log",
        f"{state}/process-control",
        f"{state}/process-control/run",
        "console",
    ]


# --- without any configuration ---------------------------------------------------------------------------------------


@needs_root
def test_without_a_configuration_root_has_the_places_of_the_system(host: Host) -> None:
    settings = host.search()

    assert places(settings) == system_places(host.root)
    assert (settings.path, settings.default_path, settings.user) == (None, True, None)


def test_without_a_configuration_others_have_places_of_their_own(host: Host) -> None:
    with unprivileged() as user:
        settings = host.search(user=user)

    home = host.home(user)
    assert places(settings) == own_places(f"{home}/.config", f"{home}/.local/state")
    assert (settings.path, settings.default_path) == (None, True)


def test_the_xdg_directories_come_before_the_home(host: Host) -> None:
    with unprivileged() as user:
        settings = host.search(user=user, XDG_CONFIG_HOME="/xdg/config", XDG_STATE_HOME="/xdg/state")

    assert places(settings) == own_places("/xdg/config", "/xdg/state")


def test_a_relative_xdg_directory_counts_nothing(host: Host) -> None:
    with unprivileged() as user:
        settings = host.search(user=user, XDG_CONFIG_HOME="config", XDG_STATE_HOME="")

    assert places(settings) == own_places(f"{host.home(user)}/.config", f"{host.home(user)}/.local/state")


@needs_root
def test_without_a_home_in_the_environment_the_password_file_tells_it(host: Host) -> None:
    home = pwd.getpwnam(SERVICE_USER).pw_dir

    with become(SERVICE_USER):
        settings = host.search(user=SERVICE_USER, HOME="")

    assert places(settings) == own_places(f"{home}/.config", f"{home}/.local/state")


@needs_root
def test_root_never_looks_into_xdg_directories(host: Host) -> None:
    host.write("xdg/process-control/process-control.yaml", "user: games\n")

    settings = host.search(XDG_CONFIG_HOME=str(host.root / "xdg"))

    assert settings.path is None
    assert places(settings) == system_places(host.root)


# --- the search ------------------------------------------------------------------------------------------------------


@needs_root
def test_the_first_system_configuration_is_the_only_one_read(host: Host) -> None:
    host.write("etc/process-control.yaml", "read_group: first\n")
    host.write("etc/fundraising/process-control.yaml", "trusted_group: second\n")

    settings = host.search()

    assert settings.path == f"{host.root}/etc/process-control.yaml"
    assert (settings.read_group, settings.trusted_group) == ("first", None)
    assert settings.default_path is True


@needs_root
def test_the_old_place_is_found_too(host: Host) -> None:
    host.write("etc/fundraising/process-control.yaml", "job_directory: /srv/jobs\n")

    settings = host.search()

    assert settings.path == f"{host.root}/etc/fundraising/process-control.yaml"
    assert settings.job_directory == "/srv/jobs"


@needs_root
def test_the_service_user_has_the_places_of_the_system(host: Host) -> None:
    host.write("etc/process-control.yaml", f"user: {SERVICE_USER}\n")
    home = host.make_home(SERVICE_USER)
    host.write(f"{home.relative_to(host.root)}/.config/process-control/process-control.yaml", "user: x\n")

    with become(SERVICE_USER):
        settings = host.search(user=SERVICE_USER)

    assert settings.path == f"{host.root}/etc/process-control.yaml"
    assert places(settings) == system_places(host.root)


@needs_root
def test_who_may_look_sees_the_places_of_the_system(host: Host) -> None:
    host.write("etc/process-control.yaml", f"user: {SERVICE_USER}\nread_group: nogroup\n")

    with become(STRANGER):
        settings = host.search(user=STRANGER)

    assert places(settings) == system_places(host.root)


@needs_root
def test_anybody_else_has_a_configuration_of_their_own_first(host: Host) -> None:
    host.write("etc/process-control.yaml", f"user: {SERVICE_USER}\n")
    own = host.make_home(STRANGER).relative_to(host.root) / ".config/process-control/process-control.yaml"
    host.write(str(own), "job_directory: /srv/mine\n", owner=STRANGER)

    with become(STRANGER):
        settings = host.search(user=STRANGER)

    assert (settings.path, settings.job_directory) == (str(host.root / own), "/srv/mine")
    assert settings.state_directory == f"{host.home(STRANGER)}/.local/state/process-control"


@needs_root
def test_without_one_of_their_own_the_system_configuration_holds_for_others(host: Host) -> None:
    host.write("etc/process-control.yaml", "job_directory: /srv/jobs\n")

    with become(STRANGER):
        settings = host.search(user=STRANGER)

    assert settings.path == f"{host.root}/etc/process-control.yaml"
    assert settings.job_directory == "/srv/jobs"
    assert settings.state_directory == f"{host.home(STRANGER)}/.local/state/process-control"


@needs_root
def test_a_system_configuration_that_i_may_not_read_leaves_me_my_own(host: Host) -> None:
    host.write("etc/process-control.yaml", f"user: {SERVICE_USER}\n").chmod(0o600)
    own = host.make_home(STRANGER).relative_to(host.root) / ".config/process-control/process-control.yaml"

    with become(STRANGER), pytest.raises(NotPermitted) as refused:
        host.search(user=STRANGER)
    host.write(str(own), "job_directory: /srv/mine\n", owner=STRANGER)
    with become(STRANGER):
        settings = host.search(user=STRANGER)

    assert str(refused.value) == (
        f"{host.root}/etc/process-control.yaml: user 'nobody' cannot read the configuration\n"
        "  hint: let that user, or a group of that user, read it"
    )
    assert settings.path == str(host.root / own)


@needs_root
def test_an_unknown_service_user_is_nobody_and_not_me(host: Host) -> None:
    host.write("etc/process-control.yaml", "user: no-such-account\nread_group: no-such-group\n")

    with become(STRANGER):
        settings = host.search(user=STRANGER)

    assert settings.user == "no-such-account"
    assert settings.output_crontab == "console"


# --- a configuration that is named -----------------------------------------------------------------------------------


def test_a_named_configuration_comes_before_any_search(host: Host) -> None:
    host.write("etc/process-control.yaml", "job_directory: /srv/found\n")
    named = host.write("named.yaml", "job_directory: /srv/named\n")

    settings = host.search(str(named))

    assert (settings.path, settings.default_path) == (str(named), False)
    assert settings.job_directory == "/srv/named"


def test_the_flag_comes_before_the_environment(host: Host) -> None:
    by_flag = host.write("flag.yaml", "job_directory: /srv/flag\n")
    by_environment = host.write("environment.yaml", "job_directory: /srv/environment\n")

    only_environment = host.search(PROCESS_CONTROL_CONFIG=str(by_environment))
    both = host.search(str(by_flag), PROCESS_CONTROL_CONFIG=str(by_environment))

    assert (only_environment.job_directory, both.job_directory) == ("/srv/environment", "/srv/flag")
    assert only_environment.default_path is False


def test_an_empty_variable_names_nothing(host: Host) -> None:
    assert host.search(PROCESS_CONTROL_CONFIG="").default_path is True


def test_a_relative_name_is_below_the_current_directory(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    host.write("named.yaml", "job_directory: /srv/named\n")
    monkeypatch.chdir(host.root)

    assert host.search("named.yaml").path == f"{host.root}/named.yaml"


def test_a_configuration_that_is_named_but_missing_is_a_fault(host: Host) -> None:
    with pytest.raises(BadConfiguration) as missing:
        host.search(str(host.root / "missing.yaml"))
    with pytest.raises(BadConfiguration) as no_name:
        host.search("")

    assert str(missing.value) == (
        f"{host.root}/missing.yaml: no such configuration file\n"
        "  hint: name an existing one with --config or PROCESS_CONTROL_CONFIG, or none"
    )
    assert str(no_name.value) == "no such configuration file: ''\n  hint: --config wants the path of a file"


def test_a_relative_name_in_a_directory_that_is_gone_is_a_fault(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    (host.root / "gone").mkdir()
    monkeypatch.chdir(host.root / "gone")
    (host.root / "gone").rmdir()

    with pytest.raises(BadConfiguration, match=r"no such configuration file: 'named\.yaml'"):
        host.search("named.yaml")


def test_a_faulty_configuration_is_told_with_its_whole_path(host: Host) -> None:
    named = host.write("named.yaml", "timeout: 5\n")

    with pytest.raises(BadConfiguration) as caught:
        host.search(str(named))

    assert caught.value.faults[0].where == f"{named}:1:1"


def test_a_configuration_of_more_than_64_kib_is_refused(host: Host) -> None:
    named = host.write("named.yaml", "#" * 70_000)

    with pytest.raises(BadConfiguration, match="the file is larger than 64 KiB"):
        host.search(str(named))


@needs_root
def test_a_named_configuration_that_names_me_gives_me_the_places_of_the_system(host: Host) -> None:
    # Whoever starts a job uses the same locks: root by hand, then the service user with the same --config.
    named = host.write("named.yaml", f"user: {SERVICE_USER}\n")

    as_root = host.search(str(named))
    with become(SERVICE_USER):
        as_service_user = host.search(str(named), user=SERVICE_USER)

    assert places(as_root) == places(as_service_user) == system_places(host.root)


def test_defaults_follow_the_state_directory_that_is_set(host: Host) -> None:
    named = host.write("named.yaml", "state_directory: /srv/state\n")

    assert host.search(str(named)).run_directory == "/srv/state/run"


def test_settings_show_no_value_of_the_jobs_environment(host: Host) -> None:
    named = host.write("named.yaml", "default_job_config: {environment: {PASSWORD: hunter2}}\n")

    assert "hunter2" not in repr(host.search(str(named)))


# --- a configuration that somebody else could have written -----------------------------------------------------------


def refusal(host: Host, named: Path) -> str:
    with pytest.raises(NotPermitted) as caught:
        host.search(str(named))
    return str(caught.value)


def test_a_configuration_that_others_may_write_is_refused(host: Host) -> None:
    named = host.write("named.yaml", "")
    named.chmod(0o646)

    assert refusal(host, named) == f"{named}: writable by others (mode 0646)\n  hint: chmod go-w {named}"


@needs_root
def test_for_root_the_configuration_must_be_roots(host: Host) -> None:
    named = host.write("named.yaml", "")
    os.chown(named, pwd.getpwnam(STRANGER).pw_uid, 0)

    assert refusal(host, named) == (f"{named}: owned by 'nobody', must be owned by 'root'\n  hint: chown root {named}")


@needs_root
def test_for_others_the_configuration_must_be_roots_or_theirs(host: Host) -> None:
    named = host.write("named.yaml", "job_directory: /srv/jobs\n")
    os.chown(named, pwd.getpwnam(STRANGER).pw_uid, 0)

    with become(STRANGER):
        assert host.search(str(named)).job_directory == "/srv/jobs"
    with become(SERVICE_USER):
        assert refusal(host, named) == (
            f"{named}: owned by 'nobody', must be owned by 'root' or 'games'\n  hint: chown root {named}"
        )


def test_a_directory_that_others_may_write_holds_no_configuration(host: Host) -> None:
    named = host.write("open/named.yaml", "")
    named.parent.chmod(0o777)

    assert refusal(host, named) == (
        f"{named.parent}: writable by others (mode 0777)\n  hint: chmod go-w {named.parent}"
    )


def test_a_sticky_directory_may_hold_a_configuration(host: Host) -> None:
    named = host.write("sticky/named.yaml", "job_directory: /srv/jobs\n")
    named.parent.chmod(0o1777)

    assert host.search(str(named)).job_directory == "/srv/jobs"


def test_a_link_to_a_configuration_is_followed(host: Host) -> None:
    real = host.write("releases/2/real.yaml", "job_directory: /srv/jobs\n")
    named = host.root / "named.yaml"
    named.symlink_to("releases/current/real.yaml")
    (host.root / "releases/current").symlink_to(real.parent)

    assert host.search(str(named)).job_directory == "/srv/jobs"


def test_a_directory_is_no_configuration(host: Host) -> None:
    assert refusal(host, host.jobs) == (
        f"{host.jobs}: a directory, not a regular file\n  hint: put the file itself there"
    )
