"""Prediction of some frames of a clip, and at several sizes, through the smallest networks."""

import pytest
import torch
import torch.nn.functional as F
from mmengine.model import BaseModule
from system_cases import SIZE, build, demo_config
from torch import Tensor, nn

from avsbench.models import (
    AVSDecodeHead,
    AVSegmentor,
    AVSHeadOutput,
    FrameTargets,
    HeadSizes,
    TestTimeAugmentation,
)
from avsbench.models.test_time import join
from avsbench.registry import MODELS
from avsbench.structures import AVSDataSample
from avsbench.utils.errors import ConfigError

SHAPE = (20, 33)  # of the frames
WANTED = (24, 31)  # of the prediction
SCALES = (0.75, 1, 1.3)


class Frames(BaseModule):
    """A backbone that passes the frames on."""

    in_channels = 3
    out_channels = [3]

    def forward(self, frames: Tensor) -> list[Tensor]:
        return [frames]


class StrideHead(AVSDecodeHead):
    """One convolution of stride 4, with a term of the next frame of the clip."""

    def __init__(self, sizes: HeadSizes) -> None:
        super().__init__(sizes)
        self.conv = nn.Conv2d(3, sizes.num_classes, 3, stride=4, padding=1)
        self.sizes: list[tuple[int, ...]] = []
        self.enlarged: list[int] = []

    def forward(
        self,
        features: list[Tensor],
        audio: Tensor | None,
        clip_lengths: tuple[int, ...],
        frame_valid: Tensor | None = None,
    ) -> AVSHeadOutput:
        self.sizes.append(tuple(features[0].shape[-2:]))
        logits = self.conv(features[0])
        following = [clip.roll(-1, 0) for clip in logits.split(clip_lengths)]
        return AVSHeadOutput(logits=logits + 0.5 * torch.cat(following), clip_lengths=clip_lengths)

    def loss(self, output: AVSHeadOutput, targets: FrameTargets) -> dict[str, Tensor]:
        return {}

    def predict(self, output: AVSHeadOutput, img_shape: tuple[int, int]) -> Tensor:
        self.enlarged.append(len(output.logits))
        return F.interpolate(output.logits, img_shape, mode='bilinear', align_corners=False)


@pytest.fixture(autouse=True)
def registered():
    for part in (Frames, StrideHead):
        MODELS.register_module(module=part)
    yield
    for part in (Frames, StrideHead):
        MODELS.module_dict.pop(part.__name__)


def network(num_classes: int = 1, **settings: dict | None) -> AVSegmentor:
    cfg = dict(
        type='AVSegmentor',
        data_preprocessor=dict(type='AVSDataPreprocessor', clip_policy='pack'),
        backbone=dict(type='Frames'),
        audio_encoder=None,
        decode_head=dict(type='StrideHead', num_classes=num_classes),
        **settings,
    )
    return build(cfg)


def window(kept: tuple[int, ...] | None = None, length: int = 3, seed: int = 1) -> dict:
    """A collated batch of one clip of random frames."""
    generator = torch.Generator().manual_seed(seed)
    frames = torch.randint(0, 256, (length, 3, *SHAPE), dtype=torch.uint8, generator=generator)
    sample = AVSDataSample(metainfo={'ori_shape': WANTED})
    if kept is not None:
        sample.set_metainfo({'kept': kept, 'pred_shape': WANTED})
    count = length if kept is None else len(kept)
    sample.frame_valid = torch.ones(count, dtype=torch.bool)
    return {'inputs': {'frames': [frames]}, 'data_samples': [sample]}


def published(
    model: AVSegmentor, data: dict, size: tuple[int, int], flip: bool, join: str
) -> Tensor:
    """The probability of all frames, written as one loop over lists."""
    frames = model.data_preprocessor(data)['inputs']['frames']
    sides = []
    for mirrored in (False, True) if flip else (False,):
        clip = frames.flip(-1) if mirrored else frames
        found = []
        for scale in SCALES:
            shape = int(SHAPE[0] * scale), int(SHAPE[1] * scale)
            scaled = clip
            if scale != 1:
                scaled = F.interpolate(clip, shape, mode='bilinear', align_corners=False)
            logits = model({'frames': scaled, 'clip_lengths': (len(clip),)}).logits
            logits = F.interpolate(logits, size, mode='bilinear', align_corners=False)
            found.append(logits.sigmoid() if logits.shape[1] == 1 else logits.softmax(1))
        mean = torch.stack(found).mean(0)
        sides.append(mean.flip(-1) if mirrored else mean)
    return torch.stack(sides).mean(0) if join == 'mean' else torch.stack(sides).amax(0)


@torch.no_grad()
def test_kept_frames_are_predicted_alone_at_the_size_that_is_wanted() -> None:
    model = network()
    every = F.interpolate(
        model(model.data_preprocessor(window())['inputs']).logits, WANTED, mode='bilinear'
    )
    (sample,) = model.test_step(window((2, 0)))
    torch.testing.assert_close(sample.seg_logits, every[[2, 0]])
    assert torch.equal(sample.pred_masks, (every[[2, 0], 0] > 0).byte())
    assert model.decode_head.enlarged == [2]  # the others take no memory
    assert model(model.data_preprocessor(window((1,)))['inputs'], mode='maps').shape[0] == 1


@torch.no_grad()
def test_kept_frames_of_several_clips() -> None:
    model = network()
    one, other = window((1,), 3), window((0, 3), 4, seed=2)
    both = {
        'inputs': {'frames': one['inputs']['frames'] + other['inputs']['frames']},
        'data_samples': one['data_samples'] + other['data_samples'],
    }
    alone = [model.test_step(data)[0].seg_logits.clone() for data in (one, other)]
    for sample, wanted in zip(model.test_step(both), alone, strict=True):
        torch.testing.assert_close(sample.seg_logits, wanted)


