"""Metrics: published loops against counting by histogram, with identical values.

`fscore` compares the F-measure of binary masks, `avss` the scores of semantic masks from logits
on. The baselines are the published evaluation loops of AVSBench rewritten from the specification.
"""

import argparse

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from avsbench.evaluation import functional
from avsbench.utils.maps import argmax_classes
from benchmarks.harness import Result, compare, exit_code, header

BETA2 = 0.3
GOALS = {'fscore': {'must': 15, 'stretch': 50}, 'avss': {'must': 3, 'stretch': 6}}
SIZES = {'fscore': (224, 512), 'avss': (224,)}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument('--kind', choices=GOALS, nargs='+', default=list(GOALS))
    parser.add_argument('--frames', type=int, default=10)
    parser.add_argument('--size', type=int, nargs='+', help='pixels; default: 224 512 and 224')
    parser.add_argument('--classes', type=int, default=71, help='of avss')
    parser.add_argument('--threads', type=int, nargs='+', default=[1])
    parser.add_argument('--rounds', type=int, default=7)


def run(args: argparse.Namespace) -> int:
    results = []
    for threads in args.threads:
        header(threads)
        for kind in args.kind:
            for size in args.size or SIZES[kind]:
                results.append(_compare(kind, args, size, threads))
    return exit_code(results)


def published_f_measure(logits: Tensor, target: Tensor) -> float:
    """Best over 255 thresholds of the mean F-measure of the frames with a target.

    Args:
        logits: (N, H, W) float32.
        target: (N, H, W) of 0.0 and 1.0.
    """
    probs = logits.sigmoid()
    total, count = 0.0, 0
    score = torch.zeros(255)
    for frame, truth in zip(probs, target, strict=True):
        if truth.mean() == 0.0:
            continue
        precision, recall = published_curves(frame, truth)
        f = (1 + BETA2) * precision * recall / (BETA2 * precision + recall)
        f[f != f] = 0
        total += f
        count += 1
        score = total / count
    return score.max().item()


def published_curves(probs: Tensor, truth: Tensor) -> tuple[Tensor, Tensor]:
    """Precision and recall of one frame: three passes for each of 255 thresholds."""
    precision, recall = torch.zeros(255), torch.zeros(255)
    thresholds = torch.linspace(0, 1 - 1e-10, 255)
    for i in range(255):
        above = (probs >= thresholds[i]).float()
        hits = (above * truth).sum()
        precision[i] = hits / (above.sum() + 1e-20)
        recall[i] = hits / (truth.sum() + 1e-20)
    return precision, recall


def published_iou(logits: Tensor, target: Tensor) -> Tensor:
    """Mean over a batch of the IoU of a frame, arguments as of `published_f_measure`."""
    pixels = logits.shape[-1] * logits.shape[-2]
    empty = target.sum(2).sum(1) == 0
    pred = (logits.sigmoid() > 0.5).int()
    inter = (pred * target).sum(2).sum(1)
    union = torch.max(pred, target).sum(2).sum(1)
    inter[empty] = ((1 - target) * (1 - pred)).sum(2).sum(1)[empty]
    union[empty] = pixels
    return torch.sum(inter / (union + 1e-7)) / len(logits)


def published_class_sums(logits: Tensor, target: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Sums over frames of IoU and F-measure of each class, and frames that have the class.

    Args:
        logits: (N, K, H, W) float32.
        target: (N, H, W) class of each pixel.
    """
    classes = logits.shape[1]
    guess = logits.softmax(1).argmax(1).float() + 1
    truth = target.float() + 1
    hit = guess * (guess == truth).float()
    ious, fs, counts = (torch.zeros(classes) for _ in range(3))
    for frame in range(len(logits)):
        inter, predicted, labelled = (
            torch.histc(part[frame].cpu(), bins=classes, min=1, max=classes)
            for part in (hit, guess, truth)
        )
        union = predicted + labelled - inter
        ious += inter / (2.220446049250313e-16 + union)
        counts[union.nonzero().squeeze(-1)] += 1
        precision, recall = inter / predicted, inter / labelled
        f = (1 + BETA2) * precision * recall / (BETA2 * precision + recall)
        f[f.isnan()] = 0.0
        fs += f
    return ious, fs, counts


def our_f_measure(logits: Tensor, target: Tensor) -> float:
    """The toolbox's way to `published_f_measure`."""
    counts = functional.binary_counts(logits.sigmoid(), target)
    return functional.batch_f(functional.f_curves(counts).f, counts.target)


def our_class_sums(logits: Tensor, target: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The toolbox's way to `published_class_sums`."""
    areas = functional.class_areas(argmax_classes(logits), target, num_classes=logits.shape[1])
    return tuple(functional.class_sums(functional.class_scores(areas)))


def _compare(kind: str, args: argparse.Namespace, size: int, threads: int) -> Result:
    torch.manual_seed(0)
    make, published, ours, check = {
        'fscore': (_binary_inputs, published_f_measure, our_f_measure, _float_error),
        'avss': (_semantic_inputs, published_class_sums, our_class_sums, _sums_error),
    }[kind]
    inputs = make(args.frames, size, args.classes)
    return compare(
        f'{kind}: {args.frames} frames, {size} px, float32, threads {threads}',
        lambda: published(*inputs),
        lambda: ours(*inputs),
        rounds=args.rounds,
        check=check,
        clock='cpu' if threads == 1 else 'wall',
        **GOALS[kind],
    )


def _smooth(count: int, size: int) -> Tensor:
    coarse = torch.randn(count, 1, 12, 12)
    return interpolate(coarse, size=(size, size), mode='bicubic')[:, 0]


def _binary_inputs(frames: int, size: int, classes: int) -> tuple[Tensor, Tensor]:
    del classes
    field = _smooth(frames, size)
    logits = 3 * field + torch.randn_like(field)
    return logits, (field > 0.2).float()


def _semantic_inputs(frames: int, size: int, classes: int) -> tuple[Tensor, Tensor]:
    logits = torch.randn(frames, classes, size, size)
    target = (_smooth(frames, size).abs() * 3).long().clamp_(max=classes - 1)
    logits.scatter_add_(1, target[:, None], torch.full((frames, 1, size, size), 2.0))
    return logits, target


def _float_error(published: float, ours: float) -> float:
    return abs(published - ours)


def _sums_error(published: tuple[Tensor, ...], ours: tuple[Tensor, ...]) -> float:
    pairs = zip(published, ours, strict=True)
    return max((a - b).abs().max().item() for a, b in pairs)
