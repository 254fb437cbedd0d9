"""Running our metrics on the fixtures of the published ones."""

import numpy as np
import torch
from torch import Tensor

from avsbench.evaluation import functional as metric
from avsbench.layouts import AVSS
from avsbench.parity.fixture import Computed, Fixture
from avsbench.registry import CHECKERS
from avsbench.utils.maps import argmax_classes


def binary_inputs(fixture: Fixture) -> tuple[Tensor, Tensor]:
    """Logits and targets, (N, H, W) float32 each, after the edits."""
    inputs = {name: fixture.input(name) for name in fixture.content['inputs']}
    target = torch.from_numpy(inputs['target'])
    construct = fixture.content['construct']
    logits = 2 * torch.from_numpy(inputs['noise']) + construct['margin'] * (2 * target - 1)
    for edit in construct['edits']:
        frame = edit['frame']
        if edit.get('target') is not None:
            target[frame] = edit['target']
        if edit.get('logits') is not None:
            logits[frame] = edit['logits']
        logits[frame] *= edit.get('scale', 1)
    return logits, target


@CHECKERS.register_module(name='metrics_binary')
def run_binary(fixture: Fixture) -> Computed:
    """Compute every output and summary number of a fixture `metrics_binary`."""
    logits, target = binary_inputs(fixture)
    frames = fixture.content['construct']['frames_per_video']
    counts = metric.binary_counts(logits.sigmoid(), target)
    channels = torch.stack([torch.zeros_like(logits), logits], 1)
    combo = metric.binary_counts(channels.softmax(1)[:, 1], target)

    iou = metric.frame_iou(counts)
    outputs = {'per_frame_iou': iou, 'thresholds': metric.thresholds()}
    summary = {'frame_mean_miou': iou.double().mean()}
    for group in _numbers(fixture, 'F_batches_b'):
        batches = [metric.batch_iou(part) for part in iou.split(group * frames)]
        outputs[f'miou_batches_b{group}'] = torch.stack(batches)
        summary[f'miou_b{group}'] = metric.meter_mean(batches)
        for prefix, source in (('', counts), ('COMBO.', combo)):
            scores = grouped_f(source, group * frames)
            outputs[f'{prefix}F_batches_b{group}'] = torch.tensor(scores)
            summary[f'{prefix}F_b{group}'] = metric.meter_mean(scores)
    batches = [metric.batch_iou(part) for part in metric.frame_iou(combo).split(frames)]
    summary['COMBO.miou_b1'] = metric.meter_mean(batches)

    curves = metric.f_curves(counts)
    for frame in _numbers(fixture, 'prec_'):
        outputs[f'prec_{frame}'] = curves.precision[frame]
        outputs[f'recall_{frame}'] = curves.recall[frame]

    false_positive_rate = counts.foreground / (counts.pixels + 1e-7)
    outputs['robust_fpr'] = false_positive_rate
    summary['robust_fpr_mean'] = false_positive_rate.mean()
    outputs |= _referring_outputs(logits, counts, target, frames)
    return Computed(_arrays(outputs), metrics={k: float(v) for k, v in summary.items()})


def _numbers(fixture: Fixture, prefix: str) -> list[int]:
    """The numbers that follow a prefix among the names of the stored outputs."""
    names = [name.removeprefix(prefix) for name in fixture.stored if name.startswith(prefix)]
    return sorted(int(name) for name in names)


def grouped_f(counts: metric.BinaryCounts, size: int) -> list[float]:
    """The published F-measure of each batch of `size` frames."""
    f = metric.f_curves(counts).f
    parts = zip(f.split(size), counts.target.split(size), strict=True)
    return [metric.batch_f(*part) for part in parts]


