"""The front end follows the audio encoder: in pipelines, videos, and under several heads."""

from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.config import Config

from avsbench.analysis.complexity import complexity
from avsbench.apis.pipeline import ClipPipeline
from avsbench.config.front_ends import front_end
from avsbench.config.loading import load_config, open_config
from avsbench.config.paths import CONFIG_ROOT
from avsbench.registry import DATASETS, MODELS
from avsbench.synthetic import generate
from avsbench.utils.errors import ConfigError

LOADERS = ('train_dataloader', 'val_dataloader', 'test_dataloader')


def written(folder: Path, system: str, encoder: str = 'ast_demo', more: str = '') -> Path:
    """A config of a small system with another audio encoder, as a user writes it."""
    bases = [
        f'{CONFIG_ROOT}/s4/{system}_demo.py',
        f'{CONFIG_ROOT}/_base_/audio_encoders/{encoder}.py',
    ]
    path = folder / f'{system}_{encoder}.py'
    path.write_text(f'_base_ = {bases}\nmodel = dict(audio_encoder=_base_.{encoder}{more})\n')
    return path


def names(cfg: Config) -> list[str | None]:
    return [cfg[loader].dataset.pipeline[0].get('front_end') for loader in LOADERS]


def test_pipelines_follow_the_encoder(tmp_path) -> None:
    path = written(tmp_path, 'avsegformer')
    cfg = open_config(path)
    assert names(cfg) == ['ast'] * 3 and front_end(cfg).shape == (1, 98, 128)
    assert front_end(load_config(path)).name == 'ast'
    assert ClipPipeline(cfg).front_end.name == 'ast'
    leaf = open_config(CONFIG_ROOT / 's4/avsegformer_pvt2_ast.py')
    assert names(leaf) == ['ast'] * 3
    # AVSBench stores VGGish's log-mel, which is passed over
    assert [leaf[loader].dataset.audio_source for loader in LOADERS] == ['wav'] * 3


def test_present_configs_stay_as_they_are() -> None:
    for name in ('s4/pvt2.py', 's4/demo.py', 'avss/vct_pvt2.py'):
        cfg = open_config(CONFIG_ROOT / name)
        assert names(cfg) == [None] * 3 and 'audio_source' not in cfg.test_dataloader.dataset


def test_another_front_end_than_the_encoder_reads_is_an_error(tmp_path) -> None:
    path = written(tmp_path, 'avsegformer')
    options = {'test_dataloader.dataset.pipeline.0.front_end': 'mel_power'}
    message = r"pipeline\.0\.front_end='mel_power', but .*Transformer, which reads 'ast'; leave"
    with pytest.raises(ConfigError, match=message):
        open_config(path, options)
    # also where the shapes are the same
    options['test_dataloader.dataset.pipeline.0.front_end'] = 'mel_power_published'
    with pytest.raises(ConfigError, match="a VGGish, which reads 'vggish'"):
        open_config(CONFIG_ROOT / 's4/pvt2.py', options)
    assert names(open_config(CONFIG_ROOT / 's4/demo.py', options))[2] == 'mel_power_published'


@pytest.fixture(scope='module')
def tree(tmp_path_factory) -> Path:
    return generate('s4', tmp_path_factory.mktemp('s4'), train=2, val=1, test=1)


@pytest.mark.parametrize('system', ['avsegformer', 'catr', 'tpavi'])
def test_two_steps_under_a_head(system, tmp_path, tree) -> None:
    cfg = open_config(written(tmp_path, system))
    cfg.train_dataloader.dataset.data_root = str(tree)
    dataset = DATASETS.build(cfg.train_dataloader.dataset)
    torch.manual_seed(0)
    model = MODELS.build(cfg.model).train()
    before = model.audio_encoder.model.pos_embed.detach().clone()
    optimizer = torch.optim.AdamW(model.parameters(), 1e-3)
    clip = dataset[0]
    batch = {'inputs': {k: [v] for k, v in clip['inputs'].items()}}
    batch['data_samples'] = [clip['data_samples']]
    for _ in range(2):
        losses = model(**model.data_preprocessor(batch, training=True), mode='loss')
        optimizer.zero_grad()
        sum(losses.values()).backward()
        gradients = [p.grad for p in model.parameters() if p.grad is not None]
        assert all(gradient.isfinite().all() for gradient in gradients)
        optimizer.step()
    assert not torch.equal(model.audio_encoder.model.pos_embed, before)


def test_a_grid_is_for_heads_that_read_one(tmp_path) -> None:
    cfg = open_config(written(tmp_path, 'tpavi', more=" | dict(tokens='map')"))
    message = r"one audio token per frame.*6 x 8; set model\.audio_encoder\.tokens='vector'"
    with pytest.raises(ConfigError, match=message):
        MODELS.build(cfg.model)
    cfg = open_config(written(tmp_path, 'vct', more=" | dict(tokens='tokens')"))
    head = MODELS.build(cfg.model).decode_head
    assert head.audio_grid == (6, 1)


def test_costs_are_those_of_the_front_end(tmp_path) -> None:
    cost = complexity(load_config(written(tmp_path, 'tpavi')))
    assert cost.part_flops['audio_encoder'] > 0


def test_a_video_goes_through_the_front_end(tmp_path) -> None:
    pipeline = ClipPipeline(open_config(written(tmp_path, 'avsegformer')))
    patches = pipeline.front_end.patches(np.zeros(5 * 22050), 22050)
    frames = [pipeline.resize(np.zeros((64, 64, 3), np.uint8))] * 5
    packed = pipeline.pack(frames, patches, 'v')
    assert packed['inputs']['audio'].shape == (5, 1, 98, 128)
    assert packed['data_samples'].front_end == 'ast'
