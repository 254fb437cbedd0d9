"""AVSegFormer's forward pass and training step against the published formulation.

The published network always computes in float32; ours also in bfloat16, as `--amp bf16` does.
"""

import argparse
import copy
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from functools import partial

import torch
import torch.nn.functional as F
from mmengine.registry import DefaultScope
from torch import Tensor, nn

from avsbench.analysis.complexity import LiveBytes
from avsbench.config.loading import load_config
from avsbench.config.paths import config_file
from avsbench.models.layers import (
    FFN,
    Dropout,
    MultiheadAttention,
    MultiScaleDeformableAttention,
)
from avsbench.registry import MODELS
from avsbench.systems.avsegformer.fusion import ChannelGateFusion, FusionOutput
from avsbench.systems.avsegformer.head import AVSegFormerHead, QueryMLP
from avsbench.utils import ops
from benchmarks import harness
from benchmarks.published_deform_attn import published_fused

PRECISIONS = ('fp32', 'bf16')
MODES = ('forward', 'train')
AUTOCAST = {'fp32': nullcontext, 'bf16': partial(torch.autocast, 'cpu', torch.bfloat16)}
BASELINES = ('published', 'reference')
# Least ratios, and those to aim at; docs/benchmarks/model_cpu.md says what bounds them.
MUST = {
    ('forward', 'fp32'): 1.1,
    ('forward', 'bf16'): 1.8,
    ('train', 'fp32'): 1.0,
    ('train', 'bf16'): 1.5,
}
STRETCH = {
    ('forward', 'fp32'): 2.0,
    ('forward', 'bf16'): 3.0,
    ('train', 'fp32'): None,
    ('train', 'bf16'): 2.0,
}
# Largest difference: of a logit in standard deviations of the logits; of loss and gradient norm.
PARITY = {'forward': 3e-5, 'train': 1e-3}
# The same of bfloat16 with random weights; what it does to scores is in docs/benchmarks/amp.md.
BF16_PARITY = 0.5


class PublishedAttention(nn.Module):
    """torch's module with its defaults: weights returned and averaged over the heads."""

    def __init__(self, ours: MultiheadAttention) -> None:
        super().__init__()
        bias = ours.in_proj_bias is not None
        self.attn = nn.MultiheadAttention(
            ours.embed_dims, ours.num_heads, dropout=ours.dropout, bias=bias, batch_first=True
        )
        self.attn.load_state_dict(ours.state_dict())

    def forward(
        self, query: Tensor, key: Tensor, value: Tensor, attn_mask: Tensor | None = None
    ) -> Tensor:
        """Attend with an all-false padding mask, as the decoder is called; no other mask."""
        if attn_mask is not None:
            raise ValueError('the published network has no attention mask, but one was passed')
        padding = torch.zeros(key.shape[:2], dtype=torch.bool, device=key.device)
        return self.attn(query, key, value, key_padding_mask=padding)[0]


class PublishedDeformableAttention(MultiScaleDeformableAttention):
    """Locations and softmax written out, one grid_sample per level, all samples stacked."""

    def forward(
        self,
        query: Tensor,
        value: Tensor,
        reference_points: Tensor,
        spatial_shapes: list[tuple[int, int]],
    ) -> Tensor:
        """Same arguments and result as the layer it stands for."""
        num, queries, _ = query.shape
        heads, levels, points = self.num_heads, self.num_levels, self.num_points
        attended = published_fused(
            self.value_proj(value).view(num, value.shape[1], heads, -1),
            spatial_shapes,
            reference_points,
            self.sampling_offsets(query).view(num, queries, heads, levels, points, 2),
            self.attention_weights(query).view(num, queries, heads, levels * points),
        )
        return self.output_proj(attended)


class PublishedChannelGate(ChannelGateFusion):
    """The attention written out."""

    def forward(self, feature: Tensor, audio: Tensor) -> FusionOutput:
        """Same arguments and result as the fusion it stands for."""
        query = self._split_heads(self.q_proj(audio))
        key, value = self.kv_proj(feature.flatten(2).transpose(1, 2)).chunk(2, -1)
        key, value = self._split_heads(key), self._split_heads(value)
        weights = (query @ key.transpose(-2, -1) * query.shape[-1] ** -0.5).softmax(-1)
        gate = self.proj((weights @ value).transpose(1, 2).flatten(2))
        return FusionOutput(feature * gate.sigmoid().transpose(1, 2)[..., None], audio, {})


