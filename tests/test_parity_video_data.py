"""The check of the video data sets reads everything from its fixture, and fails where it should."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np

from avsbench.parity import check_fixture

FOLDER = Path(__file__).parent / 'parity'


def failures(folder: Path, change: Callable[[dict], None]) -> list[str]:
    """The rows that fail after a change of the fixture; without the slow augmented clips."""
    content = json.loads((FOLDER / 'video_data.json').read_text())
    for name in [name for name, item in content['items'].items() if 'draws' in item]:
        del content['items'][name]
    stored = dict(np.load(FOLDER / 'video_data.npz'))
    for name in [name for name in content['outputs'] if name.startswith('train_augmented')]:
        del content['outputs'][name], stored[name]
    change(content)
    (folder / 'changed.json').write_text(json.dumps(content))
    np.savez(folder / 'changed.npz', **stored)
    shutil.copy(FOLDER / 'seeded.py', folder)
    rows = check_fixture(folder / 'changed.json')
    assert len(rows) > len(stored)
    return [row.name for row in rows if not row.passed]


def test_other_entries_are_read(tmp_path: Path) -> None:
    """A seed, lengths, sizes, numbers of frames: each change shows, and nothing else."""

    def change(content: dict) -> None:
        for entry in content['files']:
            if entry[0] == 'DAVIS/JPEGImages/480p/beta/00003.jpg':
                entry[2] = 'another'
            elif entry[0].endswith('mat/bbbTEST/00005.mat'):
                entry[4] = 40
            elif entry[0].endswith('labels/00011.jpg'):
                entry[2] = 'another'  # masks of YouTube-Objects are in no output
        content['lengths'] |= {'davis_val': 13, 'moca': 11, 'further': 1}
        content['train_centres']['ytvos_centres'] = [0, 5]
        content['resize_sizes'][0]['result_hw'][1] += 1
        content['items']['moca.crab_1.6']['centre_index'] = 5
        content['items']['youtube_objects.frames/cat/data/0007/shots/001.10']['vid_len'] = 12
        content['items']['a2d_train.aaaTRAIN.12']['index_of_annotated'] = 3

    failed = failures(tmp_path, change)
    expected = [
        'davis_val.beta.1.image',
        'a2d_test.bbbTEST.5.label',
        'lengths.davis_val (12, stored 13)',
        'lengths.moca (12, stored 11)',
        'lengths.further (None, stored 1)',
        'train_centres.ytvos_centres ([[0, 6]], stored [0, 5])',
        'resize_sizes.0.result_hw ([473, 841], stored [473, 842])',
        'moca.crab_1.6.image',
        'items.youtube_objects.frames/cat/data/0007/shots/001.10.vid_len (11, stored 12)',
        'items.a2d_train.aaaTRAIN.12.index_of_annotated (-1, stored 3)',
    ]
    for name in expected:
        assert any(row.startswith(name) for row in failed), name
    others = [row for row in failed if not row.startswith(tuple(expected))]
    assert all(row.startswith('items.moca.crab_1.6.') for row in others)


def test_trees_may_have_other_names(tmp_path: Path) -> None:
    names = {'DAVIS': 'd', 'YTVOS': 'vos', 'YTO': 'all frames', 'MoCA': 'x/y', 'A2D': 'actors'}

    def change(content: dict) -> None:
        for entry in content['files']:
            root, _, rest = entry[0].partition('/')
            entry[0] = f'{names[root]}/{rest}'
        for item in content['items'].values():
            if 'target_image' in item:
                item['target_image'] = item['target_image'].replace('A2D', names['A2D'])

    assert failures(tmp_path, change) == []
