"""Job files and secrets as Kubernetes mounts them: each a link into `..data`, which is a link itself."""

import os
from pathlib import Path

from kit.harness import Box


def mounted(directory: Path, name: str, content: str, mode: int) -> None:
    """Lay `name` out as a mounted ConfigMap or Secret."""
    real = directory / "..2026_01_01"
    real.mkdir(mode=0o755)
    (real / name).write_text(content)
    (real / name).chmod(mode)
    os.symlink("..2026_01_01", directory / "..data")
    os.symlink(f"..data/{name}", directory / name)


def test_a_config_map_is_told_with_the_directory_that_works(box: Box) -> None:
    mounted(box.job_directory, "backup.yaml", "name: Backup\ncommand: echo hi\n", 0o644)

    refused = box.run("backup")
    box.configure(job_directory=f"{box.job_directory}/..data")
    taken = box.run("backup")

    assert refused.exit_code == 77
    assert refused.stderr == (
        f"{box.job_directory}/backup.yaml: a symbolic link, not a regular file\n"
        f"  hint: a mounted ConfigMap: name the directory that it links to, job_directory: {box.job_directory}/..data\n"
    )
    assert (taken.exit_code, taken.stderr, box.log_bytes("backup")) == (0, "", b"hi\n")


def test_a_mounted_secret_is_told_with_the_path_that_works(box: Box) -> None:
    secrets = box.root / "secrets"
    secrets.mkdir(mode=0o755)
    mounted(secrets, "app.env", "A=b\n", 0o600)
    box.job("refused", f"command: 'true'\nenvironment_file: {secrets}/app.env\n")
    box.job("taken", f"command: sh -c 'echo $A'\nenvironment_file: {secrets}/..data/app.env\n")

    refused, taken = box.run("refused"), box.run("taken")

    assert refused.exit_code == 77
    assert (
        f"{secrets}/app.env: the environment file is a symlink\n"
        f"  hint: for a mounted Secret write environment_file: {secrets}/..data/app.env\n"
    ) in refused.stderr
    assert (taken.exit_code, taken.stderr, box.log_bytes("taken")) == (0, "", b"b\n")