class PublishedFFN(FFN):
    """Two linear layers and the activation, one after the other."""

    def forward(self, tokens: Tensor) -> Tensor:
        """Same argument and result as the layer it stands for."""
        act = {'relu': F.relu, 'gelu': F.gelu}[self.act]
        return self.dropout(self.fc2(self.dropout(act(self.fc1(tokens)))))


class PublishedQueryMLP(QueryMLP):
    """Maps of all frames at once, and convolutions of a pixel each."""

    def forward(self, queries: Tensor, feature: Tensor) -> Tensor:
        """Same arguments and result as the layer it stands for."""
        maps = torch.einsum('nqc,nchw->nqhw', queries, feature)
        *hidden, last = self.layers
        for layer in hidden:
            maps = layer(maps).relu_()
        return last(maps)


class PublishedPredictor(nn.Sequential):
    """The convolutions on maps whose channels are planes."""

    def forward(self, maps: Tensor) -> Tensor:
        """Same argument and result as the module it stands for."""
        return super().forward(maps.contiguous())


PUBLISHED = {
    MultiScaleDeformableAttention: PublishedDeformableAttention,
    ChannelGateFusion: PublishedChannelGate,
    FFN: PublishedFFN,
    QueryMLP: PublishedQueryMLP,
    Dropout: nn.Dropout,
}


