from pathlib import Path

import pytest

from avsbench.utils.errors import ConfigError
from avsbench.utils.folders import check_writable, visible


def test_what_systems_leave_is_not_visible() -> None:
    folder = Path('.hidden/data')  # where the folder itself lies doesn't matter
    names = ['a.png', 'a/b.png', 'Thumbs.db', '.DS_Store', 'a/._b.png', '.git/b.png', 'desktop.ini']
    names += ['__MACOSX/a/b.png', 'thumbs.png']
    found = visible((folder / name for name in names), folder)
    assert [str(path.relative_to(folder)) for path in found] == ['a.png', 'a/b.png', 'thumbs.png']


def test_folders_that_can_be_written_to(tmp_path, monkeypatch) -> None:
    check_writable(tmp_path / 'a' / 'b', 'work dir', 'choose another')
    assert list((tmp_path / 'a').rglob('*')) == [tmp_path / 'a' / 'b']  # the trial left nothing
    (tmp_path / 'file').write_text('')
    for name, reason in (('file', 'is a file'), ('file/b', 'Not a directory')):
        with pytest.raises(ConfigError, match=rf'{name}: can not .* work dir .{reason}.; choose'):
            check_writable(tmp_path / name, 'work dir', 'choose another')


def test_folder_that_is_read_only(tmp_path, monkeypatch) -> None:
    """Root may write everywhere, so that a mode would not do."""

    def refuse(**_: object) -> None:
        raise OSError(30, 'Read-only file system')

    monkeypatch.setattr('tempfile.TemporaryFile', refuse)
    with pytest.raises(ConfigError, match='Read-only file system'):
        check_writable(tmp_path, 'work dir', 'choose another')