def semantic_inputs(fixture: Fixture) -> tuple[Tensor, Tensor, Tensor]:
    """Logits (N, K, H, W), target (N, H, W) and whether the frame exists (N,)."""
    inputs = {name: torch.from_numpy(fixture.input(name)) for name in fixture.content['inputs']}
    target, construct = inputs['target'], fixture.content['construct']
    copied = inputs['keep'] == construct['copies_target_where_keep_is']
    pred = torch.where(copied, target, inputs['other'])
    for edit in construct['edits']:
        for tensor, value in ((target, edit.get('target')), (pred, edit.get('prediction'))):
            if value is not None:
                tensor[edit['frame']] = value
    one_hot = torch.nn.functional.one_hot(pred, _num_classes(fixture))
    logits = 6.0 * one_hot.permute(0, 3, 1, 2)
    exists = torch.ones(len(target), dtype=torch.bool)
    videos = exists.view(len(construct['videos']), -1)  # (videos, T)
    for frames, label in zip(videos, construct['videos'], strict=True):
        frames[AVSS.kinds[label].frames :] = False
    logits[~exists] = 0
    target[~exists] = 0
    return logits.contiguous(), target, exists


def _num_classes(fixture: Fixture) -> int:
    """K, the length of every sum over classes."""
    return fixture.content['outputs']['avsbench.count']['shape'][0]


@CHECKERS.register_module(name='metrics_semantic')
def run_semantic(fixture: Fixture) -> Computed:
    """Compute every output of a fixture `metrics_semantic` and the summaries of both code bases."""
    logits, target, exists = semantic_inputs(fixture)
    areas = metric.class_areas(argmax_classes(logits), target, _num_classes(fixture))
    scores = metric.class_scores(areas)
    outputs, summary = {}, {}
    for system, kept in (('avsbench', torch.ones_like(exists)), ('combo', exists)):
        sums = metric.class_sums(metric.ClassScores(*(part[kept] for part in scores)))
        outputs[f'{system}.iou_sum'] = sums.iou
        outputs[f'{system}.f_sum'] = sums.f
        outputs[f'{system}.count'] = sums.count
        summary |= {f'{system}.{k}': v for k, v in _class_means(sums).items()}
    for group in _numbers(fixture, 'avsbench.running_F_b'):
        size = group * len(target) // len(fixture.content['construct']['videos'])
        ends = [*range(size, len(target), size), len(target)]
        running = [_running_means(scores, end) for end in ends]
        for name, values in zip(('miou', 'F'), zip(*running, strict=True), strict=True):
            outputs[f'avsbench.running_{name}_b{group}'] = torch.stack(values)
    frame_miou = scores.iou.sum(1) / (scores.iou != 0).sum(1)
    outputs['avsbench.frame_miou'] = frame_miou.nan_to_num(nan=-1.0)
    return Computed(_arrays(outputs), metrics=summary)


def _running_means(scores: metric.ClassScores, end: int) -> list[Tensor]:
    """What is logged after `end` frames: IoU and F over the classes that were present so far."""
    sums = metric.class_sums(metric.ClassScores(*(part[:end] for part in scores)))
    present = sums.count > 0
    return [(part[present] / sums.count[present]).sum() / present.sum() for part in sums[:2]]


def _class_means(sums: metric.ClassSums) -> dict[str, float]:
    present = sums.count > 0
    values = {'absent': (~present).sum(), 'present': present.sum()}
    for name, total in (('miou', sums.iou), ('F', sums.f)):
        mean = (total / sums.count).nan_to_num(nan=0.0)
        values[name] = mean.mean()
        values[f'{name}_noBg'] = mean[:-1].mean()
        values[f'{name}_true_noBg'] = mean[1:].mean()
        values[f'{name}_present'] = mean[present].mean()
    return {name: value.item() for name, value in values.items()}


def _referring_outputs(
    logits: Tensor, counts: metric.BinaryCounts, target: Tensor, frames: int
) -> dict[str, Tensor]:
    """Ref-AVS, per video: mask_iou at threshold 0.4, and the null metric S at 0.5."""
    iou = metric.frame_iou(metric.binary_counts(logits.sigmoid(), target, threshold=0.4))
    foreground, pixels = (
        part.view(-1, frames).sum(1) for part in (counts.foreground, counts.pixels)
    )
    return {
        'refavs_miou_videos': torch.stack([metric.batch_iou(video) for video in iou.split(frames)]),
        'refavs_S_videos': (foreground / pixels).sqrt(),
    }


def _arrays(outputs: dict[str, Tensor]) -> dict[str, np.ndarray]:
    return {name: value.float().numpy() for name, value in outputs.items()}
