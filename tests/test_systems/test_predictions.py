"""What every head promises of its prediction, for one class and for several."""

import numpy as np
import pytest
import torch
from system_cases import SIZE, build_demo, demo_config, system_names

from avsbench.apis.inferencer import AVSInferencer
from avsbench.models import AVSegmentor, AVSHeadOutput
from avsbench.structures import AVSDataSample
from avsbench.utils.maps import decide

CLASSES = 5
CHOSEN = 3  # of several classes


def clip(frames: int = 2) -> dict:
    torch.manual_seed(1)
    sample = AVSDataSample(frame_valid=torch.ones(frames, dtype=torch.bool))
    images = torch.randint(0, 256, (frames, 3, SIZE, SIZE), dtype=torch.uint8)
    audio = torch.randn(frames, 1, 96, 64)
    return {'inputs': {'frames': [images], 'audio': [audio]}, 'data_samples': [sample]}


def make_certain(output: AVSHeadOutput, chosen: int) -> AVSHeadOutput:
    """The left half is of the chosen class, the right half is background."""
    maps = output.mask_logits if output.logits is None else output.logits
    left = torch.full(maps.shape[-2:], -30.0)
    left[:, : maps.shape[-1] // 2] = 30
    if output.logits is not None:
        output.logits[:] = -30
        output.logits[:, chosen] = left
        if output.logits.shape[1] > 1:
            output.logits[:, 0] = -left
        return output
    background = output.cls_logits.shape[-1] > 2  # the classes of the queries contain it
    output.cls_logits[:] = -30
    output.cls_logits[:, :, 2:, -1] = 30  # of no class
    output.cls_logits[:, :, 0, max(chosen, int(background))] = 30
    output.cls_logits[:, :, 1, 0 if background else -1] = 30
    output.mask_logits[:, :, 0], output.mask_logits[:, :, 1] = left, -left
    return output


def certain(model: AVSegmentor, chosen: int) -> AVSegmentor:
    forward = model.decode_head.forward
    model.decode_head.forward = lambda *args: make_certain(forward(*args), chosen)
    return model


@pytest.fixture(scope='module', params=system_names())
def system(request) -> str:
    return request.param


@pytest.fixture(scope='module', params=[1, CLASSES])
def model(request, system) -> AVSegmentor:
    return build_demo(system, num_classes=request.param)


@torch.no_grad()
def test_maps_probabilities_and_masks_belong_together(model) -> None:
    (sample,) = model.test_step(clip())
    assert ('seg_logits' in sample) != ('seg_probs' in sample)
    assert ('seg_logits' in sample) == model.decode_head.predicts_logits
    classes = model.decode_head.num_classes
    assert sample.num_classes == classes
    probability = sample.probabilities()
    assert probability.shape == (2, classes, SIZE, SIZE)
    assert probability.min() >= 0 and probability.max() <= 1
    if classes == 1:
        assert torch.equal(sample.pred_masks, (probability[:, 0] > 0.5).byte())
        assert torch.equal(sample.pred_masks, decide(sample.seg_logits))
    else:
        of_mask = probability.gather(1, sample.pred_masks[:, None].long())[:, 0]
        assert torch.equal(of_mask, probability.amax(1))


@torch.no_grad()
def test_a_certain_network_has_a_probability_near_one(system) -> None:
    for classes, chosen in ((1, 0), (CLASSES, CHOSEN)):
        model = certain(build_demo(system, num_classes=classes), chosen)
        (sample,) = model.test_step(clip())
        probability = sample.probabilities()[:, chosen]
        half, border = SIZE // 2, SIZE // 8
        left, right = probability[..., : half - border], probability[..., half + border :]
        # For one class a published probability may be the softmax of two scores in 0..1, 0.73.
        high = 0.7 if classes == 1 else 0.99
        assert left.min() > high and right.max() < 1 - high
        inside = sample.pred_masks[..., : half - border]
        assert (inside == max(chosen, 1)).all()
        assert (sample.pred_masks[..., half + border :] == 0).all()


def test_the_inferencer_reports_certain_queries_as_certain(system, tmp_path) -> None:
    model = build_demo(system, num_classes=CLASSES)
    torch.save({'state_dict': model.state_dict()}, tmp_path / 'weights.pth')
    cfg = demo_config(system)
    cfg.num_classes = cfg.model.decode_head.num_classes = CLASSES
    inferencer = AVSInferencer(cfg, tmp_path / 'weights.pth', device='cpu', show_progress=False)
    certain(inferencer.model, CHOSEN)
    video = {
        'frames': np.zeros((2, 48, 64, 3), np.uint8),
        'audio': np.zeros(2 * 16000),
        'sample_rate': 16000,
        'frame_rate': 1,
    }
    (result,) = inferencer(video, threshold=0.5, with_logits=True)['predictions']
    masks = result['masks']
    assert (masks[..., :24] == CHOSEN).all() and (masks[..., 40:] == 0).all()
    assert [row['class'] for row in result['rows']] == [result['classes'][CHOSEN]] * 2
    assert all(row['mean_probability'] > 0.95 for row in result['rows'])
    assert ('logits' in result) == model.decode_head.predicts_logits
    name = 'logits' if model.decode_head.predicts_logits else 'probabilities'
    assert result[name].shape == (2, CLASSES, SIZE, SIZE)
    (marked,) = inferencer(video, return_datasamples=True, with_logits=True)['predictions']
    assert ('seg_probs' in marked) == (name == 'probabilities')
    assert (marked.pred_masks.numpy() == masks).all()
