import csv
import hashlib
import itertools
import json
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from avsbench.datasets.moca_annotations import read_moca_annotations
from avsbench.media.a2d_label import read_a2d_label
from avsbench.synthetic.video import SUBSETS, VideoSettings, generate_videos, load_truth
from avsbench.synthetic.video.camouflage import BLOCKS, sample_camouflage
from avsbench.utils.errors import ConfigError, DataError

RECORDS = {'truth.json', 'ceilings.json', 'generator.json', 'README.md', 'MANIFEST.sha256'}


def files(root):
    return {p.relative_to(root).as_posix() for p in root.rglob('*') if p.is_file()} - RECORDS


@pytest.mark.parametrize('subset', [name for name, kind in SUBSETS.items() if kind.tested])
def test_versions_of_a_scene_show_the_same_images(subset, video_trees):
    """The proof that a single frame tells nothing, on the files as written."""
    tree = video_trees[subset]
    for versions in tree.groups(SUBSETS[subset].tested).values():
        shown = {}
        for video in versions:
            for t, state in enumerate(video['states']):
                key = tree.frame_bytes(video, t)
                motions = shown.setdefault(key, (tuple(state), {}))
                assert motions[0] == tuple(state)
                marked = tuple(video['values'])
                motions[1][marked] = motions[1].get(marked, 0) + 1
        assert len({state for state, _ in shown.values()}) == len(shown)
        assert len({tuple(sorted(motions.items())) for _, motions in shown.values()}) == 1


@pytest.mark.parametrize('subset', SUBSETS)
def test_bytes_depend_on_the_seed_alone(subset, make_videos):
    def manifest(**settings):
        return (make_videos(subset, **settings).root / 'MANIFEST.sha256').read_text()

    first = manifest()
    assert first == manifest(workers=2)
    lines = [line.split('  ') for line in first.splitlines()]
    other = dict(reversed(line.split('  ')) for line in manifest(seed=1).splitlines())
    images = [(path, sha) for sha, path in lines if 'JPEGImages' in path]
    assert all(other[path] != sha for path, sha in images if path in other)


@pytest.mark.parametrize('subset', SUBSETS)
def test_manifest_lists_every_file(subset, video_trees):
    root = video_trees[subset].root
    listed = dict(
        reversed(line.split('  ')) for line in (root / 'MANIFEST.sha256').read_text().splitlines()
    )
    assert listed.keys() == files(root) | RECORDS - {'MANIFEST.sha256'}
    for path, digest in list(listed.items())[::25]:
        assert hashlib.sha256((root / path).read_bytes()).hexdigest() == digest


def test_davis_layout(make_videos):
    tree = make_videos('davis', train=1, test=1)
    names = ['train_0000_00', *(f'val_0000_{number:02d}' for number in range(6))]
    expected = {f'ImageSets/480p/{split}.txt' for split in ('train', 'val')}
    for name in names:
        expected |= {f'JPEGImages/480p/{name}/{t:05d}.jpg' for t in range(6)}
        expected |= {f'Annotations/480p/{name}/{t:05d}.png' for t in range(6)}
    assert files(tree.root) == expected and tree.root.name == 'DAVIS'
    lines = (tree.root / 'ImageSets/480p/val.txt').read_text().split('\n')
    first = 'val_0000_00/00000'
    assert lines[0].strip() == f'/JPEGImages/480p/{first}.jpg /Annotations/480p/{first}.png'
    assert len(lines) == 36 + 1
    mask = Image.open(tree.root / f'Annotations/480p/{first}.png')
    assert mask.mode == 'L' and set(np.unique(np.asarray(mask))) == {0, 255}


def test_youtube_vos_layout(make_videos):
    tree = make_videos('youtube_vos', train=6)
    expected = {'train/meta.json'}
    for number in range(6):
        for t in range(0, 30, 5):
            expected.add(f'train/JPEGImages/train_{number:04d}_00/{t:05d}.jpg')
            expected.add(f'train/Annotations/train_{number:04d}_00/{t:05d}.png')
    assert files(tree.root) == expected and tree.root.name == 'YTVOS'
    meta = json.loads((tree.root / 'train/meta.json').read_text())['videos']
    counts = set()
    for video in tree.videos:
        mask = Image.open(tree.root / tree.layout.mask(video['name'], 2))
        indices = np.asarray(mask)
        count = len(video['marked'])
        assert mask.mode == 'P' and set(np.unique(indices)) == set(range(count + 1))
        assert (np.asarray(mask.convert('L'))[indices > 0] > 0).all()
        assert meta[video['name']]['objects'].keys() == {str(n + 1) for n in range(count)}
        counts.add(count)
    assert counts == {1, 2}