def published_form(model: nn.Module) -> nn.Module:
    """A copy of our network that computes each part as the published code does."""
    model = copy.deepcopy(model)
    for module in list(model.modules()):
        module.__class__ = PUBLISHED.get(type(module), type(module))
        if isinstance(module, AVSegFormerHead):
            module.predictor = PublishedPredictor(*module.predictor)
        if hasattr(module, 'fused_attn'):  # timm's switch between fused and written-out attention
            module.fused_attn = False
        for name, child in module.named_children():
            if isinstance(child, MultiheadAttention):
                setattr(module, name, PublishedAttention(child))
    return model


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of `tools/benchmark.py model`."""
    parser.add_argument('--config', nargs='+', default=['s4/pvt2.py', 's4/res50.py'])
    parser.add_argument('--mode', choices=MODES, nargs='+', default=MODES)
    parser.add_argument(
        '--precision', choices=PRECISIONS, nargs='+', default=PRECISIONS, help='of ours'
    )
    parser.add_argument(
        '--baseline',
        choices=('published', 'reference'),
        nargs='+',
        help='the published network (a training step takes 10 GB), or ours with the deformable '
        'attention of plain PyTorch operators; default: both',
    )
    parser.add_argument('--frames', type=int, default=5)
    parser.add_argument('--size', type=int, default=224, help='pixels of a side')
    parser.add_argument('--threads', type=int, nargs='+', default=[1, 2])
    parser.add_argument('--rounds', type=int, default=5, help='of forward; half of it of train')


def run(args: argparse.Namespace) -> int:
    """Compare forward passes and training steps for each config and number of threads."""
    results = []
    for threads in args.threads:
        harness.header(threads)
        print(f'deformable attention: {ops.describe()["cpu"]}')
        for config in args.config:
            torch.manual_seed(0)
            with DefaultScope.overwrite_default_scope('avsbench'):
                model = MODELS.build(load_config(config_file(config)).model)
            for mode in args.mode:
                for baseline in args.baseline or BASELINES:
                    if baseline == 'published':
                        results += [
                            _against_published(model, config, mode, precision, args, threads)
                            for precision in args.precision
                        ]
                    elif args.baseline or ops.choose('cpu', 'auto').compiled:
                        results.append(_against_reference(model, config, mode, args, threads))
                    else:
                        print(f'{config} {mode}: no compiled operator to compare; {ops.BUILD}')
    return harness.exit_code(results)


def _against_published(
    ours: nn.Module,
    config: str,
    mode: str,
    precision: str,
    args: argparse.Namespace,
    threads: int,
) -> harness.Result:
    """Ours with the operator that is there, against the published form of all parts."""
    title = f'{_title(config, mode, args, threads)}, published against ours in {precision}'
    theirs = _call(published_form(ours), mode, 'fp32', args)
    candidate = _call(ours, mode, precision, args)
    result = _compare(
        title, theirs, candidate, mode, args, threads,
        # Dropout is drawn in another order, so that losses can't be compared.
        check=_logit_error if mode == 'forward' else None,
        tolerance=BF16_PARITY if precision == 'bf16' else PARITY[mode],
        must=MUST[mode, precision],
        stretch=STRETCH[mode, precision],
    )  # fmt: skip
    _print_memory(theirs, candidate)
    return result


def _print_memory(baseline, candidate) -> None:
    """Bytes of the tensors that a call makes, at their peak: weights are not among them."""
    peaks = []
    for call in (baseline, candidate):
        with LiveBytes() as live:
            call()
        peaks.append(live.peak)
    theirs, ours = (f'{peak / 2**30:.2f} GiB' for peak in peaks)
    share = peaks[1] / max(peaks[0], 1)
    print(f'  memory     {theirs} at the peak, ours {ours}: {share:.2f} of it', flush=True)


def _against_reference(
    model: nn.Module, config: str, mode: str, args: argparse.Namespace, threads: int
) -> harness.Result:
    """One network whose deformable attention takes one path and the other."""
    call = _call(model, mode, 'fp32', args)

    def take(path: str):
        def run_on_path():
            with ops.use_path(path):
                return call()

        return run_on_path

    title = f'{_title(config, mode, args, threads)}, reference against compiled operator'
    check = _logit_error if mode == 'forward' else _step_error
    return _compare(
        title, take('reference'), take('cpu'), mode, args, threads,
        check=check,
        tolerance=PARITY[mode],
    )  # fmt: skip


def _compare(
    title: str, baseline, candidate, mode: str, args: argparse.Namespace, threads: int, **goals
) -> harness.Result:
    return harness.compare(
        title,
        baseline,
        candidate,
        rounds=args.rounds if mode == 'forward' else max(1, args.rounds // 2),
        clock='cpu' if threads == 1 else 'wall',
        **goals,
    )


def _title(config: str, mode: str, args: argparse.Namespace, threads: int) -> str:
    return (
        f'{config} {mode}, {args.frames} frames, {args.size} px, {threads} thread(s), '
        'random weights'
    )


def _call(model: nn.Module, mode: str, precision: str, args: argparse.Namespace):
    torch.manual_seed(0)
    inputs = {
        'frames': torch.randn(args.frames, 3, args.size, args.size),
        'audio': torch.randn(args.frames, 1, 96, 64),
        'clip_lengths': (args.frames,),
    }
    context = AUTOCAST[precision]
    call = _forward if mode == 'forward' else _training_step
    return call(model, inputs, context)


def _forward(model: nn.Module, inputs: dict, autocast: Callable[[], AbstractContextManager]):
    @torch.inference_mode()
    def call() -> Tensor:
        with autocast():
            return model.eval()(inputs).logits.float()

    return call


def _training_step(model: nn.Module, inputs: dict, autocast: Callable[[], AbstractContextManager]):
    """Forward, backward and optimizer; a learning rate of 0 repeats the same step each time."""
    frames = inputs['frames']
    inputs['gt_masks'] = (frames[:, 0] > 0).long()
    inputs['gt_valid'] = torch.ones(len(frames), dtype=torch.bool)
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.0)

    def call() -> tuple[float, float]:
        torch.manual_seed(0)  # dropout
        with autocast():
            losses = model.train()(inputs, mode='loss')
        total = sum(losses.values())
        optimizer.zero_grad()
        total.backward()
        norm = torch.nn.utils.clip_grad_norm_(model.parameters(), float('inf'))  # only measures
        optimizer.step()
        return total.item(), norm.item()

    return call


def _logit_error(baseline: Tensor, candidate: Tensor) -> float:
    """Largest difference in standard deviations of the logits."""
    return float((baseline - candidate).abs().max() / baseline.std())


def _step_error(baseline: tuple[float, float], candidate: tuple[float, float]) -> float:
    """Largest relative difference of loss and gradient norm."""
    return max(abs(a - b) / abs(a) for a, b in zip(baseline, candidate, strict=True))
