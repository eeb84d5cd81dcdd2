"""What the figures were taken on, in words that name the machine and nobody's host."""

import os
import platform
import subprocess
import time
from pathlib import Path


def describe_machine(directory: Path) -> dict[str, object]:
    """Return processor, memory, disk and versions; `directory` is where jobs, state and logs lie."""
    models = [_value(line) for line in _lines("/proc/cpuinfo") if line.startswith("model name")]
    memory = next((int(_value(line).split()[0]) for line in _lines("/proc/meminfo") if line.startswith("MemTotal")), 0)
    disk = subprocess.run(["stat", "-f", "-c", "%T", str(directory)], capture_output=True, text=True, check=False)
    return {
        "processor": models[0] if models else platform.machine(),
        "cpus": len(os.sched_getaffinity(0)),
        "memory_gib": round(memory / (1 << 20)),
        "disk": disk.stdout.strip() or "unknown file system",
        "system": _system(),
        "python": platform.python_version(),
        "kernel": platform.release().split("-")[0],
        "date": time.strftime("%Y-%m-%d", time.gmtime()),
    }


def in_words(machine: dict[str, object]) -> str:
    return (
        f"{machine['processor']}, {machine['cpus']} CPUs, {machine['memory_gib']} GiB, {machine['disk']}, "
        f"{machine['system']}, Linux {machine['kernel']}, Python {machine['python']}"
    )


def _system() -> str:
    names = [line.partition("=")[2].strip('"') for line in _lines("/etc/os-release") if line.startswith("PRETTY_NAME=")]
    return names[0] if names else platform.system()


def _lines(path: str) -> list[str]:
    return Path(path).read_text().splitlines() if Path(path).exists() else []


def _value(line: str) -> str:
    return line.partition(":")[2].strip()


def notes_of_load(what: str) -> list[str]:
    """Return that others are at work on this host, which makes each figure larger. Ask before it is measured."""
    load, cpus = os.getloadavg()[0], len(os.sched_getaffinity(0))
    return [f"{what} was measured on a busy host: load {load:.1f} on {cpus} CPUs"] if load > cpus / 2 else []
