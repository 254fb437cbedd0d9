"""Every config of the audio-visual subsets builds, trains and predicts for a step."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.registry import DefaultScope

from avsbench.config.front_ends import front_end, set_front_ends
from avsbench.config.loading import check_subset, load_config
from avsbench.config.paths import CONFIG_ROOT
from avsbench.config.schema import check_arguments
from avsbench.maskiges import plan, prepare
from avsbench.registry import DATASETS, METRICS, MODELS
from avsbench.synthetic import generate
from avsbench.synthetic.classes import CLASSES
from avsbench.utils.errors import ConfigError

LEAVES = sorted(
    path
    for subset in ('s4', 'ms3', 'avss', 'custom')
    for path in (CONFIG_ROOT / subset).glob('*.py')
)
SIZE = 32  # pixels, of the steps; the pipelines are checked at their own size


def name(path: Path) -> str:
    return str(path.relative_to(CONFIG_ROOT))


@pytest.fixture(scope='session')
def tree(tmp_path_factory, custom_data) -> Callable[[Config], Path]:
    """The tiny synthetic tree of a config's subset, made once; with Maskiges if it loads them."""
    roots = {}

    def get(cfg: Config) -> Path:
        if cfg.subset not in roots:
            folder = tmp_path_factory.mktemp('synthetic')
            custom = cfg.subset == 'custom'
            roots[cfg.subset] = custom_data(folder) if custom else generate(cfg.subset, folder)
        root = roots[cfg.subset]
        dataset = cfg.train_dataloader.dataset
        if any(transform.type == 'LoadMaskiges' for transform in dataset.pipeline):
            splits = [
                DATASETS.build(dict(type=dataset.type, data_root=str(root), split=split))
                for split in ('train', 'val', 'test')
            ]
            prepare(plan(splits, None))
        return root

    return get


@pytest.fixture(autouse=True)
def scope():
    with DefaultScope.overwrite_default_scope('avsbench'):
        yield


def shrink(clip: dict, frames: int) -> dict:
    """The first frames of a packed clip at 32 x 32, so that full-size networks run in seconds."""
    sample = clip['data_samples']
    resized = torch.nn.functional.interpolate(clip['inputs']['frames'][:frames].float(), SIZE)
    masks = torch.nn.functional.interpolate(sample.gt_masks[None, :frames].float(), SIZE)
    sample.gt_masks = masks[0].byte()
    if 'pred_shape' in sample:
        sample.set_metainfo({'pred_shape': (SIZE, SIZE)})
    sample.gt_valid, sample.frame_valid = sample.gt_valid[:frames], sample.frame_valid[:frames]
    audio = clip['inputs']['audio'][:frames]
    return {'inputs': {'frames': resized.byte(), 'audio': audio}, 'data_samples': sample}


