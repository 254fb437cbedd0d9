"""One frame of a test on videos: time and memory at all scales, and of label propagation.

A window of random frames goes through the network of a config as `test.sh` does it, with flip and
scales; random weights, whose values change neither time nor memory. Then MED-VT's label propagation
alone, against the published formulation with its matrices of all pairs of tokens. Memory is that of
the tensors that are alive at the peak, without the weights.
"""

import argparse
import copy
import time

import torch
import torch.nn.functional as F
from torch import Tensor, nn

import avsbench.systems  # noqa: F401  registers them
from avsbench.analysis.complexity import LiveBytes, build_model
from avsbench.config.loading import load_config
from avsbench.config.paths import config_file
from avsbench.models import AVSegmentor
from avsbench.structures import AVSDataSample
from avsbench.systems.medvt.label_propagation import (
    TEMPERATURE,
    LabelPropagation,
    OtherFramesAttention,
)
from benchmarks import harness

GIB = 2**30
TOLERANCE = 1e-4  # of the logits, in their standard deviations
FEWER_BYTES = 3.0  # how many times less than published to aim at


class PublishedAttention(OtherFramesAttention):
    """All tokens against all others, with a mask of that size, as the published code has it."""

    def forward(self, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        """Same arguments and result as the layer it stands for, for all frames of one clip."""
        (query,), (key,), (value,) = query, key, value
        frames, count, _ = key.shape
        query, key = (
            F.normalize(self.key_proj(tokens.flatten(0, 1)), dim=-1) for tokens in (query, key)
        )
        frame = torch.arange(frames, device=key.device).repeat_interleave(count)
        mask = torch.zeros(len(frame), len(frame), device=key.device)
        mask[frame[:, None] == frame] = -torch.inf
        affinity = torch.softmax((query @ key.T + mask) * TEMPERATURE, -1)  # (L, L)
        return (affinity @ value.flatten(0, 1)).unflatten(0, (frames, count))[None]


def published_form(ours: LabelPropagation) -> LabelPropagation:
    """A copy whose attention is the published one."""
    theirs = copy.deepcopy(ours)
    for module in theirs.modules():
        if isinstance(module, OtherFramesAttention):
            module.__class__ = PublishedAttention
    return theirs


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of `tools/benchmark.py video_inference`."""
    parser.add_argument('--config', default='davis/medvt_swinb.py')
    parser.add_argument('--frames', type=int, default=6, help='of the window')
    parser.add_argument('--size', type=int, nargs=2, default=(473, 841), metavar=('H', 'W'))
    parser.add_argument('--scales', type=float, nargs='+', help="default: the config's")
    parser.add_argument(
        '--flip', action=argparse.BooleanOptionalAction, help="default: the config's"
    )
    parser.add_argument('--threads', type=int, default=2)
    parser.add_argument('--device', default='cuda' if torch.cuda.is_available() else 'cpu')
    parser.add_argument('--rounds', type=int, default=1, help='of the label propagation')


def run(args: argparse.Namespace) -> int:
    """Measure the network, then label propagation, if it has one."""
    harness.header(args.threads)
    torch.manual_seed(0)
    cfg = load_config(config_file(args.config))
    given = {'scales': args.scales, 'flip': args.flip}
    settings = {name: value for name, value in given.items() if value is not None}
    cfg.model.test_cfg = {**(cfg.model.get('test_cfg') or {}), **settings}
    model = build_model(cfg).eval().to(args.device)
    _measure_network(model, args)
    propagation = getattr(model.decode_head.predictor, 'propagation', None)
    if propagation is None:
        print(f'{args.config}: no label propagation')
        return 0
    return harness.exit_code([_compare_propagation(model, propagation, args)])


@torch.no_grad()
def _measure_network(model: AVSegmentor, args: argparse.Namespace) -> None:
    """Print time and memory of each pass, and of all."""
    forward, passes = model.head_output, []

    def timed(frames: Tensor, *rest: object) -> object:
        watch = _Watch(args.device)
        with LiveBytes() as live:
            output = forward(frames, *rest)
        passes.append(watch.read())
        height, width = frames.shape[-2:]
        print(f'  {height} x {width}: {passes[-1]}, {live.peak / GIB:.2f} GiB', flush=True)
        return output

    middle = args.frames // 2
    sample = AVSDataSample(metainfo={'kept': [middle]}, frame_valid=torch.ones(1, dtype=torch.bool))
    frames = torch.randint(0, 256, (args.frames, 3, *args.size), dtype=torch.uint8)
    weights = sum(p.numel() * p.element_size() for p in model.parameters()) / GIB
    print(f'{args.config}: one frame from {_window(args)}', flush=True)
    model.head_output = timed
    watch = _Watch(args.device)
    with LiveBytes() as live:
        model.test_step({'inputs': {'frames': [frames]}, 'data_samples': [sample]})
    total = watch.read()
    del model.head_output  # the method of the class again
    print(
        f'  all {len(passes)} passes: {total}, {live.peak / GIB:.2f} GiB at the peak, '
        f'besides {weights:.2f} GiB of weights; {_memory_of_process(args.device)}',
        flush=True,
    )


def _compare_propagation(
    model: AVSegmentor, ours: LabelPropagation, args: argparse.Namespace
) -> harness.Result:
    """Time and memory of label propagation on the maps of the window, against the published."""
    height, width = (-(-side // model.backbone.out_strides[0]) for side in args.size)
    classes = model.decode_head.num_classes
    feature = torch.randn(
        args.frames, ours.self_attn.key_proj.in_features, height, width, device=args.device
    )
    logits = torch.randn(args.frames, classes, height, width, device=args.device)
    theirs = published_form(ours)
    published, candidate = (
        _propagate(module, logits, feature, args.device) for module in (theirs, ours)
    )
    peaks = [_peak(call) for call in (published, candidate)]
    labels = ours.encoder(F.interpolate(logits, scale_factor=ours.label_scale))
    tokens = args.frames * labels.shape[2] * labels.shape[3]
    ratio = peaks[0] / peaks[1]
    met = 'met' if ratio >= FEWER_BYTES else 'NOT met'
    print(
        f'label propagation, L = {tokens} tokens: published {peaks[0] / GIB:.3f} GiB, here '
        f'{peaks[1] / GIB:.3f} GiB, {ratio:.1f} times less (aim: {FEWER_BYTES:g} times, {met})'
    )
    return harness.compare(
        f'label propagation, L = {tokens}, published against ours',
        published,
        candidate,
        rounds=args.rounds,
        check=lambda one, other: float((one - other).abs().max() / one.std()),
        tolerance=TOLERANCE,
        clock='wall',
    )


def _propagate(module: nn.Module, logits: Tensor, feature: Tensor, device: str):
    @torch.no_grad()
    def call() -> Tensor:
        result = module(logits, feature, (len(logits),))
        _wait(device)
        return result

    return call


def _peak(call) -> int:
    """Bytes of live tensors at the peak of a call."""
    with LiveBytes() as live:
        call()
    return live.peak


class _Watch:
    """Seconds since it was made, by both clocks; the processor's counts all threads."""

    def __init__(self, device: str) -> None:
        self._device = device
        self._start = time.perf_counter(), time.process_time()

    def read(self) -> str:
        """As text."""
        _wait(self._device)
        wall, cpu = time.perf_counter() - self._start[0], time.process_time() - self._start[1]
        return f'{wall:.2f} s ({cpu:.2f} s of processors)'


def _wait(device: str) -> None:
    if device.startswith('cuda'):
        torch.cuda.synchronize()


def _window(args: argparse.Namespace) -> str:
    height, width = args.size
    return f'{args.frames} frames of {height} x {width} on {args.device}'


def _memory_of_process(device: str) -> str:
    """What the process, or the GPU, had in use at most."""
    if device.startswith('cuda'):
        return f'GPU {torch.cuda.max_memory_allocated() / GIB:.2f} GiB'
    return f'process {harness.peak_memory() / GIB:.2f} GiB'
