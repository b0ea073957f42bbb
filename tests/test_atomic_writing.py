from __future__ import annotations

from pathlib import Path

import pytest

from archwright.atomic_writing import replacing


def test_the_file_appears_at_the_end(tmp_path: Path) -> None:
    path = tmp_path / "new" / "file.txt"
    with replacing(path) as part:
        part.write_text("first")
        assert not path.exists()
    assert path.read_text() == "first"
    with replacing(path) as part:
        part.write_text("second")
        assert path.read_text() == "first"
    assert path.read_text() == "second"
    assert list(path.parent.iterdir()) == [path]


def test_where_writing_fails_all_is_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "file.txt"
    path.write_text("first")

    def write() -> None:
        with replacing(path) as part:
            part.write_text("sec")
            raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        write()
    assert path.read_text() == "first"
    assert list(tmp_path.iterdir()) == [path]
