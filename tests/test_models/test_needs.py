"""Audio for backbones, and masks of an earlier stage for heads, through the segmentor."""

import copy
from types import SimpleNamespace

import pytest
import torch
from mmengine.config import Config
from mmengine.optim import OptimWrapper
from sound_prompted_vit import CONFIG
from system_cases import build
from torch import Tensor, nn

from avsbench.analysis.complexity import complexity
from avsbench.apis import AVSInferencer
from avsbench.engine.compiling import CompileSettings, compiled_parts
from avsbench.models import AVSegmentor, AVSHeadOutput, DenseAVSHead, HeadSizes
from avsbench.registry import MODELS
from avsbench.structures import AVSDataSample
from avsbench.utils.errors import ConfigError


class MapHead(DenseAVSHead):
    """A convolution of the finest level, which does not look at the audio."""

    def __init__(self, sizes: HeadSizes, *, loss_mask: dict) -> None:
        super().__init__(sizes, loss_mask=loss_mask)
        self.conv = nn.Conv2d(sizes.in_channels[0], sizes.num_classes, 1)

    def forward(
        self,
        features: list[Tensor],
        audio: Tensor,
        clip_lengths: tuple[int, ...],
        frame_valid: Tensor | None = None,
    ) -> AVSHeadOutput:
        return AVSHeadOutput(logits=self.conv(features[0]))


class SecondStageHead(MapHead):
    """Adds the masks of the first stage to the logits."""

    needs = frozenset({'prior_masks'})

    def forward(
        self,
        features: list[Tensor],
        audio: Tensor,
        clip_lengths: tuple[int, ...],
        frame_valid: Tensor | None = None,
        *,
        prior_masks: Tensor,
    ) -> AVSHeadOutput:
        logits = super().forward(features, audio, clip_lengths).logits
        masks = nn.functional.interpolate(prior_masks[:, None].float(), logits.shape[-2:])
        return AVSHeadOutput(logits=logits + 20 * masks - 10)


class Demanding(MapHead):
    needs = frozenset({'prior_mask'})


@pytest.fixture(autouse=True)
def registered():
    for part in (MapHead, SecondStageHead, Demanding):
        MODELS.register_module(module=part)
    yield
    for part in (MapHead, SecondStageHead, Demanding):
        MODELS.module_dict.pop(part.__name__)


def network(**changes: dict | None) -> AVSegmentor:
    cfg = copy.deepcopy(CONFIG)
    for key, values in changes.items():
        cfg[key] = values if values is None else {**cfg[key], **values}
    return build(cfg)


def batch(audio_seed: int = 0, side: int = 32, prior: Tensor | None = None) -> dict:
    """A collated batch of a clip of two random frames."""
    generator = torch.Generator().manual_seed(1)
    frames = torch.randint(0, 256, (2, 3, side, side), dtype=torch.uint8, generator=generator)
    audio = torch.randn(2, 1, 96, 64, generator=torch.Generator().manual_seed(audio_seed))
    sample = AVSDataSample(metainfo={'ori_shape': (side, side)})
    sample.frame_valid = sample.gt_valid = torch.ones(2, dtype=torch.bool)
    sample.gt_masks = (frames[:, 0] > 128).to(torch.uint8)
    inputs = {'frames': [frames], 'audio': [audio]}
    if prior is not None:
        inputs['prior_masks'] = [prior]
    return {'inputs': inputs, 'data_samples': [sample]}


def logits(model: AVSegmentor, data: dict) -> Tensor:
    (sample,) = model.test_step(data)
    return sample.seg_logits