def test_youtube_objects_layout(make_videos):
    tree = make_videos('youtube_objects', test=2)
    expected = set()
    for category, sequence, shot in itertools.product(('aeroplane', 'bird'), (1, 2), (1, 2, 3)):
        inner = f'{category}/data/{sequence:04d}/shots/{shot:03d}'
        expected |= {f'frames/{inner}/frame{t:04d}.jpg' for t in range(1, 25)}
        expected |= {f'youtube_masks/{inner}/labels/{t:05d}.jpg' for t in (1, 11, 21)}
    assert files(tree.root) == expected and tree.root.name == 'YTO'
    for video in tree.videos:
        assert {video['states'][t][video['marked'][0]] for t in (0, 10, 20)} == {0, 1, 2}
        for t in video['annotated']:
            area = video['areas'][t][video['marked'][0]]
            assert (tree.mask(video, t) >= 80).sum() == area
    with pytest.raises(ConfigError, match='at most 10'):
        VideoSettings('youtube_objects', test=11)


def test_a2d_layout(make_videos):
    tree = make_videos('a2d', train=1, test=1)
    names = ['train_0000_00', *(f'test_0000_{number:02d}' for number in range(18))]
    expected = {'Release/videoset.csv', 'color_map.txt'}
    for name in names:
        expected |= {f'frames/{name}/{t:05d}.png' for t in range(1, 10)}
        expected |= {f'Release/Annotations/mat/{name}/{t:05d}.mat' for t in (4, 5, 6)}
    assert files(tree.root) == expected and tree.root.name == 'A2D'
    rows = list(csv.reader((tree.root / 'Release/videoset.csv').open()))
    assert [row[0] for row in rows] == names
    assert {tuple(row[4:8]) for row in rows} == {('64', '64', '9', '3')}
    assert [row[8] for row in rows] == ['0', *['1'] * 18]
    colours = (tree.root / 'color_map.txt').read_text().splitlines()
    assert colours[0] == 'NAME ID VALID R G B' and len(colours) == 81
    assert colours[17].startswith('adult-rolling 16 1 ') and colours[16].split()[2] == '0'
    actions = {0: 9, 1: 6, -1: 8}
    for video in tree.videos:
        path = tree.root / tree.layout.mask(video['name'], 4)
        assert path.read_bytes().startswith(b'MATLAB 7.3 MAT-file')
        label = read_a2d_label(str(path), 80)
        for n, value in enumerate(video['values']):
            assert (label == value).sum() == video['areas'][4][n]
            assert value % 10 == actions[video['steps'][n]]
        assert len({value // 10 for value in video['values']}) == 2
        assert set(np.unique(label)) == {0, *video['values']}


def test_vspw_layout(make_videos):
    tree = make_videos('vspw', train=1, test=2)
    numbers = [11, 12, 13, 16, 17, 18]
    names = {
        'train': ['train_0000_00'],
        'val': [f'val_{scene:04d}_{number:02d}' for scene in (0, 1) for number in range(12)],
        'test': ['test_0000_00'],
    }
    expected = {'label_num_dic_final.json', *(f'{split}.txt' for split in names)}
    for split, own in names.items():
        assert (tree.root / f'{split}.txt').read_text().split() == own
        for name in own:
            expected |= {f'data/{name}/origin/{number:08d}.jpg' for number in numbers}
            if split != 'test':
                expected |= {f'data/{name}/mask/{number:08d}.png' for number in numbers}
    assert files(tree.root) == expected and tree.root.name == 'VSPW_480p'
    known = json.loads((tree.root / 'label_num_dic_final.json').read_text())
    assert len(known) == 125 and known['others'] == '0' and known['train'] == '124'
    values = set()
    for video in tree.of('val'):
        mask = tree.mask(video, 3)
        values |= set(np.unique(mask))
        for n, value in enumerate(video['values']):
            assert (mask == value).sum() == video['areas'][3][n]
    classes = ['wall', 'floor', 'sculpture', 'person', 'box', 'ball', 'fan', 'clock']
    classes += ['windmill', 'wheeled_machine']
    assert values == {0, 255} | {int(known[name]) for name in classes}


def test_moca_layout(make_videos):
    tree = make_videos('moca', test=2)
    names = [video['name'] for video in tree.videos]
    expected = {f'JPEGImages/{name}/{t:05d}.jpg' for name in names for t in range(6)}
    assert files(tree.root) == expected | {'annotations.csv'}
    assert tree.root.name == 'MoCA_filtered2' and len(names) == 12
    annotations = read_moca_annotations(str(tree.root / 'annotations.csv'))
    assert list(annotations) == names
    motions = set()
    for video in tree.videos:
        (marked,) = video['marked']
        for t, boxes in enumerate(video['boxes']):
            annotation = annotations[video['name']][f'{t:05d}']
            assert list(annotation.box) == boxes[marked]
            assert annotation.motion == int(video['steps'][marked] < 0)
            motions.add(annotation.motion)
    assert motions == {0, 1}
    text = (tree.root / 'annotations.csv').read_text()
    assert text.startswith(',file_list,spatial_coordinates,metadata\n0,/val_0000_00/00000.jpg,"[2,')
    assert ',{}\n' in text


def test_camouflage_is_noise_wherever_the_objects_are():
    """All blocks of an image are independent and uniform, inside and outside the objects."""
    rng = np.random.default_rng(0)
    inside, outside, across = [], [], []
    for _ in range(150):
        images, labels = sample_camouflage(rng, 3).draw(rng.integers(3, size=(1, 3)), BLOCKS, rng)
        image, label = images[0].astype(float), labels[0]
        inside.append(image[label >= 0].ravel())
        outside.append(image[label < 0].ravel())
        edge = label[:, 1:] != label[:, :-1]
        across.append((image[:, 1:] - image[:, :-1])[edge].ravel())
    spread = 255 / np.sqrt(12)
    for values in map(np.concatenate, (inside, outside)):
        assert abs(values.mean() - 127.5) < 4 * spread / np.sqrt(len(values))
        assert values.std() == pytest.approx(spread, rel=0.01)
    seams = np.concatenate(across)  # differences of two independent uniform values
    assert seams.std() == pytest.approx(np.sqrt(2) * spread, rel=0.02)
    assert abs(seams.mean()) < 4 * seams.std() / np.sqrt(len(seams))


@pytest.mark.parametrize('size', [64, 224])
def test_objects_stay_apart_and_move_by_a_few_pixels(size, make_videos):
    for subset, width in (('davis', (0.12, 0.23)), ('moca', (0.18, 0.23))):
        for video in make_videos(subset, size=size, train=2, test=1).videos:
            boxes = np.array(video['boxes'])  # (T, N, 4)
            assert (boxes[..., 2:] >= width[0] * size).all()
            assert (boxes[..., 2:] <= width[1] * size).all()
            moves = np.linalg.norm(np.diff(boxes[:, video['marked'], :2], axis=0), axis=-1)
            assert moves.min() >= 2 / 64 * size and moves.max() <= 7 / 64 * size
            still = np.delete(boxes, video['marked'], axis=1)
            assert (still == still[:1]).all()


def test_a_tree_is_replaced_on_request_only(tmp_path):
    root = generate_videos('moca', tmp_path)
    assert generate_videos('moca', tmp_path) == root
    with pytest.raises(DataError, match='with other settings.*--overwrite'):
        generate_videos('moca', tmp_path, seed=1)
    generate_videos('moca', tmp_path, seed=1, overwrite=True)
    (tmp_path / 'real' / 'DAVIS' / 'JPEGImages').mkdir(parents=True)
    with pytest.raises(DataError, match='real data set'):
        generate_videos('davis', tmp_path / 'real', overwrite=True)


@pytest.mark.parametrize(
    ('settings', 'message'),
    [
        ({'subset': 'davs'}, "did you mean 'davis'"),
        ({'subset': 'davis', 'preset': 'huge'}, '--preset'),
        ({'subset': 'davis', 'size': 100}, '--size: got 100'),
        ({'subset': 'davis', 'objects': 1}, '--objects: got 1'),
        ({'subset': 'davis', 'objects': 3, 'order': True}, '--order: needs 2'),
        ({'subset': 'davis', 'train': -1}, '--train: got -1'),
        ({'subset': 'davis', 'train': 0, 'test': 0}, 'nothing to generate'),
    ],
)
def test_settings_are_checked(settings, message):
    with pytest.raises(ConfigError, match=message):
        VideoSettings(**settings)


def test_command(tool, tmp_path):
    options = ['--subset', 'davis', '--train', '1', '--workers', '1', '--out', tmp_path]
    code, out, _ = tool('synthetic', 'trees', *options)
    assert code == 0
    assert f'{tmp_path / "DAVIS"}: 7 videos' in out
    assert 'best mIoU in val from single frames: 0.5000' in out
    assert len(load_truth(tmp_path / 'DAVIS')) == 7


def test_a_process_of_the_generator_starts_without_torch():
    """It takes seconds to import, and every process would pay for it."""
    code = (
        'import sys, avsbench.synthetic.video.writing as m; '
        "assert not {'torch', 'mmengine', 'pandas', 'h5py'} & sys.modules.keys(), m"
    )
    subprocess.run([sys.executable, '-c', code], check=True)
