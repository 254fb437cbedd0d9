import hashlib
import json
import random
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
import soundfile
from PIL import Image

from avsbench.datasets import AVSSDataset, MS3Dataset, S4Dataset
from avsbench.layouts import LAYOUTS
from avsbench.synthetic import SUBSETS, Settings, load_truth
from avsbench.synthetic.clip import write_scene
from avsbench.synthetic.tree import csv_row

MEDIA = ('.png', '.jpg', '.wav')


def _place(subset, clip):
    layout = LAYOUTS[subset]
    return layout.clip_files(csv_row(layout, clip), len(clip['sets']))


def _masks(where, second):
    return [paths[second] for paths in where.masks.values()]


def _groups(clips):
    groups = {}
    for clip in clips:
        groups.setdefault(clip['group'], []).append(clip)
    return groups


@pytest.mark.parametrize('subset', SUBSETS)
def test_bytes_do_not_depend_on_the_order(subset, make, digests, tmp_path):
    settings = Settings(subset, train=2, val=1, test=1)
    root = make(subset, train=2)
    tasks = [
        (part, split, index)
        for part in settings.parts
        for split in ('train', 'val', 'test')
        for index in range(settings.num_scenes(part, split))
    ]
    random.Random(0).shuffle(tasks)
    shuffled = {}
    for part, split, index in tasks:
        shuffled |= write_scene(settings, part, split, index, tmp_path / 'shuffled')[1]
    listed = {path: sha for path, sha in digests(root).items() if path.endswith(MEDIA)}
    assert shuffled == listed


def test_bytes_do_not_depend_on_the_processes(make, digests):
    assert digests(make('ms3', train=2, workers=2)) == digests(make('ms3', train=2))


def test_manifest_lists_every_file(trees, digests):
    for root in trees.values():
        files = {p.relative_to(root).as_posix() for p in root.rglob('*') if p.is_file()}
        listed = digests(root)
        assert set(listed) == files - {'MANIFEST.sha256'}
        for path in [*sorted(listed)[::20], 'truth.json', 'ceilings.json', 'generator.json']:
            assert hashlib.sha256((root / path).read_bytes()).hexdigest() == listed[path]


def test_tiny_trees_stay_under_five_megabytes(trees):
    for root in trees.values():
        assert sum(path.stat().st_size for path in root.rglob('*') if path.is_file()) < 5e6


@pytest.mark.parametrize('subset', SUBSETS)
def test_another_state_seed_changes_masks_and_sound_but_no_picture(subset, make):
    roots = [make(subset), make(subset, state_seed=1)]
    clips = [{clip['video']: clip for clip in load_truth(root)} for root in roots]
    assert clips[0].keys() == clips[1].keys()
    masks_differ = 0
    for video in clips[0]:
        first, second = (_place(subset, clips[i][video]) for i in range(2))
        for a, b in zip(first.frames, second.frames, strict=True):
            assert (roots[0] / a).read_bytes() == (roots[1] / b).read_bytes()
        assert (roots[0] / first.wav).read_bytes() != (roots[1] / second.wav).read_bytes()
        for t in clips[0][video]['labelled']:
            pairs = zip(_masks(first, t), _masks(second, t), strict=True)
            masks_differ += any(
                (roots[0] / a).read_bytes() != (roots[1] / b).read_bytes() for a, b in pairs
            )
    assert masks_differ > 3


@pytest.mark.parametrize('subset', SUBSETS)
def test_twins_share_pictures_and_partition_the_candidates(subset, trees):
    root = trees[subset]
    clips = [clip for clip in load_truth(root) if clip['split'] == 'test']
    for twins in _groups(clips).values():
        assert len(twins) == (2 if subset == 'avss' else 3)
        places = [_place(subset, twin) for twin in twins]
        for t in range(len(twins[0]['sets'])):
            frames = [root / where.frames[t] for where in places]
            assert len({path.read_bytes() for path in frames}) == 1
            assert not any(path.is_symlink() for path in frames)
            assert len({path.stat().st_ino for path in frames}) == len(frames)
            masks = [np.asarray(Image.open(root / _masks(p, t)[0])) != 0 for p in places]
            assert np.sum(masks, axis=0).max() == 1
            assert np.any(masks, axis=0).sum() == sum(twins[0]['areas'][t])
        assert len({(root / where.wav).read_bytes() for where in places}) == len(twins)


