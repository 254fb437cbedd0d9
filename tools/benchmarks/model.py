"""AVSegFormer's forward pass and training step against the published formulation (G8)."""

import argparse
import copy

import torch
from mmengine.registry import DefaultScope
from torch import Tensor, nn

from avsbench.config.loading import load_config
from avsbench.config.paths import config_file
from avsbench.models.layers import MultiheadAttention, MultiScaleDeformableAttention
from avsbench.registry import MODELS
from avsbench.systems.avsegformer.fusion import ChannelGateFusion, FusionOutput
from avsbench.utils import ops
from benchmarks import harness
from benchmarks.published_deform_attn import published_fused

MODES = ('forward', 'train')
BASELINES = {'forward': ('published', 'reference'), 'train': ('reference',)}
# Largest difference: of a logit in standard deviations of the logits; of loss and gradient norm.
PARITY = {'forward': 3e-5, 'train': 1e-3}


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


def published_form(model: nn.Module) -> nn.Module:
    """A copy of our network that computes each part as the published code does."""
    model = copy.deepcopy(model)
    for module in list(model.modules()):
        if isinstance(module, MultiScaleDeformableAttention):
            module.__class__ = PublishedDeformableAttention
        elif isinstance(module, ChannelGateFusion):
            module.__class__ = PublishedChannelGate
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
        '--baseline',
        choices=('published', 'reference'),
        nargs='+',
        help='the published network, or ours with the deformable attention of plain PyTorch '
        'operators; default: both for forward, reference for train (a published training step '
        'takes 10 GB)',
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
                for baseline in args.baseline or BASELINES[mode]:
                    if baseline == 'published':
                        results.append(_against_published(model, config, mode, args, threads))
                    elif args.baseline or ops.choose('cpu', 'auto').compiled:
                        results.append(_against_reference(model, config, mode, args, threads))
                    else:
                        print(f'{config} {mode}: no compiled operator to compare; {ops.BUILD}')
    return harness.exit_code(results)


def _against_published(
    ours: nn.Module, config: str, mode: str, args: argparse.Namespace, threads: int
) -> harness.Result:
    """Ours with the operator that is there, against the published form of all parts."""
    theirs = published_form(ours)
    title = f'{_title(config, mode, args, threads)}, published against ours'
    return _compare(
        title, _call(theirs, mode, args), _call(ours, mode, args), mode, args, threads,
        # Dropout is drawn in another order, so that losses can't be compared.
        check=_logit_error if mode == 'forward' else None,
        must=1.1 if mode == 'forward' else None,
        stretch=(2.0 if threads == 1 else 1.57) if mode == 'forward' else None,
    )  # fmt: skip


def _against_reference(
    model: nn.Module, config: str, mode: str, args: argparse.Namespace, threads: int
) -> harness.Result:
    """One network whose deformable attention takes one path and the other."""
    call = _call(model, mode, args)

    def take(path: str):
        def run_on_path():
            with ops.use_path(path):
                return call()

        return run_on_path

    title = f'{_title(config, mode, args, threads)}, reference against compiled operator'
    check = _logit_error if mode == 'forward' else _step_error
    return _compare(title, take('reference'), take('cpu'), mode, args, threads, check=check)


def _compare(
    title: str, baseline, candidate, mode: str, args: argparse.Namespace, threads: int, **goals
) -> harness.Result:
    return harness.compare(
        title,
        baseline,
        candidate,
        rounds=args.rounds if mode == 'forward' else max(1, args.rounds // 2),
        tolerance=PARITY[mode],
        clock='cpu' if threads == 1 else 'wall',
        **goals,
    )


def _title(config: str, mode: str, args: argparse.Namespace, threads: int) -> str:
    return (
        f'{config} {mode}, {args.frames} frames, {args.size} px, {threads} thread(s), '
        'random weights'
    )


def _call(model: nn.Module, mode: str, args: argparse.Namespace):
    torch.manual_seed(0)
    inputs = {
        'frames': torch.randn(args.frames, 3, args.size, args.size),
        'audio': torch.randn(args.frames, 1, 96, 64),
        'clip_lengths': (args.frames,),
    }
    return _forward(model, inputs) if mode == 'forward' else _training_step(model, inputs)


def _forward(model: nn.Module, inputs: dict):
    @torch.no_grad()
    def call() -> Tensor:
        return model.eval()(inputs).logits

    return call


def _training_step(model: nn.Module, inputs: dict):
    """Forward, backward and optimizer; a learning rate of 0 repeats the same step each time."""
    frames = inputs['frames']
    inputs['gt_masks'] = (frames[:, 0] > 0).long()
    inputs['gt_valid'] = torch.ones(len(frames), dtype=torch.bool)
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.0)

    def call() -> tuple[float, float]:
        torch.manual_seed(0)  # dropout
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
