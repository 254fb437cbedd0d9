"""tools/prepare_maskiges.py as a command, on small trees of all subsets."""

import runpy
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from mmengine.registry import init_default_scope
from PIL import Image

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / 'tools' / 'prepare_maskiges.py'
sys.path.insert(0, str(ROOT / 'tests' / 'test_datasets'))

from dataset_trees import SIZE, make_avss, make_ms3, make_s4  # noqa: E402

from avsbench.datasets import (  # noqa: E402
    AVSSDataset,
    AVSSWholeFrameDataset,
    MS3Dataset,
    S4Dataset,
)
from avsbench.datasets.transforms import ClipShortSideCrop  # noqa: E402
from avsbench.maskiges import rank_map, superpixels  # noqa: E402

FOLDERS = {'s4': 'Single-source', 'ms3': 'Multi-sources', 'avss': 'AVSS'}
KINDS = {'s4': S4Dataset, 'ms3': MS3Dataset, 'avss': AVSSDataset}
FRAMES = {'s4': 20, 'ms3': 15, 'avss': 25}


@pytest.fixture(scope='module')
def trees(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp('trees')
    for make in (make_s4, make_ms3, make_avss):
        make(folder)
    return folder


@pytest.fixture
def copy(trees: Path, tmp_path: Path) -> Callable[[str], Path]:
    """A function: subset -> root of a tree that may be changed."""
    return lambda subset: Path(shutil.copytree(trees / FOLDERS[subset], tmp_path / FOLDERS[subset]))


@pytest.fixture
def run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> Callable[..., tuple[int, str]]:
    """The command in this process, with one worker: (exit code, what it printed)."""

    def call(subset: str, root: Path, *arguments: object) -> tuple[int, str]:
        monkeypatch.chdir(tmp_path)
        words = ('prepare_maskiges.py', subset, '--data-root', root, '--workers', 0, *arguments)
        monkeypatch.setattr(sys, 'argv', list(map(str, words)))
        with pytest.raises(SystemExit) as caught:
            runpy.run_path(str(SCRIPT), run_name='__main__')
        return caught.value.code, ''.join(capsys.readouterr())

    return call


def infos(subset: str, root: Path) -> list[dict]:
    init_default_scope('avsbench')
    return [
        info
        for split in ('train', 'val', 'test')
        for info in KINDS[subset](str(root), split, check='off').clip_infos()
    ]


def pairs(subset: str, root: Path) -> list[tuple[Path, Path]]:
    """(frame, Maskige) of all clips."""
    return [
        (Path(frame), Path(maskige))
        for info in infos(subset, root)
        for frame, maskige in zip(info['frame_paths'], info['maskige_paths'], strict=True)
    ]


def pixels(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(image)


def bytes_below(root: Path) -> dict[str, bytes]:
    return {str(p.relative_to(root)): p.read_bytes() for p in root.rglob('*') if p.is_file()}


NAMES = {
    's4': 's4_data/pre_SAM_mask/train/dog_barking/-a_1/-a_1_3_mask_color.png',
    'ms3': 'ms3_data/pre_SAM_mask/_x/_x.mp4_5_mask_color.png',
    'avss': 'pre_SAM_mask/AVSBench_semantic/v2/two_0_10000/processed_frames/9_mask_color.png',
}


@pytest.mark.parametrize('subset', FOLDERS)
def test_superpixels_of_each_subset(subset: str, copy: Callable, run: Callable) -> None:
    root = copy(subset)
    code, text = run(subset, root, '--source', 'superpixels')
    assert code == 0, text
    assert f'{subset}: {FRAMES[subset]} Maskiges made, 0 were there; from superpixels' in text
    assert (root / NAMES[subset]).is_file()
    found = sorted(root.rglob('*_mask_color.png'))
    assert found == sorted(maskige for _, maskige in pairs(subset, root))
    size = (224, 224) if subset == 'avss' else SIZE
    assert {pixels(path).shape for path in found} == {size}


def test_superpixels_are_those_of_the_frame_as_it_is_cut(copy: Callable, run: Callable) -> None:
    root = copy('avss')
    assert run('avss', root, '--source', 'superpixels')[0] == 0
    frames = {info['clip_id']: info for info in infos('avss', root)}
    for clip_id in ('v1s/one_0_5000', 'v1s/three_0_5000'):  # in train, in val
        frame = pixels(frames[clip_id]['frame_paths'][1])
        if clip_id == 'v1s/one_0_5000':
            clip = {'frames': [frame], 'img_shape': frame.shape[:2]}
            cut = ClipShortSideCrop(224).transform(clip)['frames'][0]
        else:
            squashed = Image.fromarray(frame).resize((224, 224), Image.Resampling.BILINEAR)
            cut = np.asarray(squashed)
        expected, _ = rank_map(superpixels(cut))
        assert (pixels(frames[clip_id]['maskige_paths'][1]) == expected).all()


def test_those_of_whole_frames_lie_beside_the_others(copy: Callable, run: Callable) -> None:
    root = copy('avss')
    dataset = AVSSWholeFrameDataset(str(root), 'val', check='off')
    code, text = run('avss', root, '--source', 'superpixels', '--whole-frames', '--split', 'val')
    assert code == 0, text
    (info, *_) = dataset.clip_infos()
    frame, maskige = (Image.open(info[key][0]) for key in ('frame_paths', 'maskige_paths'))
    assert maskige.size == frame.size and '/frames/' in info['maskige_paths'][0]
    code, text = run('s4', copy('s4'), '--source', 'superpixels', '--whole-frames')
    assert code != 0 and '--whole-frames belongs to avss' in text


def test_an_interrupted_run_goes_on(copy: Callable, run: Callable) -> None:
    root = copy('s4')
    command = ('s4', root, '--source', 'superpixels')
    run(*command)
    whole = bytes_below(root)
    first, second, third, *_ = sorted(root.rglob('*_mask_color.png'))
    first.unlink()
    second.write_bytes(second.read_bytes()[:50])
    Image.fromarray(np.zeros((5, 5), np.uint8)).convert('P').save(third)
    code, text = run(*command)
    assert code == 0 and '3 Maskiges made, 17 were there' in text
    assert bytes_below(root) == whole
    code, text = run(*command)
    assert code == 0 and '0 Maskiges made, 20 were there' in text
    code, text = run(*command, '--overwrite')
    assert '20 Maskiges made, 0 were there' in text
    assert bytes_below(root) == whole


def test_one_split(copy: Callable, run: Callable) -> None:
    root = copy('ms3')
    code, text = run('ms3', root, '--source', 'superpixels', '--split', 'val')
    assert code == 0 and '5 Maskiges made' in text
    assert {path.parent.name for path in root.rglob('*_mask_color.png')} == {'y'}


def test_several_processes_as_a_command(copy: Callable, run: Callable) -> None:
    root = copy('ms3')
    words = [sys.executable, SCRIPT, 'ms3', '--data-root', root, '--source', 'superpixels']
    done = subprocess.run([*words, '--workers', '2'], capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr
    assert '15 Maskiges made' in done.stdout and done.stderr == ''
    several = bytes_below(root)
    run('ms3', root, '--source', 'superpixels', '--overwrite')
    assert bytes_below(root) == several


def write_masks(subset: str, root: Path, out: Path, dropped: int = 0, size: tuple = SIZE) -> dict:
    """One .npz for each frame, in a tree like that of the frames; returns {Maskige: masks}."""
    written = {}
    for number, (frame, maskige) in enumerate(pairs(subset, root)):
        rng = np.random.default_rng(number)
        masks = rng.random((6, *size)) < np.linspace(0.1, 0.8, 6)[:, None, None]
        place = Path(*frame.relative_to(root).parts[dropped:])
        path = (out / place).with_name(f'{place.stem}_mask.npz')
        path.parent.mkdir(parents=True, exist_ok=True)
        np.savez(path, masks=masks)
        written[maskige] = masks
    return written


@pytest.mark.parametrize(('subset', 'dropped'), [('s4', 0), ('s4', 2), ('ms3', 2)])
def test_masks_from_files(
    copy: Callable, run: Callable, tmp_path: Path, subset: str, dropped: int
) -> None:
    root = copy(subset)
    written = write_masks(subset, root, tmp_path / 'masks', dropped)
    code, text = run(subset, root, '--source', 'masks', '--masks', tmp_path / 'masks')
    assert code == 0 and f'{FRAMES[subset]} Maskiges made' in text, text
    for path, masks in written.items():
        assert (pixels(path) == rank_map(masks)[0]).all()


def test_masks_of_avss_are_cut_as_the_frames_are(
    copy: Callable, run: Callable, tmp_path: Path
) -> None:
    root = copy('avss')
    written = write_masks('avss', root, tmp_path / 'masks')
    already_cut = next(iter(written))
    masks = np.random.default_rng(0).random((6, 224, 224)) < 0.3
    np.savez(tmp_path / 'masks/v1s/one_0_5000/frames/0_mask.npz', masks=masks)
    code, text = run('avss', root, '--source', 'masks', '--masks', tmp_path / 'masks')
    assert code == 0, text
    assert (pixels(already_cut) == rank_map(masks)[0]).all()
    for path in list(written)[1:]:
        values = rank_map(written[path])[0]
        if path.parts[-3] in ('one_0_5000', 'two_0_10000'):  # in train: 24 x 32 -> 224 x 298
            wide = Image.fromarray(values).resize((298, 224), Image.Resampling.NEAREST)
            expected = np.asarray(wide)[:, 37 : 37 + 224]
        else:
            expected = np.asarray(Image.fromarray(values).resize((224, 224), 0))
        assert (pixels(path) == expected).all()


def test_masks_of_another_size(copy: Callable, run: Callable, tmp_path: Path) -> None:
    root = copy('ms3')
    written = write_masks('ms3', root, tmp_path / 'masks', size=(48, 32))
    command = ('ms3', root, '--source', 'masks', '--masks', tmp_path / 'masks')
    code, text = run(*command)
    assert code == 2
    assert '15 of 15 Maskiges could not be made' in text
    assert '_x.mp4_1_mask.npz: masks of 32 x 48 pixels, expected 32 x 24' in text
    assert '--resize' in text and '... and 10 more' in text
    code, text = run(*command, '--resize')
    assert code == 0, text
    for path, masks in written.items():
        values = Image.fromarray(rank_map(masks)[0])
        assert (pixels(path) == np.asarray(values.resize((32, 24), 0))).all()


def test_missing_masks_are_counted_before_any_work(
    copy: Callable, run: Callable, tmp_path: Path
) -> None:
    root = copy('s4')
    write_masks('s4', root, tmp_path / 'masks')
    for path in sorted((tmp_path / 'masks').rglob('*.npz'))[:7]:
        path.unlink()
    code, text = run('s4', root, '--source', 'masks', '--masks', tmp_path / 'masks')
    assert code == 2 and 'Traceback' not in text
    assert 'no masks for 7 of 20 frames' in text and '... and 2 more' in text
    assert '--source superpixels' in text
    assert not list(root.rglob('*_mask_color.png'))


def test_masks_that_belong_to_no_frame(copy: Callable, run: Callable, tmp_path: Path) -> None:
    """Also where only the numbers of the frames agree, which many clips share."""
    root = copy('avss')
    (tmp_path / 'masks').mkdir()
    np.savez(tmp_path / 'masks/0.npz', masks=np.ones((1, *SIZE), bool))
    code, text = run('avss', root, '--source', 'masks', '--masks', tmp_path / 'masks')
    assert code == 2
    assert 'no masks for any of 25 frames: v1s/one_0_5000/frames/0' in text


def test_a_broken_file_costs_its_own_frame_only(
    copy: Callable, run: Callable, tmp_path: Path
) -> None:
    root = copy('ms3')
    write_masks('ms3', root, tmp_path / 'masks')
    broken = sorted((tmp_path / 'masks').rglob('*.npz'))[4]
    content = broken.read_bytes()
    broken.write_bytes(content[:100])
    command = ('ms3', root, '--source', 'masks', '--masks', tmp_path / 'masks')
    code, text = run(*command)
    assert code == 2 and 'Traceback' not in text
    assert '1 of 15 Maskiges could not be made, the others were' in text and str(broken) in text
    broken.write_bytes(content)
    code, text = run(*command)
    assert code == 0 and '1 Maskiges made, 14 were there' in text


def test_segments_beyond_the_palette_are_counted(
    copy: Callable, run: Callable, tmp_path: Path
) -> None:
    root = copy('ms3')
    write_masks('ms3', root, tmp_path / 'masks')
    first, second, *_ = sorted((tmp_path / 'masks').rglob('*.npz'))
    single = np.eye(24 * 32, dtype=bool)[:160].reshape(160, 24, 32)
    np.savez(first, masks=single)
    np.savez(second, masks=single[:152])
    code, text = run('ms3', root, '--source', 'masks', '--masks', tmp_path / 'masks')
    assert code == 0
    assert '2 frames have more than 149 segments; the smallest, 14 in all, were left out' in text


def test_maskiges_from_elsewhere_are_never_mixed_in(copy: Callable, run: Callable) -> None:
    root = copy('ms3')
    run('ms3', root, '--source', 'superpixels')
    first, second, *_ = sorted(root.rglob('*_mask_color.png'))
    first.unlink()
    image = Image.open(second)
    image.load()
    image.save(second)  # without the note of its origin, as any other tool's
    code, text = run('ms3', root, '--source', 'superpixels')
    assert (
        code == 2 and '1 Maskiges are there already whose segments are not from superpixels' in text
    )
    assert str(second) in text and '--overwrite' in text and not first.exists()
    code, text = run('ms3', root, '--source', 'superpixels', '--overwrite')
    assert code == 0 and '15 Maskiges made' in text


def test_missing_frames(copy: Callable, run: Callable) -> None:
    root = copy('s4')
    frame = root / 's4_data/visual_frames/val/dog_barking/c/c_2.png'
    frame.unlink()
    code, text = run('s4', root, '--source', 'superpixels')
    assert code == 2 and f'1 of 20 frames cannot be read: {frame}: no such file' in text
    assert 'avsbench data check' in text


@pytest.mark.parametrize(
    ('words', 'message'),
    [
        (('--source', 'masks'), '--masks DIR belongs to --source masks'),
        (('--source', 'superpixels', '--masks', 'x'), '--masks DIR belongs to --source masks'),
        (('--source', 'superpixels', '--resize'), '--resize is about masks'),
        (('--source', 'masks', '--masks', 'nowhere'), '--masks nowhere: no such folder'),
        (('--source', 'superpixels', '--workers', '-1'), '--workers: got -1'),
    ],
)
def test_bad_arguments(copy: Callable, run: Callable, words: tuple, message: str) -> None:
    code, text = run('s4', copy('s4'), *words)
    assert code == 2 and message in text and 'Traceback' not in text


def test_missing_data_root(run: Callable, tmp_path: Path) -> None:
    code, text = run('s4', tmp_path / 'nowhere', '--source', 'superpixels')
    assert code == 2 and 's4_meta_data.csv: no such file' in text


def test_folder_that_is_read_only(copy: Callable, run: Callable, monkeypatch) -> None:
    def refuse(**_: object) -> None:
        raise OSError(30, 'Read-only file system')

    monkeypatch.setattr('tempfile.TemporaryFile', refuse)
    code, text = run('s4', copy('s4'), '--source', 'superpixels')
    assert code == 2 and 'where Maskiges go (Read-only file system); make it writable' in text


def test_missing_packages(copy: Callable, run: Callable, monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, 'skimage.segmentation', None)
    code, text = run('s4', copy('s4'), '--source', 'superpixels')
    assert code == 2 and 'pip install scikit-image' in text
