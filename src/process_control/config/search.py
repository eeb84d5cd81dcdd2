"""Finds and reads the configuration: the file that is named, the system's, or the user's own.

Lean module: imports C builtins, `trusted_file` and `cache`; the parser is imported when the cache is out of date.
"""

import posix
import pwd
import sys

from process_control.config.cache import read
from process_control.core.job import is_slug
from process_control.errors import BadConfiguration, NotPermitted
from process_control.system import trusted_file

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

SYSTEM_CONFIGURATIONS = ("/etc/process-control.yaml", "/etc/fundraising/process-control.yaml")
NAMING_VARIABLE = b"PROCESS_CONTROL_CONFIG"


class Search:
    """One search for the configuration, with what was read on the way, for the job's cache file."""

    __slots__ = (
        "_environ",
        "_settings_cache",
        "cache_places",
        "configurations",
        "is_stale",
        "job_cache",
        "named",
        "root",
        "slug",
        "uid",
    )

    def __init__(self, named: "str | None", environ: "dict[bytes, bytes]", slug: "str | None", root: str) -> None:
        if named is None:
            named = _decoded(environ.get(NAMING_VARIABLE, b"")) or None
        elif not named:
            raise BadConfiguration("no such configuration file: ''", hint="--config wants the path of a file")
        if named is not None and not named.startswith("/"):
            named = f"{_current_directory(named)}/{named}"
        self._environ = environ
        self._settings_cache: dict[str, Any] | None = None
        self.named = named
        self.root = root
        self.uid = posix.geteuid()
        self.slug = slug if slug is not None and is_slug(slug) else ""
        self.cache_places = read.places(self.uid, environ, root)
        self.job_cache = self._read_cache(self.slug) if self.slug else None
        #: the configurations that were read, by path: source and values
        self.configurations: dict[str, list[Any]] = {}
        #: whether the job's cache file lacks one of them
        self.is_stale = False

    def found(self) -> "tuple[dict[str, Any], str | None, list[str]]":
        """Return the values of the configuration by attribute, its path, and the default directories.

        Those are the directories of jobs, logs and state, and the crontab. Raises BadConfiguration (78) and
        NotPermitted (77), see `load_settings`.
        """
        path, values, is_system = self._in_force()
        return values, path, self.system_directories() if is_system else self.own_directories()

    def cache_places_now(self) -> "list[str]":
        """Return where the cache of this process may be: it may have become the service user since the search."""
        uid = posix.geteuid()
        return self.cache_places if uid == self.uid else read.places(uid, {}, self.root)

    def cache_name(self, slug: str) -> str:
        return read.file_name(self.named or "", slug)

    def _read_cache(self, slug: str) -> "dict[str, Any] | None":
        return read.read(self.cache_places, self.cache_name(slug))

    # --- which file ------------------------------------------------------------------------------------------------

    def _in_force(self) -> "tuple[str | None, dict[str, Any], bool]":
        """Return path and values of the configuration, and whether the system's directories are the defaults."""
        if self.named is not None:
            values = self._values(self.named, self._read(self.named, must_exist=True))
            return self.named, values, self.uid == 0 or self._is_for_me(values)
        if self.uid == 0:
            path, source = self._system_configuration()
            return path, self._values(path, source), True
        return self._in_force_for_other_user()

    def _in_force_for_other_user(self) -> "tuple[str | None, dict[str, Any], bool]":
        """Return the system's file if it is for this user, else the user's own, else the system's; as `_in_force`."""
        refusal: NotPermitted | BadConfiguration | None = None
        path: str | None = None
        values: dict[str, Any] = {}
        try:
            path, source = self._system_configuration()
            values = self._values(path, source)
        except (NotPermitted, BadConfiguration) as error:
            refusal = error  # raised only if the user has no file of their own
        if self._is_for_me(values):
            return path, values, True
        own = self._xdg(b"XDG_CONFIG_HOME", "/.config") + "/process-control/process-control.yaml"
        own_source = self._read(own, must_exist=False)
        if own_source is not None:
            return own, self._values(own, own_source), False
        if refusal is not None:
            raise refusal
        return path, values, False

    def _system_configuration(self) -> "tuple[str | None, bytes | None]":
        for path in SYSTEM_CONFIGURATIONS:
            source = self._read(self.root + path, must_exist=False)
            if source is not None:
                return self.root + path, source
        return None, None

    def _is_for_me(self, values: "dict[str, Any]") -> bool:
        """Return whether this user is the service user, or a member of `read_group`."""
        user, group = values.get("user"), values.get("read_group")
        if user is None:
            return False
        import grp

        try:
            if pwd.getpwnam(user).pw_uid == self.uid:
                return True
            return group is not None and grp.getgrnam(group).gr_gid in (posix.getegid(), *posix.getgroups())
        except KeyError:
            return False

    def _read(self, path: str, *, must_exist: bool) -> "bytes | None":
        """Return the source of a configuration file; None when there is none and it need not exist."""
        try:
            walk = trusted_file.open_file(path)
        except OSError as error:
            if isinstance(error, FileNotFoundError | NotADirectoryError) and not must_exist:
                return None
            from process_control.config.not_found import configuration_not_opened

            raise configuration_not_opened(path, self.uid, error) from error
        try:
            trust = trusted_file.Trust((0,) if self.uid == 0 else (0, self.uid))
            faults = trusted_file.unsafe_steps(walk, trust)
            faults += trusted_file.unsafe_file(path, posix.fstat(walk.descriptor), trust, walk.descriptor)
            if faults:
                raise NotPermitted(faults=faults)
            return trusted_file.read(walk.descriptor, path)
        finally:
            posix.close(walk.descriptor)

    # --- its values ------------------------------------------------------------------------------------------------

    def _values(self, path: "str | None", source: "bytes | None") -> "dict[str, Any]":
        """Return the values of the configuration by attribute: from the cache if the source is unchanged."""
        if path is None or source is None:
            return {}
        entry = _kept(self.job_cache, path, source)
        if entry is None:
            self.is_stale = True
            if self._settings_cache is None:
                self._settings_cache = self._read_cache("")
            entry = _kept(self._settings_cache, path, source)
        if entry is None:
            entry = [source.decode("utf-8", "replace"), _parse(source, path)]
            self.configurations[path] = entry
            self._keep(entry[1])
        self.configurations[path] = entry
        values: dict[str, Any] = entry[1]
        return values

    def _keep(self, values: "dict[str, Any]") -> None:
        from process_control.config.cache import write

        write.write(self.cache_places, self.cache_name(""), {"configurations": self.configurations})
        user = values.get("user")
        if user is None or self.uid != 0:
            return
        try:
            entry = pwd.getpwnam(user)
        except KeyError:
            return
        write.make_place_for(entry.pw_uid, entry.pw_gid, self.root)

    # --- default directories ---------------------------------------------------------------------------------------

    def system_directories(self) -> "list[str]":
        return [
            f"{self.root}/var/lib/process-control",
            f"{self.root}/var/log/process-control",
            f"{self.root}/var/lib/process-control-state",
            f"{self.root}/etc/cron.d/process-control",
        ]

    def own_directories(self) -> "list[str]":
        state = self._xdg(b"XDG_STATE_HOME", "/.local/state") + "/process-control"
        jobs = self._xdg(b"XDG_CONFIG_HOME", "/.config") + "/process-control/jobs"
        return [jobs, f"{state}/log", state, "console"]

    def _xdg(self, variable: bytes, fallback: str) -> str:
        """Return a base directory. A relative one is ignored, as the XDG Base Directory Specification demands."""
        value = _decoded(self._environ.get(variable, b""))
        return value.rstrip("/") if value.startswith("/") else self._home() + fallback

    def _home(self) -> str:
        home = _decoded(self._environ.get(b"HOME", b""))
        if home.startswith("/"):
            return home.rstrip("/")
        try:
            return pwd.getpwuid(self.uid).pw_dir.rstrip("/")
        except KeyError:
            return ""


def _kept(known: "dict[str, Any] | None", path: str, source: bytes) -> "list[Any] | None":
    try:
        entry: list[Any] = known["configurations"][path] if known is not None else []
        text, values = entry
        if text.encode() != source:
            return None
        time_zone = (values.get("default_job_config") or {}).get("time_zone")
        return entry if read.zone_is_known(time_zone) else None
    except (LookupError, ValueError, TypeError, AttributeError):
        return None


def _parse(source: bytes, path: str) -> "dict[str, Any]":
    from process_control.config.libraries import find_site_packages

    find_site_packages()
    from process_control.config.configuration import read_configuration

    return read_configuration(source, path)


def _current_directory(named: str) -> str:
    try:
        return posix.getcwd()
    except OSError as error:
        raise BadConfiguration(
            f"no such configuration file: {named!r}",
            hint="the current directory is gone: write the whole path",
        ) from error


def _decoded(value: bytes) -> str:
    return value.decode(sys.getfilesystemencoding(), "surrogateescape")
