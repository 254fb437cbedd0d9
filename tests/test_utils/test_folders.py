from pathlib import Path

from avsbench.utils.folders import visible


def test_what_systems_leave_is_not_visible() -> None:
    folder = Path('.hidden/data')  # where the folder itself lies doesn't matter
    names = ['a.png', 'a/b.png', 'Thumbs.db', '.DS_Store', 'a/._b.png', '.git/b.png', 'desktop.ini']
    names += ['__MACOSX/a/b.png', 'thumbs.png']
    found = visible((folder / name for name in names), folder)
    assert [str(path.relative_to(folder)) for path in found] == ['a.png', 'a/b.png', 'thumbs.png']
