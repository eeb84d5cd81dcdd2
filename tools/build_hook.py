"""What hatch calls when it builds the wheel: the bundle of lean modules comes into it (`tools/bundle.py`)."""

import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class BuildHook(BuildHookInterface):  # type: ignore[type-arg]  # of a configuration that we do not have
    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Make the bundle, in an interpreter of its own: only an option at its start leaves columns out."""
        if version == "editable":
            return
        name = f"lean.{sys.implementation.cache_tag}.bundle"
        self.workspace = tempfile.TemporaryDirectory()
        path = Path(self.workspace.name) / name
        writer = str(Path(self.root) / "tools" / "bundle.py")
        subprocess.run([sys.executable, "-I", "-X", "no_debug_ranges", writer, str(path)], check=True)
        path.chmod(0o644)
        build_data["force_include"][str(path)] = f"process_control/entry/{name}"

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:  # noqa: ARG002  hatch's
        if version != "editable":
            self.workspace.cleanup()
