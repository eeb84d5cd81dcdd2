"""The fixture of this folder."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from kit.desk import Desk, new_desk


@pytest.fixture
def desk(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    with new_desk(tmp_path, capsys, monkeypatch) as desk:
        yield desk
