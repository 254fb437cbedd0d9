"""The cache of what frozen audio encoders compute: same bits, never a wrong entry."""

import copy
import pickle
from pathlib import Path

import pytest
import torch
from mmengine.dataset import pseudo_collate
from mmengine.registry import init_default_scope
from torch import Tensor

from avsbench.config.loading import load_config
from avsbench.config.paths import CONFIG_ROOT
from avsbench.engine.runner import AVSRunner
from avsbench.models import AVSDataPreprocessor
from avsbench.models.audio_encoders import (
    FeatureCache,
    TimmAudioEncoder,
    VGGish,
    feature_cache,
    patch_key,
)
from avsbench.registry import DATASETS
from avsbench.synthetic import generate
from avsbench.utils.errors import ConfigError

PATCHES = torch.randn(10, 1, 96, 64, generator=torch.Generator().manual_seed(0))


def encoder(folder: Path | None, *, seed: int = 0, mean: float = 0.0) -> TimmAudioEncoder:
    """A frozen network that keeps what it computes."""
    torch.manual_seed(seed)
    cache_dir = None if folder is None else str(folder)
    built = TimmAudioEncoder('resnet10t', mean=mean, frozen=True, cache_dir=cache_dir)
    if built.cache is not None:
        built.cache.keeps = True
    return built.train()


def keys(patches: Tensor) -> list[bytes]:
    return [patch_key(patch) for patch in patches]


def embed(network: TimmAudioEncoder, patches: Tensor = PATCHES) -> Tensor:
    return network(patches, keys(patches))


def files(folder: Path) -> list[Path]:
    return sorted(folder.rglob('*.features'))


@pytest.fixture
def printed(monkeypatch) -> list[str]:
    texts: list[str] = []
    monkeypatch.setattr(feature_cache, 'print_log', lambda text, *_, **__: texts.append(text))
    return texts


class TestSameBits:
    def test_without_cache_cold_and_warm(self, tmp_path) -> None:
        without = encoder(None)(PATCHES)
        first = encoder(tmp_path)
        assert torch.equal(embed(first), without) and first.cache.computed == 10
        second = encoder(tmp_path)
        assert torch.equal(embed(second), without) and second.cache.computed == 0

    def test_whatever_else_is_in_the_batch(self, tmp_path) -> None:
        without = encoder(None)(PATCHES)
        network = encoder(tmp_path)
        network.cache._looked = 0
        assert torch.equal(embed(network, PATCHES[[5, 2]]), without[[5, 2]])
        assert torch.equal(embed(network), without)
        assert network.cache.computed == 10  # 2, then the other 8

    def test_vggish(self, tmp_path) -> None:
        torch.manual_seed(0)
        network = VGGish(cache_dir=str(tmp_path))
        network.cache.keeps = True
        without = network(PATCHES)
        assert torch.equal(network(PATCHES[:3], keys(PATCHES[:3])), without[:3])
        assert torch.equal(network(PATCHES, keys(PATCHES)), without)
        assert without.shape == (10, 1, 128)

    def test_the_map_of_vggish(self, tmp_path) -> None:
        torch.manual_seed(0)
        network = VGGish(cache_dir=str(tmp_path), tokens='map')
        network.cache.keeps = True
        without = network(PATCHES[:5])
        for _ in range(2):  # cold, then from the cache
            assert torch.equal(network(PATCHES[:5], keys(PATCHES[:5])), without)
        assert without.shape == (5, 24, 512) and network.cache.computed == 5

    def test_autocast_does_not_change_them(self, tmp_path) -> None:
        without = encoder(None)(PATCHES)
        with torch.autocast('cpu', torch.bfloat16):
            assert torch.equal(embed(encoder(tmp_path)), without)


class TestOtherEntries:
    def test_of_other_weights(self, tmp_path) -> None:
        embed(encoder(tmp_path))
        other = encoder(tmp_path, seed=1)
        assert torch.equal(embed(other), encoder(None, seed=1)(PATCHES))
        assert other.cache.computed == 10

    def test_of_weights_that_change_after_the_first_use(self, tmp_path) -> None:
        network = encoder(tmp_path)
        embed(network)
        network.load_state_dict(encoder(None, seed=1).state_dict())
        assert torch.equal(embed(network), encoder(None, seed=1)(PATCHES))

    def test_of_another_setting_of_the_network(self, tmp_path) -> None:
        embed(encoder(tmp_path))
        assert torch.equal(embed(encoder(tmp_path, mean=1.0)), encoder(None, mean=1.0)(PATCHES))

    def test_of_another_patch(self, tmp_path) -> None:
        network = encoder(tmp_path)
        embed(network)
        changed = PATCHES.clone()
        changed[3, 0, 50, 20] += 1e-3
        assert torch.equal(embed(network, changed), encoder(None)(changed))
        assert network.cache.computed == 11

    def test_damaged_ones_are_noticed(self, tmp_path, printed) -> None:
        embed(encoder(tmp_path))
        (file,) = files(tmp_path)
        content = bytearray(file.read_bytes())
        content[100] ^= 1
        file.write_bytes(content[:-5])  # and the last one is torn
        network = encoder(tmp_path)
        assert torch.equal(embed(network), encoder(None)(PATCHES))
        assert network.cache.computed == 2
        assert len(printed) == 1 and '1 damaged entries' in printed[0]


