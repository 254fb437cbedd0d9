"""Paths that file systems make difficult: they work, or one error names them."""

from pathlib import Path

import numpy as np
import pytest
from dataset_trees import make_s4, write_wav
from PIL import Image

from avsbench.apis.sources import open_source
from avsbench.checkpoint.reading import read_checkpoint
from avsbench.config.paths import config_file
from avsbench.datasets import S4Dataset
from avsbench.datasets.preparation.avsbench_tree import find_videos
from avsbench.datasets.preparation.clip import write_whole
from avsbench.datasets.transforms.log_mel_reader import read_log_mel
from avsbench.media.images import probe_image, read_binary_mask, read_frame
from avsbench.media.log_mel import probe_wav, read_wav
from avsbench.utils.errors import AVSBenchError, DataError
from avsbench.video import VideoFile

LONG = 'x' * 300  # more than file systems take


def frames_folder(path: Path) -> object:
    return open_source({'frames': path / 'inside'}, need_audio=False)


def npy(path: Path) -> np.ndarray:
    return read_log_mel(f'{path}.npy')


READERS = [probe_image, read_frame, read_binary_mask, probe_wav, read_wav, read_log_mel, npy]
READERS += [VideoFile, open_source, frames_folder, find_videos, read_checkpoint, config_file]


@pytest.mark.parametrize('read', READERS)
def test_names_too_long_loops_and_folders(tmp_path: Path, read: object) -> None:
    loop = tmp_path / 'loop'
    for path in (loop, tmp_path / 'loop.npy'):
        path.symlink_to(path)
    (tmp_path / 'folder').mkdir()
    for name in (LONG, 'loop', 'folder', 'loop/inside'):
        with pytest.raises(AVSBenchError, match=name.split('/')[0]):
            read(tmp_path / name)


def test_a_csv_may_name_what_no_file_can_be_called(tmp_path: Path) -> None:
    root = make_s4(tmp_path)
    table = root / 's4_meta_data.csv'
    table.write_text(f'{table.read_text()}{LONG},0,dog_barking,train\n')
    with pytest.raises(DataError, match=r'1 of 3 clips cannot be used(.|\n)*csv row 6'):
        S4Dataset(root, 'train')


def test_linked_data_and_loops_of_folders(tmp_path: Path) -> None:
    root = make_s4(tmp_path / 'elsewhere')
    (tmp_path / 'linked').symlink_to(root)
    assert len(S4Dataset(tmp_path / 'linked', 'train', check='full')) == 2
    (root / 'a.mp4').write_bytes(b'')
    (root / 'again').symlink_to(root)
    assert find_videos(root) == [root / 'a.mp4']


def test_blanks_and_other_alphabets(tmp_path: Path) -> None:
    folder = tmp_path / 'mein Ordner, 日本 #1'
    folder.mkdir()
    Image.new('L', (4, 3)).save(folder / '-ä b.png')
    assert read_binary_mask(folder / '-ä b.png').shape == (3, 4)
    write_wav(folder / 'ton.wav', np.zeros(16000))
    assert len(read_wav(folder / 'ton.wav')[0]) == 16000


def test_what_can_not_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / 'file').write_bytes(b'')
    for path in (tmp_path / 'file' / 'a.png', tmp_path / LONG):
        with pytest.raises(DataError, match='cannot be written'):
            write_whole(path, lambda file: file.write(b'x'))
    assert [p.name for p in tmp_path.iterdir()] == ['file']
