"""A small host for the tests of this folder: a root directory of its own, and becoming somebody else for a moment."""

import contextlib
import os
import pwd
import shutil
import stat
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from kit.harness import IS_ROOT, SERVICE_USER, STRANGER
from process_control.config.settings import Settings, load_settings

__all__ = ["IS_ROOT", "SERVICE_USER", "STRANGER", "Host", "become", "new_host", "uid", "unprivileged"]


def uid(name: str) -> int:
    return pwd.getpwnam(name).pw_uid


@dataclass(frozen=True, slots=True)
class Host:
    """Directories that stand for /etc, /var and homes."""

    root: Path

    @property
    def jobs(self) -> Path:
        return self.root / "jobs"

    @property
    def configuration(self) -> Path:
        return self.root / "process-control.yaml"

    def home(self, user: str) -> Path:
        return self.root / "home" / user

    def make_home(self, user: str) -> Path:
        home = self.home(user)
        home.mkdir(parents=True)
        if IS_ROOT:
            account = pwd.getpwnam(user)
            os.chown(home, account.pw_uid, account.pw_gid)
        return home

    def write(self, path: str, text: str, *, owner: str | None = None) -> Path:
        """Write a file below the host's root, as root's or `owner`'s, and the directories that lead there."""
        file = self.root / path.lstrip("/")
        made = [parent for parent in file.parents if not parent.exists()]
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        file.chmod(0o644)
        if owner is not None:
            account = pwd.getpwnam(owner)
            for each in [file, *made]:
                os.chown(each, account.pw_uid, account.pw_gid)
        return file

    def job(self, slug: str, text: str = "") -> Path:
        return self.write(f"jobs/{slug}.yaml", f"name: {slug}\ncommand: /bin/true\n{text}")

    def configure(self, text: str = "") -> Path:
        self.jobs.mkdir(exist_ok=True)
        return self.write("process-control.yaml", f"job_directory: {self.jobs}\n{text}")

    def environment(self, user: str = "root", **variables: str) -> dict[bytes, bytes]:
        home = self.home(user)
        return {name.encode(): value.encode() for name, value in {"HOME": str(home), **variables}.items()}

    def settings(self, slug: str | None = None) -> Settings:
        """Return the settings of the configuration that `configure` wrote."""
        return load_settings(str(self.configuration), self.environment(), slug, root=str(self.root))

    def search(self, named: str | None = None, user: str = "root", **variables: str) -> Settings:
        """Return the settings that a search finds, for whoever we are."""
        return load_settings(named, self.environment(user, **variables), root=str(self.root))


@contextlib.contextmanager
def new_host() -> Iterator[Host]:
    root = Path(tempfile.mkdtemp(prefix="process-control-config-"))
    root.chmod(0o755)
    try:
        yield Host(root)
    finally:
        for directory in [root, *(path for path in root.rglob("*") if path.is_dir() and not path.is_symlink())]:
            directory.chmod(stat.S_IRWXU)
        shutil.rmtree(root)


@contextlib.contextmanager
def become(user: str) -> Iterator[None]:
    """Be `user` for a moment: effective ids and groups. Root only."""
    account = pwd.getpwnam(user)
    groups = os.getgroups()
    os.setgroups(os.getgrouplist(user, account.pw_gid))
    os.setegid(account.pw_gid)
    os.seteuid(account.pw_uid)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(0)
        os.setgroups(groups)


@contextlib.contextmanager
def unprivileged() -> Iterator[str]:
    """Be somebody who is not root, whoever runs the tests; the name is given."""
    if not IS_ROOT:
        yield pwd.getpwuid(os.geteuid()).pw_name
        return
    with become(STRANGER):
        yield STRANGER
