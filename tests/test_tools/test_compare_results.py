import csv
import json

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from avsbench.analysis.comparison.results import Result, check_comparable
from avsbench.evaluation.frame_table import COLUMNS
from avsbench.utils.errors import DataError

CATEGORIES = ('dog', 'cat', 'bus')


def write_result(folder, quality, *, seed=0, clips=30, scores=True, table=None, **changes):
    """A result of S4, whose clips are as hard as their number says."""
    rng = np.random.default_rng(seed)
    rows = []
    for clip in range(clips):
        hard = np.random.default_rng(clip).normal(0, 0.1)
        for frame in range(5):
            target = 100 + 37 * clip
            iou = float(np.clip(quality + hard + rng.normal(0, 0.03), 0.05, 0.99))
            hits = round(target * iou)  # the prediction lies inside the target
            name = CATEGORIES[clip % 3]
            cells = (f'{name}/v{clip}', frame, 0, 0, 64, 64, name, 1 + clip % 4, target, hits, hits)
            rows.append((*cells, hits / target, min(1, iou + 0.05)))
    frame_table = pd.DataFrame(rows, columns=COLUMNS) if table is None else table
    results = folder / 'results'
    results.mkdir(parents=True)
    if scores:
        frame_table.to_csv(results / 'scores.csv', index=False, quoting=csv.QUOTE_MINIMAL)
    binary = dict(task='binary', num_classes=1, sizes=['64x64'], f_from='probabilities')
    entry = {
        'subset': 's4',
        'metrics': {'mIoU': float(frame_table.IoU.mean())},
        'protocol': binary | changes.pop('protocol', {}),
        'data': {'split': changes.pop('split', 'test')},
        **({'scores': 'scores.csv'} if scores else {}),
        **changes,
    }
    (results / 'test.json').write_text(json.dumps(entry))
    return folder


@pytest.fixture
def compare(tool, tmp_path):
    def run(*words):
        return tool('compare_results', *words, '--resamples', 500, '--out', tmp_path / 'out')

    return run


def test_two_results(compare, tmp_path):
    good = write_result(tmp_path / 'good', 0.8)
    bad = write_result(tmp_path / 'bad', 0.7, seed=1)
    finished = compare(good, bad)
    assert finished.code == 0, finished.err
    out = tmp_path / 'out'
    scores = pd.read_csv(out / 'scores.csv').set_index(['system', 'score'])
    for folder in (good, bad):
        table = pd.read_csv(folder / 'results' / 'scores.csv')
        assert scores.loc[(folder.name, 'J'), 'value'] == pytest.approx(table.IoU.mean())
        assert scores.loc[(folder.name, 'F'), 'value'] == pytest.approx(table.F.mean())
        pooled = table.intersection.sum() / table.target.sum()
        assert scores.loc[(folder.name, 'IoU of the set'), 'value'] == pytest.approx(pooled)
    assert (scores.low < scores.value).all() and (scores.value < scores.high).all()
    row = pd.read_csv(out / 'differences.csv').set_index('score').loc['J']
    assert 0 < row.low < row.difference < row.high and row.p == pytest.approx(1 / 501)
    assert row.wins_a == 30 and row.wins_b == row.ties == 0
    groups = pd.read_csv(out / 'groups.csv')
    assert groups.groupby('by').clips.sum().to_dict() == {'class': 30, 'area': 30, 'sources': 30}
    assert groups[groups.by == 'sources'].group.tolist() == ['1', '2', '3 or more']
    text = (out / 'comparison.md').read_text()
    assert '# s4, split test: good, bad' in text and '## By class' in text
    with Image.open(out / 'comparison.png') as image:
        assert image.width > 800 and len(np.unique(np.asarray(image.convert('L')))) > 50
    finished = compare(good, bad)
    assert finished.code == 2 and 'pass --overwrite' in finished.err
    before = (out / 'differences.csv').read_text()
    assert compare(good, bad, '--overwrite').code == 0
    assert (out / 'differences.csv').read_text() == before  # seeded


def test_several_seeds(compare, tmp_path):
    paths = {
        name: [write_result(tmp_path / f'{name}{s}', q + 0.03 * (s - 1), seed=s) for s in range(3)]
        for name, q in (('a', 0.75), ('b', 0.74))
    }
    words = [word for name, folders in paths.items() for word in ('--system', name, *folders)]
    assert compare(*words).code == 0
    out = tmp_path / 'out'
    with_seeds = pd.read_csv(out / 'scores.csv').set_index(['system', 'score']).loc[('a', 'J')]
    assert with_seeds.seeds == 3 and with_seeds.std_of_seeds == pytest.approx(0.03, abs=0.01)
    assert 'intervals (percentile) over clips and seeds' in (out / 'comparison.md').read_text()
    assert compare(*words, '--no-seeds', '--overwrite').code == 0
    clips = pd.read_csv(out / 'scores.csv').set_index(['system', 'score']).loc[('a', 'J')]
    assert clips.high - clips.low < with_seeds.high - with_seeds.low
    finished = compare(*words, '--interval', 'bca', '--overwrite')
    assert finished.code == 2 and 'bca is for clips alone' in finished.err


