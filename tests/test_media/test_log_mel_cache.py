import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from dataset_trees import noise, write_wav

from avsbench.media.front_ends import VGGISH, FrontEnd
from avsbench.media.log_mel import log_mel_patches, read_wav
from avsbench.media.log_mel_cache import LogMelCache
from avsbench.utils.errors import DataError


@pytest.fixture
def wav(tmp_path: Path) -> Path:
    write_wav(tmp_path / 'x.wav', noise('x', 2))
    return tmp_path / 'x.wav'


@pytest.fixture
def computed() -> list[int]:
    """Grows by one with every computation of `front_end`."""
    return []


@pytest.fixture
def front_end(computed: list[int]) -> FrontEnd:
    """That of VGGish, counted."""

    def count(*arguments: object) -> np.ndarray:
        computed.append(1)
        return log_mel_patches(*arguments)

    return replace(VGGISH, patches=count)


def test_computes_once(tmp_path: Path, wav: Path, computed: list, front_end: FrontEnd) -> None:
    expected = log_mel_patches(*read_wav(wav))
    for _ in range(3):
        found = LogMelCache(tmp_path / 'cache', front_end).get(wav)
        assert found.dtype == np.float32
        assert (found == expected).all()
    assert len(computed) == 1
    assert [p.suffix for p in (tmp_path / 'cache').iterdir()] == ['.npy']


def test_a_changed_file_is_computed_again(
    tmp_path: Path, wav: Path, computed: list, front_end: FrontEnd
) -> None:
    cache = LogMelCache(tmp_path / 'cache', front_end)
    old = cache.get(wav)
    write_wav(wav, noise('other', 2))
    os.utime(wav, ns=(1, 1))  # same size; a clock that is too coarse would hide the change
    assert (cache.get(wav) != old).any()
    assert len(computed) == 2


@pytest.mark.parametrize('other', [{'revision': 0}, {'name': 'other'}, {'resampler': 'numpy'}])
def test_another_front_end_is_computed_again(
    tmp_path: Path, wav: Path, computed: list, front_end: FrontEnd, other: dict
) -> None:
    for front in (front_end, replace(front_end, **other)):
        LogMelCache(tmp_path / 'cache', front).get(wav)
    assert len(computed) == 2


def damage(content: bytes, how: str) -> bytes:
    middle = len(content) // 2
    return {
        'cut off': content[:middle],
        'empty': b'',
        'zeros': bytes(4),
        'one bit': content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :],
        'other file': b'<html></html>',
    }[how]


@pytest.mark.parametrize('how', ['cut off', 'empty', 'zeros', 'one bit', 'other file'])
def test_a_damaged_entry_is_computed_again(
    tmp_path: Path, wav: Path, computed: list, front_end: FrontEnd, how: str
) -> None:
    cache = LogMelCache(tmp_path / 'cache', front_end)
    expected, entry = cache.get(wav), cache.path(wav)
    whole = entry.read_bytes()
    entry.write_bytes(damage(whole, how))
    assert (cache.get(wav) == expected).all()
    assert len(computed) == 2
    assert entry.read_bytes() == whole


def test_workers_may_share_a_folder(tmp_path: Path, wav: Path) -> None:
    cache = LogMelCache(tmp_path / 'cache')
    expected = log_mel_patches(*read_wav(wav))
    with ThreadPoolExecutor(8) as pool:
        assert all((found == expected).all() for found in pool.map(cache.get, [wav] * 32))
    assert len(list((tmp_path / 'cache').iterdir())) == 1


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path, wav: Path) -> None:
    (tmp_path / 'file').write_text('')
    with pytest.raises(DataError, match=r'file/cache: .* Set cache_dir of LoadClip'):
        LogMelCache(tmp_path / 'file' / 'cache').get(wav)


def test_a_missing_audio_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match='no.wav'):
        LogMelCache(tmp_path / 'cache').get(tmp_path / 'no.wav')
