"""The inferencer's clips against those of the data sets, for every config."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.dataset import pseudo_collate
from mmengine.registry import DefaultScope
from motion_clips import disc_davis
from video_clips import LOW, RATE, tone

from avsbench.apis import AVSInferencer
from avsbench.apis.pipeline import ClipPipeline
from avsbench.apis.sources import open_source
from avsbench.config.loading import load_config
from avsbench.config.paths import CONFIG_ROOT
from avsbench.registry import DATASETS, MODELS
from avsbench.synthetic import generate
from avsbench.utils.errors import ConfigError

LEAVES = sorted(path for path in CONFIG_ROOT.glob('*/*.py') if path.parent.name != '_base_')
DEMOS = [path for path in LEAVES if path.stem.endswith('demo')]
AUDIO_SUBSETS = {'s4': 5, 'ms3': 5, 'custom': 5, 'avss': 10}  # T
FRAMES = np.random.default_rng(0).integers(0, 255, (2, 40, 60, 3), dtype=np.uint8)


def name(path: Path) -> str:
    return str(path.relative_to(CONFIG_ROOT))


@pytest.fixture(autouse=True)
def scope():
    with DefaultScope.overwrite_default_scope('avsbench'):
        yield


@pytest.mark.parametrize('path', LEAVES, ids=name)
def test_clips_of_every_config(path):
    """T is that of the subset, the size that of the test."""
    cfg = load_config(path)
    pipeline = ClipPipeline(cfg)
    assert pipeline.consecutive == (cfg.subset not in AUDIO_SUBSETS)
    assert pipeline.length == AUDIO_SUBSETS.get(cfg.subset, 6)
    assert pipeline.fill == (cfg.subset in ('s4', 'ms3', 'custom'))
    assert pipeline.sound == (cfg.model.audio_encoder is not None) == (not pipeline.consecutive)
    resized = [pipeline.resize(frame) for frame in FRAMES]
    log_mel = np.zeros((2, 1, 96, 64), np.float32) if pipeline.sound else None
    packed = pipeline.pack(resized, log_mel, 'clip')
    assert ('audio' in packed['inputs']) == pipeline.sound
    steps = cfg.test_dataloader.dataset.pipeline
    size = resized[0].frame.shape[:2]
    assert all(size == tuple(step.size) for step in steps if step.type == 'ClipResize')
    channels = 6 if pipeline.maskiges else 3
    assert packed['inputs']['frames'].shape == (2, channels, *size)
    assert pipeline.maskiges == any(step.type == 'LoadMaskiges' for step in steps)


@pytest.mark.parametrize('path', DEMOS, ids=name)
def test_networks_of_every_system(path, tmp_path):
    """Random weights of each small network, on a video that is shorter than a clip."""
    cfg = load_config(path)
    torch.manual_seed(0)
    model = MODELS.build(cfg.model)
    torch.save({'state_dict': model.state_dict()}, tmp_path / 'random.pth')
    inferencer = AVSInferencer(cfg, tmp_path / 'random.pth', device='cpu', show_progress=False)
    given = dict(frames=FRAMES, audio=tone([LOW] * 2), sample_rate=RATE)
    (result,) = inferencer(given, with_logits=True)['predictions']
    assert result['masks'].shape == (2, 40, 60)
    assert result['logits'].shape[:2] == (2, cfg.model.decode_head.num_classes)
    assert np.isfinite(result['logits']).all()


@pytest.mark.parametrize(('subset', 'clip'), [('s4', 's4_data'), ('avss', '/v1'), ('avss', '/v2')])
def test_a_clip_of_the_data_set_gives_what_the_test_gives(subset, clip, tmp_path):
    """Same frames, same audio: logits and masks of the test, of whole clips and of padded ones."""
    root = generate(subset, tmp_path)
    cfg = load_config(CONFIG_ROOT / subset / 'demo.py')
    cfg.test_dataloader.dataset.data_root = str(root)
    cfg.test_dataloader.dataset.pipeline[0].cache_dir = None
    if subset == 'avss':
        cfg.model.data_preprocessor = dict(type='AVSDataPreprocessor', num_frames=10)
    dataset = DATASETS.build(cfg.test_dataloader.dataset)
    infos = list(dataset.clip_infos())
    index = next(i for i, info in enumerate(infos) if clip in info['audio_path'])
    torch.manual_seed(0)
    model = MODELS.build(cfg.model).eval()
    torch.save({'state_dict': model.state_dict()}, tmp_path / 'random.pth')
    with torch.no_grad():
        (expected,) = model.test_step(pseudo_collate([dataset[index]]))
    paths = infos[index]['frame_paths']
    folder = str(Path(paths[0]).parent)
    inferencer = AVSInferencer(
        cfg, tmp_path / 'random.pth', device='cpu', show_progress=False, amp='off'
    )
    given = dict(frames=folder, audio=infos[index]['audio_path'])
    (result,) = inferencer(given, with_logits=True)['predictions']
    assert len(result['masks']) == len(paths) == (10 if clip == '/v2' else 5)
    wanted = expected.seg_logits[: len(paths)].numpy()
    assert np.abs(result['logits'] - wanted).max() < 1e-5
    saved = expected.masks_at(tuple(expected.ori_shape))[: len(paths)].numpy()
    assert (result['masks'] != saved).mean() < 1e-3  # a logit may be on the edge


def test_a_video_of_the_data_set_gives_what_the_test_gives(tmp_path):
    """With windows around each frame, and the test-time augmentation of the config."""
    root = disc_davis(tmp_path / 'DAVIS', ['cat'], 8)
    cfg = load_config(CONFIG_ROOT / 'davis' / 'medvt_demo.py')
    cfg.test_dataloader.dataset.data_root = str(root)
    smaller = dict(type='ClipResizeShorter', shorter=36, longest=80, masks=False)
    cfg.test_dataloader.dataset.pipeline[1] = smaller
    cfg.model.test_cfg = dict(scales=[0.75, 1], flip=True)
    dataset = DATASETS.build(cfg.test_dataloader.dataset)
    torch.manual_seed(0)
    model = MODELS.build(cfg.model).eval()
    torch.save({'state_dict': model.state_dict()}, tmp_path / 'random.pth')
    expected = [
        model.test_step(pseudo_collate([dataset[index]]))[0].seg_probs[0, 0] for index in range(8)
    ]
    inferencer = AVSInferencer(
        cfg, tmp_path / 'random.pth', device='cpu', augment=True, show_progress=False
    )
    stream = inferencer.stream(dict(frames=root / 'JPEGImages/480p/cat'), windows='centre')
    for prediction, wanted in zip(stream, expected, strict=True):
        _, probability = prediction.masked()
        spread = float(wanted.max() - wanted.min())
        assert np.abs(probability - wanted.numpy()).mean() < 0.005 * spread


def test_maskiges_are_those_of_the_resized_frame():
    from avsbench.maskiges import PALETTE, rank_map, superpixels

    pipeline = ClipPipeline(load_config(CONFIG_ROOT / 's4' / 'combo_pvt2.py'))
    resized = pipeline.resize(FRAMES[0])
    assert (resized.maskige == PALETTE[rank_map(superpixels(resized.frame))[0]]).all()


def test_without_scikit_image_the_error_names_the_plain_config(monkeypatch):
    monkeypatch.setitem(sys.modules, 'skimage.segmentation', None)
    with pytest.raises(ConfigError, match=r'scikit-image.*config/s4/combo_pvt2_plain.py'):
        ClipPipeline(load_config(CONFIG_ROOT / 's4' / 'combo_pvt2.py'))
    assert (CONFIG_ROOT / 's4' / 'combo_pvt2_plain.py').is_file()


def test_a_data_set_without_a_clip_length_is_an_error():
    cfg = load_config(CONFIG_ROOT / 's4' / 'demo.py')
    cfg.test_dataloader.dataset.type = 'Nothing'
    with pytest.raises(ConfigError, match="type='Nothing': a data set of this toolbox is expected"):
        ClipPipeline(cfg)


def test_without_pyav_only_video_files_are_an_error(tmp_path):
    (tmp_path / 'in.mp4').write_bytes(b'a video')
    program = """
import sys
sys.modules['av'] = None
from avsbench.apis.sources import open_source
from avsbench.utils.errors import ConfigError
import numpy as np
open_source(dict(frames=np.zeros((1, 4, 4, 3), np.uint8), audio=np.zeros(9), sample_rate=9000))
try:
    open_source(sys.argv[1])
except ConfigError as error:
    print(error)
"""
    command = [sys.executable, '-c', program, tmp_path / 'in.mp4']
    done = subprocess.run(command, capture_output=True, text=True)
    assert 'needs PyAV: pip install av' in done.stdout and "'.[video]'" in done.stdout, done.stderr


def test_a_folder_alone_says_what_is_missing(tmp_path):
    with pytest.raises(Exception, match=r'give dict\(frames='):
        open_source(tmp_path)
