"""Every config of the video tasks builds, trains and predicts for a step."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.registry import DefaultScope

from avsbench.config.loading import check_subset, load_config
from avsbench.config.paths import CONFIG_ROOT
from avsbench.config.schema import check_arguments
from avsbench.registry import DATASETS, METRICS, MODELS
from avsbench.synthetic.video import SUBSETS, generate_videos
from avsbench.utils.maps import resize

LEAVES = sorted(path for subset in SUBSETS for path in (CONFIG_ROOT / subset).glob('*.py'))
SIZE = 64  # pixels, of the steps; the pipelines are checked at their own size
SUBSET_OF = {'YouTubeVOSDataset': 'youtube_vos'}  # training data of another subset's configs


def name(path: Path) -> str:
    return str(path.relative_to(CONFIG_ROOT))


@pytest.fixture(scope='module')
def root_of(tmp_path_factory) -> Callable[[str], Path]:
    """The tiny synthetic tree of a subset, made once."""
    roots: dict[str, Path] = {}

    def get(subset: str) -> Path:
        if subset not in roots:
            roots[subset] = generate_videos(subset, tmp_path_factory.mktemp('videos'))
        return roots[subset]

    return get


@pytest.fixture(autouse=True)
def scope():
    with DefaultScope.overwrite_default_scope('avsbench'):
        yield


def datasets(cfg: Config) -> Iterator[Config]:
    """The data sets of all loaders, those of a joint training one by one."""
    for split in ('train', 'val', 'test'):
        if f'{split}_dataloader' in cfg:
            dataset = cfg[f'{split}_dataloader'].dataset
            yield from dataset.get('datasets', [dataset])


def shrink(clip: dict) -> dict:
    """A packed clip at 64 x 64, so that full-size networks run in seconds."""
    sample = clip['data_samples']
    clip['inputs']['frames'] = resize(clip['inputs']['frames'].float(), (SIZE, SIZE)).byte()
    if 'gt_masks' in sample:
        masks = resize(sample.gt_masks[:, None].float(), (SIZE, SIZE), 'nearest')
        sample.gt_masks = masks[:, 0].byte()
    return clip


@pytest.mark.slow
@pytest.mark.parametrize('path', LEAVES, ids=name)
def test_config_builds_and_steps(path: Path, root_of) -> None:
    cfg = load_config(path)
    for dataset in datasets(cfg):
        dataset.data_root = str(root_of(SUBSET_OF.get(dataset.type, cfg.subset)))
    check_subset(cfg, path.parent.name)
    check_arguments(cfg)
    METRICS.build(cfg.test_evaluator)
    for part in (cfg.model.backbone, cfg.model.decode_head):
        part.pop('weights', None)
    if cfg.model.data_preprocessor.get('frame_size') is not None:
        cfg.model.data_preprocessor.frame_size = (SIZE, SIZE)
    if cfg.model.get('test_cfg') is not None:
        cfg.model.test_cfg.scales = cfg.model.test_cfg.get('scales', [1])[:2]
    torch.manual_seed(0)
    model = MODELS.build(cfg.model)
    assert model.audio_encoder is None
    if 'train_dataloader' in cfg:
        train = DATASETS.build(cfg.train_dataloader.dataset)
        clip = shrink(train[len(train) - 1])  # of the last part of a joint training
        losses = model(**model.data_preprocessor(pseudo_collate([clip])), mode='loss')
        total = sum(losses.values())
        assert torch.isfinite(total) and total > 0
        total.backward()
    model.eval()
    clip = DATASETS.build(cfg.test_dataloader.dataset)[0]
    clip['inputs']['frames'] = shrink(clip)['inputs']['frames']
    result = model.test_step(pseudo_collate([clip]))[0]
    classes = cfg.model.decode_head.num_classes
    probabilities = result.probabilities()
    # The masks on disk, which are not resized in tests, have that size too.
    assert probabilities.shape == (len(result.frame_idx), classes, SIZE, SIZE)
    assert torch.isfinite(probabilities).all()


@pytest.mark.parametrize('path', LEAVES, ids=name)
def test_leaf_is_short_and_says_its_subset(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= 25
    cfg = load_config(path)
    assert cfg.subset == path.parent.name
    assert cfg.get('num_classes', 1) == cfg.model.decode_head.num_classes
    assert cfg.get('trained_on') == ('davis' if 'train_dataloader' not in cfg else None)


@pytest.mark.parametrize(
    ('leaf', 'sizes', 'scales'),
    [
        ('medvt_swinb', ((360, 648), (473, 851)), [0.75, 0.8, 0.9, 1, 1.1, 1.2, 1.3]),
        ('medvt_resnet101', ((300, 540), (473, 780)), [0.75, 0.8, 0.9, 1, 1.1, 1.15]),
    ],
)
def test_published_sizes_of_davis(leaf: str, sizes: tuple, scales: list[float]) -> None:
    cfg = load_config(CONFIG_ROOT / 'davis' / f'{leaf}.py')
    parts = cfg.train_dataloader.dataset.datasets
    assert [part.type for part in parts] == ['DAVISDataset', 'YouTubeVOSDataset']
    pipelines = [part.pipeline for part in parts] + [cfg.test_dataloader.dataset.pipeline]
    found = [
        [(step.shorter, step.longest) for step in pipeline if step.get('longest')][-1]
        for pipeline in pipelines
    ]
    assert found == [sizes[0], sizes[0], sizes[1]]
    assert cfg.model.test_cfg == dict(scales=scales, flip=True)
    assert (cfg.model.get('val_cfg') is None) == (leaf == 'medvt_resnet101')
    assert cfg.train_dataloader.batch_size == 1 and cfg.train_cfg.max_epochs == 15
