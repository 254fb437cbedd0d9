import threading
import time

import pytest

from avsbench.datasets.validation import TRIAL, check_clips
from avsbench.media.faults import REMEDIES, BrokenFileError, ClipCheck, describe


def run(seconds: float, level: str) -> tuple[list[str], set[int]]:
    """Names of checked clips and the threads that checked those after the first ones."""
    threads = set()

    def check(info: dict) -> ClipCheck:
        time.sleep(seconds)
        if info['number'] >= TRIAL:
            threads.add(threading.get_ident())
        return ClipCheck(str(info['number']), 2)

    infos = ({'number': number} for number in range(2 * TRIAL))
    return [found.clip_id for found in check_clips(check, infos, level)], threads


@pytest.mark.parametrize('level', ['fast', 'full'])
@pytest.mark.parametrize('seconds', [0, 0.002])
def test_order_of_the_clips_is_kept(seconds: float, level: str) -> None:
    names, _ = run(seconds, level)
    assert names == [str(number) for number in range(2 * TRIAL)]


def test_a_slow_disk_is_read_by_several_threads() -> None:
    assert len(run(0.002, 'fast')[1]) > 2


def test_describe_counts_files_and_clips() -> None:
    checks = [
        ClipCheck('a', 2, (BrokenFileError('x.png: cut off', 'broken image'),) * 2),
        ClipCheck('b', 7, (BrokenFileError('y.png: cut off', 'broken image'),)),
        ClipCheck('c', 9, (BrokenFileError('z.wav: no such file', 'missing audio'),)),
        ClipCheck('d', 10),
    ]
    text = describe(checks)
    assert 'broken image: 3 in 2 clips, e.g. x.png: cut off (csv row 2), x.png' in text
    assert 'y.png: cut off (csv row 7)' in text
    assert 'missing audio: 1 in 1 clips' in text
    for kind in ('broken image', 'missing audio'):
        assert text.count(REMEDIES[kind]) == 1


def test_faults_survive_a_loader_worker() -> None:
    """A worker's error is made again from its text alone."""
    fault = BrokenFileError('x.png: cut off', 'broken image')
    again = type(fault)(f'Caught in worker: {fault}')
    assert REMEDIES['broken image'] in str(again)
    assert again.kind is None
