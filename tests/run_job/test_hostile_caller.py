"""Whoever calls cannot reach into the job, or into us, by the environment."""

from pathlib import Path

import pytest

from kit.harness import Box, Storm
from kit.runs import ONE_SLOT, outcomes

OF_THE_LOADER = (
    *("AUDIT", "BIND_NOW", "BIND_NOT", "DEBUG", "DEBUG_OUTPUT", "DYNAMIC_WEAK", "HWCAP_MASK", "LIBRARY_PATH"),
    *("ORIGIN_PATH", "POINTER_GUARD", "PREFER_MAP_32BIT_EXEC", "PROFILE", "PROFILE_OUTPUT", "SHOW_AUXV", "VERBOSE"),
)
OF_PYTHON = (
    *("ASYNCIODEBUG", "BREAKPOINT", "CASEOK", "COERCECLOCALE", "DEBUG", "DEVMODE", "DONTWRITEBYTECODE", "DUMPREFS"),
    *("EXECUTABLE", "FAULTHANDLER", "HASHSEED", "HOME", "INSPECT", "INTMAXSTRDIGITS", "IOENCODING", "MALLOC"),
    *("MALLOCSTATS", "NODEBUGRANGES", "NOUSERSITE", "OPTIMIZE", "PATH", "PLATLIBDIR", "PROFILEIMPORTTIME"),
    *(
        "PYCACHEPREFIX",
        "SAFEPATH",
        "STARTUP",
        "THREADDEBUG",
        "TRACEMALLOC",
        "UNBUFFERED",
        "USERBASE",
        "UTF8",
        "VERBOSE",
    ),
    *("WARNDEFAULTENCODING", "WARNINGS"),
)
OF_OTHERS = (
    *("BASH_ENV", "ENV", "SHELLOPTS", "BASHOPTS", "PS4", "IFS", "CDPATH", "GLOBIGNORE", "HISTFILE", "MAIL"),
    *("PERL5LIB", "PERL5OPT", "PERL5DB", "RUBYLIB", "RUBYOPT", "NODE_OPTIONS", "NODE_PATH", "JAVA_TOOL_OPTIONS"),
    *("GIT_DIR", "GIT_SSH_COMMAND", "GIT_EXTERNAL_DIFF", "EDITOR", "VISUAL", "PAGER", "LESSOPEN", "BROWSER"),
    *("TMPDIR", "LOCPATH", "NLSPATH", "GCONV_PATH", "HOSTALIASES", "RES_OPTIONS", "LOCALDOMAIN", "GETCONF_DIR"),
    *("MALLOC_ARENA_MAX", "MALLOC_TRACE", "GLIBC_TUNABLES", "TZDIR", "DISPLAY", "XAUTHORITY", "SSH_AUTH_SOCK"),
    *("DBUS_SESSION_BUS_ADDRESS", "SUDO_COMMAND", "SUDO_ASKPASS", "http_proxy", "https_proxy", "no_proxy", "LC_ALL"),
    *("CURL_HOME", "WGETRC", "AWS_SECRET_ACCESS_KEY", "A", "Z_" * 100),
)
NAMES = [*(f"LD_{name}" for name in OF_THE_LOADER), *(f"PYTHON{name}" for name in OF_PYTHON), *OF_OTHERS]


def planted(box: Box) -> Path:
    """Make a folder of modules that would tell of their import, were it searched."""
    folder = box.root / "planted"
    folder.mkdir()
    for name in ("sitecustomize", "usercustomize", "os", "posixpath", "process_control", "yaml", "_json"):
        (folder / f"{name}.py").write_text(f"open({str(box.root / 'imported')!r}, 'a').write({name!r})\n")
    return folder


@pytest.mark.fault("Hostile variables of the caller", full=len(NAMES), small=len(NAMES), wanted="none arrives")
@pytest.mark.parametrize("via", ["stub", "script"])
def test_no_variable_of_the_caller_arrives_in_the_job(box: Box, via: str, storm: Storm) -> None:
    folder = planted(box)
    box.job("job", f"command: env -0\nstderr: ignore\n{ONE_SLOT}")
    hostile = {name: f"/hostile/{name}" for name in NAMES} | {"PYTHONPATH": str(folder)}

    result = box.run(*(["--scheduled"] if via == "stub" else []), "job", via=via, env=hostile, cwd=folder)

    arrived = dict(word.partition("=")[::2] for word in box.log_bytes("job").decode().split("\0") if word)
    assert result.exit_code == 0, result
    assert outcomes(box) == [("succeeded", None)]
    assert [name for name, value in arrived.items() if "hostile" in value] == []
    assert sorted(set(arrived) & set(hostile)) == []
    assert not (box.root / "imported").exists()
    storm.found(f"{len(hostile)} variables, 0 arrived")


def test_there_are_a_hundred_of_them() -> None:
    assert len(set(NAMES)) >= 100
