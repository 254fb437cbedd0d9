"""Text and json files as editors save them, and those that are something else."""

import re

import pytest

from avsbench.analysis.run_logs import read_run
from avsbench.datasets.avss_dataset import read_classes
from avsbench.datasets.csv_index import read_csv
from avsbench.datasets.preparation.custom_tree import names_by_list
from avsbench.datasets.preparation.settings import keep_settings
from avsbench.datasets.video.a2d_index import read_videoset
from avsbench.datasets.video.listing import read_lines
from avsbench.datasets.video.vspw_classes import read_classes as read_vspw_classes
from avsbench.maskiges.segments import read_segments
from avsbench.utils.errors import CheckpointError, DataError
from avsbench.utils.text import read_json, read_text

READERS = {
    'run log': read_run,
    'classes': read_classes,
    'csv': lambda path: read_csv(path, ['name']),
    'list of custom videos': lambda path: names_by_list(['a'], path),
    'settings': lambda path: keep_settings(path.parent, {'seed': 1}, overwrite=False),
    'videoset': read_videoset,
    'list of videos': read_lines,
    'classes of VSPW': read_vspw_classes,
    'segments': read_segments,
}
NAMES = {'run log': 'scalars.json', 'settings': 'prepare_data.json', 'segments': 'a.json'}


class TestReadText:
    def test_marks_and_line_ends(self, tmp_path):
        path = tmp_path / 'a.txt'
        path.write_bytes(b'\xef\xbb\xbfa\r\n\xc3\xa9\rc\n')
        assert read_text(path) == 'a\né\nc\n'

    @pytest.mark.parametrize(
        ('content', 'message'),
        [
            (b'a\n\xe9', 'a.txt, line 2: byte 0xe9 is not UTF-8 (perhaps Latin-1'),
            (b'\xef\xbb\xbfa\n\nb\xe9', 'a.txt, line 3: byte 0xe9'),
            ('a'.encode('utf-16'), 'a.txt: text in UTF-16, expected UTF-8'),
            (b'\x89PNG\r\n\x1a\n\0\0', 'a.txt, line 1: byte 0x89; this is no text file'),
        ],
    )
    def test_no_utf_8(self, tmp_path, content, message):
        path = tmp_path / 'a.txt'
        path.write_bytes(content)
        with pytest.raises(CheckpointError, match=re.escape(message)):
            read_text(path, CheckpointError)

    def test_no_file(self, tmp_path):
        with pytest.raises(FileNotFoundError):
            read_text(tmp_path / 'a.txt')
        with pytest.raises(DataError, match='can not be read .Is a directory'):
            read_text(tmp_path)
        (tmp_path / 'file').touch()
        with pytest.raises(DataError, match='a folder on the way to it is a file'):
            read_text(tmp_path / 'file' / 'a.txt')

    @pytest.mark.parametrize(
        ('text', 'message'),
        [
            ('{"a": 1,\n}', 'line 2: not readable json'),
            ('{"a": 1, "a": 2}', "the key 'a' is there twice"),
            ('[' * 100_000, 'not readable json'),
            ('<html>', 'line 1: not readable json'),
        ],
    )
    def test_no_json(self, tmp_path, text, message):
        path = tmp_path / 'a.json'
        path.write_text(text)
        with pytest.raises(DataError, match=message):
            read_json(path)


@pytest.mark.parametrize('reader', READERS)
def test_every_reader_names_the_encoding(tmp_path, reader):
    path = tmp_path / NAMES.get(reader, 'a.txt')
    for content, problem in (
        (b'name\n\xe9', 'line 2: byte 0xe9 is not UTF-8'),
        ('name\n'.encode('utf-16'), 'UTF-16'),
    ):
        path.write_bytes(content)
        with pytest.raises(DataError, match=problem) as caught:
            READERS[reader](path)
        assert str(path) in str(caught.value)