def test_a_loss_of_kept_frames_is_an_error() -> None:
    model = network()
    inputs = model.data_preprocessor(window((1,)))['inputs']
    with pytest.raises(ValueError, match='keeps 1 of 3'):
        model(inputs, mode='loss')


def test_selection_of_an_output_with_queries() -> None:
    output = AVSHeadOutput(
        cls_logits=torch.randn(2, 4, 3, 5), mask_logits=torch.randn(2, 4, 3, 6, 7),
        clip_lengths=(4,), aux={'loss_x': torch.ones(())},
    )  # fmt: skip
    some = output.select(torch.tensor([3, 1]))
    assert torch.equal(some.cls_logits, output.cls_logits[:, [3, 1]])
    assert torch.equal(some.mask_logits, output.mask_logits[:, [3, 1]])
    assert some.logits is None and some.aux == {} and some.clip_lengths == ()


@torch.no_grad()
@pytest.mark.parametrize('num_classes', [1, 3])
@pytest.mark.parametrize('flip, join', [(False, 'mean'), (True, 'mean'), (True, 'maximum')])
def test_scales_and_mirror_image_equal_the_published_loop(num_classes, flip, join) -> None:
    model = network(num_classes, test_cfg=dict(scales=SCALES, flip=flip, flip_join=join))
    wanted = published(model, window(), WANTED, flip, join)[[1]]
    model.decode_head.sizes.clear()
    (sample,) = model.test_step(window((1,)))
    torch.testing.assert_close(sample.seg_probs, wanted, rtol=0, atol=1e-6)
    assert 'seg_logits' not in sample and sample.num_classes == num_classes
    masks = wanted.argmax(1) if num_classes > 1 else wanted[:, 0] > 0.5
    assert (sample.pred_masks != masks).float().mean() < 1e-2
    assert model.decode_head.sizes == [(15, 24), SHAPE, (26, 42)] * (2 if flip else 1)
    assert model.decode_head.enlarged[-1] == 1


@torch.no_grad()
def test_one_scale_without_mirror_image_is_the_plain_prediction() -> None:
    (plain,) = network().test_step(window((0,)))
    (single,) = network(test_cfg=dict(scales=[1])).test_step(window((0,)))
    assert torch.equal(single.seg_probs, plain.probabilities())
    assert torch.equal(single.pred_masks, plain.pred_masks)


@torch.no_grad()
def test_tests_and_validations_have_their_own_settings() -> None:
    model = network(test_cfg=dict(scales=SCALES), val_cfg=dict(flip=True))
    model.test_step(window())
    assert len(model.decode_head.sizes) == 3
    model.val_step(window())
    assert model.decode_head.sizes[3:] == [SHAPE, SHAPE]
    assert network().val_augmentation is None


@torch.no_grad()
def test_the_threshold_itself_may_be_foreground() -> None:
    for inclusive in (False, True):
        model = network(test_cfg=dict(flip=True, threshold_inclusive=inclusive))
        nn.init.zeros_(model.decode_head.conv.weight), nn.init.zeros_(model.decode_head.conv.bias)
        (sample,) = model.test_step(window((0,)))
        assert (sample.seg_probs == 0.5).all() and (sample.pred_masks == inclusive).all()
        assert (sample.masks_at((5, 6)) == inclusive).all()


@torch.no_grad()
@pytest.mark.parametrize('system', ['avsegformer', 'combo'])
def test_sound_is_passed_unchanged(system) -> None:
    """Any head takes part; the mirror image of the frames is heard with the same sound."""
    cfg = demo_config(system).model
    plain = build(cfg)
    model = build({**cfg, 'test_cfg': dict(flip=True, flip_join='maximum')})
    generator = torch.Generator().manual_seed(3)
    shape = (2, plain.in_channels, SIZE, SIZE)
    frames = torch.randint(0, 256, shape, dtype=torch.uint8, generator=generator)
    audio = torch.randn(2, 1, 96, 64, generator=generator)

    def predict(network: AVSegmentor, images: Tensor) -> Tensor:
        sample = AVSDataSample(frame_valid=torch.ones(2, dtype=torch.bool))
        data = {'inputs': {'frames': [images], 'audio': [audio]}, 'data_samples': [sample]}
        return network.test_step(data)[0].probabilities()

    wanted = torch.maximum(predict(plain, frames), predict(plain, frames.flip(-1)).flip(-1))
    torch.testing.assert_close(predict(model, frames), wanted, rtol=0, atol=1e-5)


def test_joins_keep_their_names() -> None:
    maps = [torch.tensor([1.0, 5.0]), torch.tensor([3.0, 2.0])]
    assert join((each.clone() for each in maps), 'mean').tolist() == [2, 3.5]
    assert join((each.clone() for each in maps), 'maximum').tolist() == [3, 5]


def test_wrong_settings_are_errors() -> None:
    with pytest.raises(
        ConfigError, match=r"TestTimeAugmentation: unknown argument 'scale'.*scales"
    ):
        network(test_cfg=dict(scale=[1]))
    with pytest.raises(ConfigError, match=r'scales=\[\]'):
        network(test_cfg=dict(scales=[]))
    with pytest.raises(ConfigError, match=r"flip_join='max', expected one of 'mean', 'maximum'"):
        network(val_cfg=dict(flip_join='max'))
    with pytest.raises(ConfigError, match='scale 0.01 leaves nothing'):
        TestTimeAugmentation([0.01])(torch.zeros(1, 3, *SHAPE), lambda frames: frames)