@pytest.mark.parametrize('subset', SUBSETS)
def test_files_hold_what_the_truth_says(subset, trees):
    root = trees[subset]
    for clip in load_truth(root):
        where, seconds = _place(subset, clip), len(clip['sets'])
        info = soundfile.info(root / where.wav)
        assert (info.samplerate, info.channels, info.subtype) == (16000, 1, 'PCM_16')
        assert info.frames == seconds * 16000 + 800
        for t in range(seconds):
            frame = Image.open(root / where.frames[t])
            assert frame.size == (64, 64) and frame.mode == 'RGB'
            for path in _masks(where, t):
                assert (root / path).exists() == (t in clip['labelled'])
        for t in clip['labelled']:
            sounding = [clip['areas'][t][n] for n in clip['sets'][t]]
            mask = Image.open(root / _masks(where, t)[0])
            values = np.asarray(mask)
            assert mask.mode == 'L' and (values != 0).sum() == sum(sounding)
            if subset != 'avss':
                assert set(np.unique(values)) <= {0, 255}
                continue
            labels = [clip['candidates'][n]['label_index'] for n in clip['sets'][t]]
            found = np.bincount(values.ravel(), minlength=71)
            assert found[labels].tolist() == sounding and set(labels) <= set(range(1, 9))


def test_single_source_layout(make):
    root = make('s4')
    clips = {clip['name']: clip['category'] for clip in load_truth(root)}
    expected = {'s4_meta_data.csv'}
    for name, split, masks in (
        ('s4_train_0000', 'train', 1),
        ('s4_val_0000', 'val', 5),
        ('s4_test_0000_a', 'test', 5),
        ('s4_test_0000_b', 'test', 5),
        ('s4_test_0000_c', 'test', 5),
    ):
        inner = f'{split}/{clips[name]}'
        for k in range(1, 6):
            expected.add(f's4_data/visual_frames/{inner}/{name}/{name}_{k}.png')
        for k in range(1, masks + 1):
            expected.add(f's4_data/gt_masks/{inner}/{name}/{name}_{k}.png')
        expected.add(f's4_data/audio_wav/{inner}/{name}.wav')
    assert _files(root) == expected and root.name == 'Single-source'
    table = pd.read_csv(root / 's4_meta_data.csv')
    assert list(table.columns) == ['name', 'start', 'category', 'split']
    assert list(table['split']) == ['train', 'val', 'test', 'test', 'test']
    assert dict(zip(table['name'], table['category'], strict=True)) == clips
    for clip in load_truth(root):
        assert clip['candidates'][clip['sets'][0][0]]['class'] == clip['category']


def test_multi_source_layout(make):
    root = make('ms3')
    expected = {'ms3_meta_data.csv'}
    for name, split in (
        ('ms3_train_0000', 'train'),
        ('ms3_val_0000', 'val'),
        ('ms3_test_0000_a', 'test'),
        ('ms3_test_0000_b', 'test'),
        ('ms3_test_0000_c', 'test'),
    ):
        for k in range(1, 6):
            expected.add(f'ms3_data/visual_frames/{name}/{name}.mp4_{k}.png')
            expected.add(f'ms3_data/gt_masks/{split}/{name}/{name}_{k}.png')
        expected.add(f'ms3_data/audio_wav/{split}/{name}.wav')
    assert _files(root) == expected and root.name == 'Multi-sources'
    table = pd.read_csv(root / 'ms3_meta_data.csv')
    assert list(table.columns) == ['video_id', 'split'] and len(table) == 5