def fit_to_steps(model: Config) -> None:
    """Networks that are made for frames of one size are made for that of the steps."""
    if 'image_size' in model.decode_head:
        model.decode_head.image_size = (SIZE, SIZE)
    backbone = model.backbone
    while 'backbone' in backbone:
        backbone = backbone.backbone
    if 'swin' in backbone.get('model_name', ''):
        backbone.options.strict_img_size = False
    prototypes = model.decode_head.get('loss_prototype') or {}
    if prototypes.get('categories'):  # of S4; the clips are synthetic
        prototypes.categories = [*CLASSES, *prototypes.categories[len(CLASSES) :]]
    if backbone.type == 'PVTTokenBackbone':  # queries and patches fill a square
        model.decode_head.num_queries = 2 * (SIZE // 2 ** (backbone.num_stages + 1)) + 1
    if backbone.type == 'ViTTokenBackbone':  # blocks are alike; building all takes long
        backbone.options.depth = 5


def load(path: Path, tree: Callable[[Config], Path], cache: Path) -> Config:
    cfg = load_config(path)
    set_front_ends(cfg)
    root = tree(cfg)
    for loader in (cfg.train_dataloader, cfg.val_dataloader, cfg.test_dataloader):
        loader.dataset.data_root = str(root)
        for transform in loader.dataset.pipeline:
            if transform.get('cache_dir'):
                transform['cache_dir'] = str(cache)
    return cfg


@pytest.fixture(scope='session')
def stepped() -> set[tuple[str, int]]:
    """Networks, with their number of classes, that have taken a step in this process.

    Of a hundred configs half share their network with another one, of the other subset or size.
    """
    return set()


@pytest.mark.slow
@pytest.mark.parametrize('path', LEAVES, ids=name)
def test_config_builds_and_steps(path: Path, tree, stepped, tmp_path) -> None:
    cfg = load(path, tree, tmp_path)
    check_subset(cfg, path.parent.name)
    check_arguments(cfg)
    METRICS.build(cfg.test_evaluator)
    train = DATASETS.build(cfg.train_dataloader.dataset)
    test = DATASETS.build(cfg.test_dataloader.dataset)
    for clip, loader in ((train[0], cfg.train_dataloader), (test[0], cfg.test_dataloader)):
        kinds = ('ClipResize', 'ClipPad', 'ClipShortSideCrop')
        size = next(step.size for step in loader.dataset.pipeline[::-1] if step.type in kinds)
        size = (size, size) if isinstance(size, int) else tuple(size)
        assert clip['inputs']['frames'].shape[-2:] == size
    assert test[0]['inputs']['audio'].shape[1:] == front_end(cfg).shape
    network = (repr(cfg.model), cfg.num_classes)
    if network not in stepped:
        take_steps(cfg, [train[i] for i in range(2)], test[0])
        stepped.add(network)


def take_steps(cfg: Config, train: list[dict], test: dict) -> None:
    """A step of training and one of the test, with small images."""
    torch.manual_seed(0)
    preprocessor = cfg.model.data_preprocessor
    if preprocessor.get('frame_size') is not None:  # at 448 pixels it takes 10 GB
        preprocessor.frame_size = (SIZE, SIZE)
    if preprocessor.get('num_frames') is not None:
        preprocessor.num_frames = 3  # one more than the clips have, so that it pads
    fit_to_steps(cfg.model)
    model = MODELS.build(cfg.model)
    clips = pseudo_collate([shrink(clip, 2) for clip in train])
    losses = model(**model.data_preprocessor(clips), mode='loss')
    total = sum(losses.values())
    assert torch.isfinite(total)
    total.backward()
    model.eval()
    with torch.no_grad():
        result = model.test_step(pseudo_collate([shrink(test, 2)]))[0]
    frames = preprocessor.get('num_frames') or 2
    probabilities = result.probabilities()
    assert probabilities.shape == (frames, cfg.num_classes, SIZE, SIZE)
    assert torch.isfinite(probabilities).all()


@pytest.mark.parametrize('path', LEAVES, ids=name)
def test_leaf_is_short_and_says_its_subset(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= 25
    cfg = load_config(path)
    assert cfg.subset == path.parent.name
    assert (
        cfg.model.decode_head.num_classes == cfg.num_classes == (71 if 'avss' in name(path) else 1)
    )


@pytest.mark.parametrize('subset', ['s4', 'ms3', 'avss'])
def test_published_settings(subset: str) -> None:
    cfg = load_config(CONFIG_ROOT / subset / 'pvt2.py')
    epochs, frozen, batch = {'s4': (30, 5, 2), 'ms3': (60, 10, 2), 'avss': (30, None, 4)}[subset]
    assert cfg.train_cfg.max_epochs == epochs
    freeze = [h.until_epoch for h in cfg.custom_hooks if h.type == 'FreezeBackboneHook']
    assert freeze == ([] if frozen is None else [frozen])
    assert [cfg[f'{split}_dataloader'].batch_size for split in ('train', 'val', 'test')] == [
        batch
    ] * 3
    optimizer = cfg.optim_wrapper.optimizer
    assert (optimizer.type, optimizer.lr, optimizer.weight_decay) == ('AdamW', 2e-5, 0.01)
    assert 'param_scheduler' not in cfg and 'clip_grad' not in cfg.optim_wrapper
    head = cfg.model.decode_head
    assert head.loss_mask.type == ('CrossEntropyLoss' if subset == 'avss' else 'DiceLoss')
    assert (head.loss_mask.loss_weight, head.loss_mix.loss_weight) == (1.0, 0.1)
    assert cfg.model.data_preprocessor.num_frames == (10 if subset == 'avss' else 5)


@pytest.mark.parametrize('subset', ['s4', 'ms3', 'avss'])
def test_swapping_a_head_leaves_no_stale_key(subset: str) -> None:
    default = load_config(CONFIG_ROOT / subset / 'pvt2.py')
    modat = load_config(CONFIG_ROOT / subset / 'modat_pvt2.py')
    head, base = modat.model.decode_head, default.model.decode_head
    replaced = ('query_generator', 'fusion')
    for part in replaced:
        assert head[part].type != base[part].type
    check_arguments(modat)
    assert {k: v for k, v in head.items() if k not in replaced} == {
        k: v for k, v in base.items() if k not in replaced
    }
    combo = load_config(CONFIG_ROOT / subset / 'combo_pvt2.py')
    assert combo.data_root == default.data_root and combo.runner_type == default.runner_type
    check_arguments(combo)


def test_a_stale_key_of_a_swapped_head_is_an_error() -> None:
    model = load_config(CONFIG_ROOT / 's4' / 'combo_demo.py').model
    default = load_config(CONFIG_ROOT / 's4' / 'demo.py').model
    model.decode_head.query_generator = default.decode_head.query_generator
    with pytest.raises(ConfigError, match='ComboHead: unknown argument .query_generator.'):
        MODELS.build(model)


def test_swapping_the_backbone_leaves_no_stale_key() -> None:
    cfg = load_config(CONFIG_ROOT / 's4' / 'res50.py')
    assert set(cfg.model.backbone) == {'type', 'model_name', 'weights'}
