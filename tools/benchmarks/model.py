"""AVSegFormer's forward pass and training step against the published formulation (G8)."""

import argparse
import copy

import torch
import torch.nn.functional as F
from mmengine.config import Config
from mmengine.registry import DefaultScope
from torch import Tensor, nn

from avsbench.models.fusion import ChannelGateFusion
from avsbench.models.layers import MultiheadAttention, MultiScaleDeformableAttention
from avsbench.registry import MODELS
from avsbench.structures import AVSDataSample
from avsbench.utils.paths import config_file
from benchmarks import harness

PARITY = 3e-5  # largest difference of a logit, in standard deviations of the logits


class PublishedAttention(nn.Module):
    """torch's module with its defaults: weights returned and averaged over the heads."""

    def __init__(self, ours: MultiheadAttention) -> None:
        super().__init__()
        bias = ours.in_proj_bias is not None
        self.attn = nn.MultiheadAttention(
            ours.embed_dims, ours.num_heads, dropout=ours.dropout, bias=bias, batch_first=True
        )
        self.attn.load_state_dict(ours.state_dict())

    def forward(self, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        """Attend with an all-false padding mask, as the decoder is called."""
        padding = torch.zeros(key.shape[:2], dtype=torch.bool, device=key.device)
        return self.attn(query, key, value, key_padding_mask=padding)[0]


class PublishedDeformableAttention(MultiScaleDeformableAttention):
    """Locations and softmax written out, one grid_sample a level, all samples stacked."""

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
        value = self.value_proj(value).view(num, value.shape[1], heads, -1)
        offsets = self.sampling_offsets(query).view(num, queries, heads, levels, points, 2)
        weights = self.attention_weights(query).view(num, queries, heads, levels * points)
        weights = weights.softmax(-1)
        sizes = torch.tensor([(w, h) for h, w in spatial_shapes], device=query.device)
        locations = (
            reference_points[:, :, None, :, None] + offsets / sizes[None, None, None, :, None]
        )
        grids = 2 * locations - 1
        samples = []
        for level, part in enumerate(value.split([h * w for h, w in spatial_shapes], 1)):
            height, width = spatial_shapes[level]
            plane = part.flatten(2).transpose(1, 2).reshape(num * heads, -1, height, width)
            grid = grids[:, :, :, level].transpose(1, 2).flatten(0, 1)
            samples.append(F.grid_sample(plane, grid, align_corners=False))
        weights = weights.transpose(1, 2).reshape(num * heads, 1, queries, levels * points)
        mixed = (torch.stack(samples, -2).flatten(-2) * weights).sum(-1)
        return self.output_proj(mixed.view(num, -1, queries).transpose(1, 2).contiguous())


class PublishedChannelGate(ChannelGateFusion):
    """The attention written out."""

    def forward(self, feature: Tensor, audio: Tensor) -> tuple[Tensor, Tensor]:
        """Same arguments and result as the fusion it stands for."""
        query = self._split_heads(self.q_proj(audio))
        key, value = self.kv_proj(feature.flatten(2).transpose(1, 2)).chunk(2, -1)
        key, value = self._split_heads(key), self._split_heads(value)
        weights = (query @ key.transpose(-2, -1) * query.shape[-1] ** -0.5).softmax(-1)
        gate = self.proj((weights @ value).transpose(1, 2).flatten(2))
        return feature * gate.sigmoid().transpose(1, 2)[..., None], audio


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
    parser.add_argument('--mode', choices=('forward', 'train'), default='forward')
    parser.add_argument('--frames', type=int, default=5)
    parser.add_argument('--size', type=int, default=224, help='pixels of a side')
    parser.add_argument('--threads', type=int, nargs='+', default=[1, 2])
    parser.add_argument('--rounds', type=int, default=5)


def run(args: argparse.Namespace) -> int:
    """Compare forward passes (or training steps) for each config and number of threads."""
    results = []
    for threads in args.threads:
        harness.header(threads)
        for config in args.config:
            results.append(_compare(config, args, threads))
    return harness.exit_code(results)


def _compare(config: str, args: argparse.Namespace, threads: int) -> harness.Result:
    torch.manual_seed(0)
    with DefaultScope.overwrite_default_scope('avsbench'):
        ours = MODELS.build(Config.fromfile(config_file(config)).model)
    theirs = published_form(ours)
    inputs = {
        'frames': torch.randn(args.frames, 3, args.size, args.size),
        'audio': torch.randn(args.frames, 1, 96, 64),
        'clip_lengths': (args.frames,),
    }
    title = f'{config} {args.mode}, {args.frames} frames, {args.size} px, {threads} thread(s)'
    clock = 'cpu' if threads == 1 else 'wall'
    if args.mode == 'train':
        steps = [_training_step(model.train(), inputs) for model in (theirs, ours)]
        return harness.compare(title, *steps, rounds=args.rounds, clock=clock)
    calls = [_forward(model.eval(), inputs) for model in (theirs, ours)]
    return harness.compare(
        f'{title} (random weights)',
        *calls,
        rounds=args.rounds,
        clock=clock,
        check=lambda a, b: float((a - b).abs().max() / a.std()),
        tolerance=PARITY,
        must=1.1,
        stretch=2.0 if threads == 1 else 1.57,
    )


def _forward(model: nn.Module, inputs: dict):
    @torch.no_grad()
    def call() -> Tensor:
        return model(inputs).logits

    return call


def _training_step(model: nn.Module, inputs: dict):
    frames = inputs['frames']
    sample = AVSDataSample()
    sample.gt_masks = (frames[:, 0] > 0).long()
    sample.gt_valid = torch.ones(len(frames), dtype=torch.bool)
    optimizer = torch.optim.AdamW(model.parameters(), lr=2e-5)

    def call() -> float:
        losses = model(inputs, [sample], mode='loss')
        total = sum(losses.values())
        optimizer.zero_grad()
        total.backward()
        optimizer.step()
        return float(total)

    return call
