"""What is said of a file that is not there."""

from pathlib import Path

import pytest

from avsbench.media.faults import absent


@pytest.mark.parametrize(
    ('wanted', 'there'), [('0.jpg', '0.JPG'), ('1.png', '1.jpg'), ('3.png', '00003.png')]
)
def test_a_file_of_nearly_the_name(wanted: str, there: str, tmp_path: Path) -> None:
    (tmp_path / there).touch()
    (tmp_path / '10.png').touch()
    assert absent(tmp_path / wanted) == f'{tmp_path / wanted}: no such file, but there is {there}'


def test_nothing_like_it(tmp_path: Path) -> None:
    (tmp_path / '10.png').touch()
    for path in (tmp_path / '1.png', tmp_path / 'none' / '1.png'):
        assert absent(path) == f'{path}: no such file'