class TestAudioInTheBackbone:
    def test_two_steps_of_training(self) -> None:
        model = network().train()
        frozen = copy.deepcopy(model.backbone.backbone.model.state_dict())
        prompt = model.backbone.backbone.prompts[0].weight
        before = prompt.detach().clone()
        parameters = [p for p in model.parameters() if p.requires_grad]
        wrapper = OptimWrapper(torch.optim.SGD(parameters, lr=0.1))
        for _ in range(2):
            losses = model.train_step(batch(), wrapper)
            assert torch.isfinite(losses['loss_mask'])
            assert all(torch.isfinite(p.grad).all() for p in parameters if p.grad is not None)
        assert not torch.equal(prompt, before)
        after = model.backbone.backbone.model.state_dict()
        assert all(torch.equal(value, after[key]) for key, value in frozen.items())

    def test_other_audio_is_predicted_differently(self) -> None:
        model = network()
        first, other = logits(model, batch(0)), logits(model, batch(1))
        assert not torch.allclose(first, other)
        assert torch.equal(first, logits(model, batch(0)))
        with torch.no_grad(), compiled_parts(model, CompileSettings(backend='eager')):
            torch.testing.assert_close(logits(model, batch(0)), first)

    def test_at_several_sizes(self) -> None:
        plain = logits(network(), batch())
        joined = network()
        joined.test_augmentation = MODELS.build(dict(type='TestTimeAugmentation', scales=[1]))
        (sample,) = joined.test_step(batch())
        torch.testing.assert_close(sample.seg_probs, plain.sigmoid())

    def test_what_does_not_fit(self) -> None:
        with pytest.raises(ConfigError, match='needs audio, and there is no audio encoder'):
            network(audio_encoder=None)
        inner = {**CONFIG['backbone']['backbone'], 'audio_channels': 128}
        with pytest.raises(ConfigError, match=r'audio_channels=128, but .* tokens of 512'):
            network(backbone=dict(backbone=inner))


class TestPriorMasks:
    HEAD = dict(type='SecondStageHead')

    def test_they_reach_the_head(self) -> None:
        model = network(decode_head=self.HEAD)
        prior = (torch.rand(2, 32, 32) > 0.5).to(torch.uint8)
        prior = prior[:, ::4, ::4].repeat_interleave(4, 1).repeat_interleave(4, 2)
        (sample,) = model.test_step(batch(prior=prior))
        found = sample.seg_logits[:, 0, 2::4, 2::4] > 0
        assert torch.equal(found, prior[:, 2::4, 2::4] > 0)
        assert model.train_step(
            batch(prior=prior),
            OptimWrapper(torch.optim.SGD(model.decode_head.parameters(), lr=0.1)),
        )['loss_mask'].isfinite()

    def test_they_are_mirrored_and_resized_with_the_frames(self) -> None:
        model = network(decode_head=self.HEAD)
        model.test_augmentation = MODELS.build(
            dict(type='TestTimeAugmentation', scales=[0.5, 1], flip=True)
        )
        prior = torch.zeros(2, 32, 32, dtype=torch.uint8)
        prior[..., :16] = 1
        (sample,) = model.test_step(batch(prior=prior))
        assert (sample.seg_probs[..., 2:14] > 0.9).all()
        assert (sample.seg_probs[..., 18:30] < 0.1).all()

    def test_padded_frames_have_none(self) -> None:
        preprocessor = MODELS.build(
            dict(type='AVSDataPreprocessor', clip_policy='pad', num_frames=3)
        )
        prior = torch.ones(2, 32, 32, dtype=torch.uint8)
        masks = preprocessor(batch(prior=prior))['inputs']['prior_masks']
        assert masks.dtype == torch.int64 and masks.sum((1, 2)).tolist() == [1024, 1024, 0]

    def test_a_batch_without_them(self) -> None:
        with pytest.raises(ConfigError, match='LoadPriorMasks'):
            network(decode_head=self.HEAD).test_step(batch())

    def test_a_video_file_has_none(self, monkeypatch) -> None:
        model = network(decode_head=self.HEAD)
        monkeypatch.setattr('avsbench.apis.inferencer.load_model', lambda *_, **__: model)
        with pytest.raises(ConfigError, match='second.py: .* a video file does not have'):
            AVSInferencer._init_model(
                SimpleNamespace(_trust=False), SimpleNamespace(filename='second.py'), 'x.pth'
            )

    def test_complexity_counts_such_networks(self) -> None:
        cfg = copy.deepcopy(CONFIG)
        cfg['decode_head']['type'] = 'SecondStageHead'
        assert complexity(Config(dict(model=cfg)), frames=2, size=32).flops > 0


def test_unknown_names_are_refused_at_build() -> None:
    with pytest.raises(ConfigError, match=r"Demanding.needs: .*'prior_mask'; did you mean 'prior"):
        network(decode_head=dict(type='Demanding'))