def test_semantic_layout(make):
    root = make('avss')
    expected = {'metadata.csv', 'label2idx.json'}
    for label, seconds in (('v2', 10), ('v1m', 5), ('v1s', 5)):
        for video in ('train_0000', 'val_0000', 'test_0000_a', 'test_0000_b'):
            base = f'{label}/{label}_{video}_0_{seconds * 1000}'
            expected.add(f'{base}/audio.wav')
            expected |= {f'{base}/frames/{t}.jpg' for t in range(seconds)}
            masks = 1 if label == 'v1s' and 'train' in video else seconds
            for kind in ('labels_rgb', 'labels_semantic'):
                expected |= {f'{base}/{kind}/{t}.png' for t in range(masks)}
    assert _files(root) == expected and root.name == 'AVSS'
    table = pd.read_csv(root / 'metadata.csv')
    assert list(table.columns) == ['vid', 'uid', 's_min', 's_sec', 'a_obj', 'split', 'label']
    assert set(table['label']) == {'v1s', 'v1m', 'v2'} and len(table) == 12
    names = json.loads((root / 'label2idx.json').read_text())
    assert set('_'.join(table['a_obj']).split('_')) <= set(names)
    assert len(names) == 71 and list(names.values()) == list(range(71))
    assert names['background'] == 0 and names['guitar'] == 28 and names['woman'] == 70


def _files(root):
    records = {'truth.json', 'ceilings.json', 'generator.json', 'README.md', 'MANIFEST.sha256'}
    return {p.relative_to(root).as_posix() for p in root.rglob('*') if p.is_file()} - records


def test_the_shapes_borrow_the_first_eight_published_names_and_colours(trees):
    colours = {1: (128, 0, 0), 2: (0, 128, 0), 3: (128, 128, 0), 4: (0, 0, 128)}
    colours |= {5: (128, 0, 128), 6: (0, 128, 128), 7: (128, 128, 128), 8: (64, 0, 0)}
    names = 'accordion airplane axe baby bassoon bell bird boat'.split()
    values = set()
    for clip in load_truth(trees['avss']):
        where = _place('avss', clip)
        for candidate in clip['candidates']:
            assert candidate['label'] == names[candidate['class_index']]
            assert candidate['label_index'] == candidate['class_index'] + 1
        for t in clip['labelled']:
            index, rgb = (np.asarray(Image.open(trees['avss'] / path)) for path in _masks(where, t))
            for value in np.unique(index):
                assert (rgb[index == value] == colours.get(value, (0, 0, 0))).all()
                values.add(int(value))
    assert values == set(range(9))


@pytest.mark.parametrize('subset', SUBSETS)
def test_tier_t4_has_empty_test_masks_in_four_versions(subset, make):
    root = make(subset, tiers=('T4',))
    tests = [clip for clip in load_truth(root) if clip['split'] == 'test']
    for versions in _groups(tests).values():
        assert [c['nuisance'] for c in versions] == [
            'silence',
            'off_screen',
            'white_noise',
            'other_clip',
        ]
        frames = [(root / _place(subset, c).frames[0]).read_bytes() for c in versions]
        assert len(set(frames)) == 1
        for clip in versions:
            where = _place(subset, clip)
            for t in clip['labelled']:
                assert not np.asarray(Image.open(root / _masks(where, t)[0])).any()
            wav = soundfile.read(root / where.wav)[0]
            assert (np.sqrt((wav**2).mean()) < 0.01) == (clip['nuisance'] == 'silence')
    assert any(clip['sets'][0] for clip in load_truth(root) if clip['split'] == 'train')


def test_a_process_of_the_generator_starts_without_torch():
    """It takes seconds to import, and every process would pay for it."""
    code = (
        'import sys, avsbench.synthetic.clip as m; '
        "assert not {'torch', 'mmengine', 'pandas'} & sys.modules.keys(), m"
    )
    subprocess.run([sys.executable, '-c', code], check=True)


def test_data_sets_know_that_a_tree_is_synthetic(trees):
    kinds = {'s4': S4Dataset, 'ms3': MS3Dataset, 'avss': AVSSDataset}
    for subset, root in trees.items():
        assert kinds[subset](str(root), 'test', check='off').summary()['synthetic'] is True
