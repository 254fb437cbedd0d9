"""The checks of video fixtures read everything from the fixture, and fail where they should."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from avsbench.evaluation.video import davis
from avsbench.parity import check_fixture
from avsbench.parity.fixture import Limit

FOLDER = Path(__file__).parent / 'parity'


def failures(folder: Path, name: str, change) -> set[str]:
    """Names of the rows that fail after a change of the fixture's json."""
    content = json.loads((FOLDER / f'{name}.json').read_text())
    change(content)
    (folder / 'changed.json').write_text(json.dumps(content))
    shutil.copy(FOLDER / f'{name}.npz', folder / 'changed.npz')
    shutil.copy(FOLDER / 'seeded.py', folder)
    return {row.name for row in check_fixture(folder / 'changed.json') if not row.passed}


@pytest.mark.parametrize(
    ('part', 'key', 'old', 'new', 'expected'),
    [
        ('davis', 'target', "'vt:", "'x:", 'davis.a.F'),
        ('davis', 'prob', '3 *', '2 *', 'davis.a.iou'),
        ('davis', 'prediction', '0.5', '0.6', 'davis.b.iou'),
        ('statistics', 'values', '0.2', '0.3', 'statistics.7'),
        ('a2d', 'label', "'vt:", "'x:", 'a2d.x'),
        ('a2d', 'label', 'frame 1', 'frame 2', 'a2d.x'),
        ('a2d', 'prediction', ':keep', ':other', 'a2d.y'),
        ('vspw', 'raw', ', 125)', ', 100)', 'vspw.class_iou'),
        ('vspw', 'raw', '= 255 for even', '= 7 for even', 'vspw.k1.mapped_0'),
        ('vspw', 'prediction', 't // 7', 't // 2', 'vspw.k1.vc8'),
    ],
)
def test_recipes_of_metrics_are_read(tmp_path, part, key, old, new, expected):
    def change(content):
        recipe = content['construct'][part][key]
        assert old in recipe
        content['construct'][part][key] = recipe.replace(old, new)

    failed = failures(tmp_path, 'video_metrics', change)
    assert expected in failed
    assert all(name.startswith(part) for name in failed)


def test_other_entries_of_metrics_are_read(tmp_path):
    def change(content):
        construct = content['construct']
        construct['davis']['edits'] = []
        construct['youtube_objects']['frame_ious']['cat/0002'][0] = 0
        construct['moca']['cases'][3]['rects'][0][0] += 1
        construct['moca']['cases'][4]['motion'] = '0'
        construct['moca']['picture_size'] = [72, 130]
        construct['vspw']['videos']['k2']['period'] = 1
        content['summary']['davis.a']['further'] = 1.0

    failed = failures(tmp_path, 'video_metrics', change)
    assert {'davis.a.F', 'davis.b.iou', 'davis.a.further (not computed)'} <= failed
    assert {'youtube_objects.cat', 'youtube_objects.overall'} <= failed
    assert {'moca.iou', 'moca.boxes', 'moca.g0.deformation'} <= failed
    assert 'vspw.k2.vc8' in failed
    assert not {'davis.c.F', 'youtube_objects.train', 'vspw.k1.vc8', 'moca.border_share'} & failed


def test_a_wrong_metric_fails(tmp_path, monkeypatch):
    monkeypatch.setattr(davis, 'RADIUS_SHARE', 0.02)
    failed = failures(tmp_path, 'video_metrics', lambda content: None)
    assert {'davis.a.F', 'davis.a.radius', 'davis.F_mean'} <= failed
    assert 'davis.a.iou' not in failed


def test_entries_of_the_crf_are_read(tmp_path):
    def change(content):
        content['parameters']['bilateral_srgb'] = 9.0

    failed = failures(tmp_path, 'video_crf', change)
    assert {'a.q15', 'b.q1_bilateral_only'} <= failed
    assert not {'a.unary', 'a.q0', 'b.q15_gaussian_only'} & failed

    def rename(content):
        recipe = content['construct']['picture']
        content['construct']['picture'] = recipe.replace("'vt:", "'x:")

    failed = failures(tmp_path, 'video_crf', rename)
    assert 'a.q15' in failed and 'a.q15_gaussian_only' not in failed


def passes(limit: Limit, ours: list[float], stored: list[float]) -> bool:
    return limit.row('output', 'x', np.array(ours), np.array(stored)).passed


def test_limits():
    assert passes(Limit(0.1), [1.05, 2], [1, 2])
    assert not passes(Limit(0.1), [1.2, 2], [1, 2])
    assert passes(Limit(0.0), [], [])
    nan = float('nan')
    assert passes(Limit(0.0), [nan, 1], [nan, 1])
    assert not passes(Limit(0.1), [nan, 1], [0, 1])
    assert not passes(Limit(0.1), [0, 1], [nan, 1])


def test_limits_of_a_share():
    stored = [0.0] * 10
    most = Limit(0.0, share=0.9)
    assert passes(most, [1.0] + [0.0] * 9, stored)
    assert not passes(most, [1.0] * 2 + [0.0] * 8, stored)
    assert passes(most, [float('nan')] + [0.0] * 9, stored)
    assert not passes(most, [float('nan')] * 2 + [0.0] * 8, stored)
    bounded = Limit(0.0, share=0.9, others=1.0)
    assert passes(bounded, [1.0] + [0.0] * 9, stored)
    assert not passes(bounded, [2.0] + [0.0] * 9, stored)
    assert not passes(bounded, [float('nan')] + [0.0] * 9, stored)