def test_classes(compare, tmp_path):
    """Semantic results: mIoU over classes as published, by class, padded frames apart."""

    def table(wrong):
        rows = []
        for clip in range(12):
            for frame in range(4):
                kind = 1 + clip % 2
                real = ('0 ' + str(kind), 1, '80 20', f'{80 + wrong} {20 - wrong}')
                cells = real if frame < 3 else ('0', 0, '100', '100')
                hits = f'80 {20 - wrong}' if frame < 3 else '100'
                iou = (80 / (80 + wrong) + (20 - wrong) / 20) / 2 if frame < 3 else 1.0
                name = frame if frame < 3 else ''
                rows.append((f'v1/c{clip}', name, int(frame == 3), 0, 10, 10, *cells, hits, iou, 0))
        return pd.DataFrame(rows, columns=COLUMNS)

    protocol = dict(task='semantic', num_classes=71, f_from=None)
    for name, wrong in (('a', 2), ('b', 5)):
        write_result(tmp_path / name, 0, table=table(wrong), subset='avss', protocol=protocol)
    finished = compare(tmp_path / 'a', tmp_path / 'b')
    assert finished.code == 0, finished.err
    out = tmp_path / 'out'
    scores = pd.read_csv(out / 'scores.csv').set_index(['system', 'score']).value
    background = (3 * 80 / 82 + 1) / 4
    assert scores['a', 'J'] == pytest.approx((background + 2 * 18 / 20) / 71)
    assert scores['a', 'IoU of the set'] == pytest.approx((80 / 82 + 2 * 18 / 20) / 3)
    groups = pd.read_csv(out / 'groups.csv').set_index(['by', 'group'])
    assert set(groups.loc['class'].index) == {'background', 'accordion', 'airplane'}
    row = groups.loc[('class', 'airplane')]
    assert row.clips == 6 and row['J a'] == pytest.approx(0.9) and row['wins a'] == 6


class TestErrors:
    @pytest.mark.parametrize(
        ('changes', 'text'),
        [
            (dict(split='val'), "split is 'test' in the first, 'val' in the second"),
            (dict(subset='ms3'), "subset is 's4' in the first, 'ms3' in the second"),
            (dict(protocol=dict(sizes=['32x32'])), 'sizes is'),
            (dict(clips=29), '5 frames are in the first only, 0 in the second only'),
        ],
    )
    def test_other_protocols(self, compare, tmp_path, changes, text):
        one, other = (
            write_result(tmp_path / 'one', 0.8),
            write_result(tmp_path / 'other', 0.7, **changes),
        )
        finished = compare(one, other)
        assert finished.code == 2 and text in finished.err
        assert str(one) in finished.err and str(other) in finished.err

    def test_other_labels_of_classes(self, tmp_path):
        def result(name: str, classes: str, target: str) -> Result:
            table = pd.DataFrame(
                dict(clip=['a'], frame=['0'], padded=[0], classes=[classes], target=[target])
            )
            entry = dict(protocol=dict(task='semantic'))
            return Result(tmp_path / name, entry, table)

        one, same = result('one', '0 3', '60 40'), result('same', '0 3 7', '60 40 0')
        check_comparable([one, same])  # 7 was predicted
        with pytest.raises(DataError, match='one and .*other do not compare:.*other labels'):
            check_comparable([one, result('other', '0 7', '60 40')])

    def test_results_that_are_none(self, compare, tmp_path):
        one = write_result(tmp_path / 'one', 0.8)
        bare = write_result(tmp_path / 'bare', 0.8, scores=False)
        finished = compare(one, bare)
        assert finished.code == 2 and 'a result without scores of its frames' in finished.err
        assert 'python -m avsbench score' in finished.err
        finished = compare(one, tmp_path / 'nowhere')
        assert finished.code == 2 and 'no result here' in finished.err
        assert compare(one).code == 2
        wrong = write_result(tmp_path / 'wrong', 0.8, metrics={'mIoU': 0.1})
        finished = compare(one, wrong)
        assert finished.code == 2 and 'they are of different tests' in finished.err

    def test_seeds(self, compare, tmp_path):
        one, other = (write_result(tmp_path / name, 0.8, seed=3) for name in 'ab')
        finished = compare(one, other, '--seeds')
        assert finished.code == 2 and 'several seeds are asked for, but a has one' in finished.err
        finished = compare('--system', 'x', one, one, '--system', 'y', other, other)
        assert finished.code == 2 and 'given twice' in finished.err

    def test_f_of_masks_is_not_compared_with_that_of_probabilities(self, compare, tmp_path):
        one = write_result(tmp_path / 'one', 0.8)
        other = write_result(tmp_path / 'other', 0.7, protocol=dict(f_from='masks'))
        assert compare(one, other).code == 0
        assert 'F is left out' in (tmp_path / 'out' / 'comparison.md').read_text()