class TestFolder:
    def test_of_two_processes(self, tmp_path) -> None:
        one, other = encoder(tmp_path), encoder(tmp_path)
        embed(one, PATCHES[:4])
        assert embed(other) is not None and other.cache.computed == 6
        assert len(files(tmp_path)) == 2
        third = encoder(tmp_path)
        embed(third)
        assert third.cache.computed == 0

    def test_that_cannot_be_written(self, tmp_path, printed) -> None:
        blocked = tmp_path / 'file'
        blocked.write_text('')
        network = encoder(blocked)
        for _ in range(2):
            assert torch.equal(embed(network), encoder(None)(PATCHES))
        assert network.cache.computed == 10  # kept in memory
        assert len(printed) == 1 and 'cannot be written' in printed[0]
        assert 'model.audio_encoder.cache_dir' in printed[0]

    def test_nothing_is_kept_unless_a_runner_says_so(self, tmp_path) -> None:
        network = encoder(tmp_path)
        network.cache.keeps = False
        embed(network)
        embed(network)
        assert network.cache.computed == 20 and files(tmp_path) == []

    def test_copies_of_the_network_use_it_too(self, tmp_path) -> None:
        network = encoder(tmp_path)
        embed(network)
        for copied in (copy.deepcopy(network), pickle.loads(pickle.dumps(network))):
            embed(copied)
            assert copied.cache.computed == 0 and isinstance(copied.cache, FeatureCache)


def test_an_encoder_that_is_trained_has_no_cache(tmp_path) -> None:
    with pytest.raises(ConfigError, match='cache_dir=.* needs frozen=True'):
        VGGish(frozen=False, cache_dir=str(tmp_path))


@pytest.mark.parametrize('mute', [False, True])
def test_keys_are_those_of_the_patches_in_the_batch(mute: bool) -> None:
    """Also of padded frames, and of audio that was muted."""
    preprocessor = AVSDataPreprocessor(num_frames=3, mute_audio=mute)
    preprocessor.makes_audio_keys = True
    frames = [torch.zeros(n, 3, 8, 8, dtype=torch.uint8) for n in (3, 2)]
    audio = [PATCHES[:3], PATCHES[3:5]]
    inputs = preprocessor({'inputs': {'frames': frames, 'audio': audio}})['inputs']
    assert inputs['audio_keys'] == tuple(keys(inputs['audio']))
    assert len(set(inputs['audio_keys'])) == (1 if mute else 6)


def test_a_training_computes_each_second_once_and_a_test_none(tmp_path) -> None:
    """Masks and losses are those of a network without a cache, to the bit."""
    cfg = load_config(CONFIG_ROOT / 's4/demo.py')
    cfg.train_dataloader.dataset.data_root = str(generate('s4', tmp_path, train=2, val=1, test=1))
    cfg.model.audio_encoder |= dict(frozen=True, cache_dir=str(tmp_path / 'cache'))
    init_default_scope('avsbench')
    dataset = DATASETS.build(cfg.train_dataloader.dataset)
    data = pseudo_collate([dataset[0], dataset[1]])
    losses, computed = [], []
    for folder in (str(tmp_path / 'cache'), str(tmp_path / 'cache'), None):
        cfg.model.audio_encoder.cache_dir = folder
        torch.manual_seed(0)
        cfg.work_dir = str(tmp_path / f'work_{len(losses)}')
        model = AVSRunner.from_cfg(cfg).model.train()
        batch = model.data_preprocessor(data, training=True)
        losses.append(model.parse_losses(model(**batch, mode='loss'))[0])
        masks = [sample.pred_masks for sample in model.eval().test_step(data)]
        assert len(masks) == 2
        if folder is not None:
            computed.append(model.audio_encoder.cache.computed)
    assert computed == [len(set(keys(batch['inputs']['audio']))), 0]
    assert torch.equal(losses[0], losses[1]) and torch.equal(losses[0], losses[2])
