"""timm's plain vision transformers and PVTv2 as backbones that hand their tokens on."""

from typing import Any

import torch
import torch.nn.functional as F
from timm.models.pvt_v2 import PyramidVisionTransformerV2
from torch import Tensor, nn

from avsbench.checkpoint.adapter import StateDict
from avsbench.checkpoint.pretrained import Matched
from avsbench.models.timm_networks import create_network, whole_network
from avsbench.models.tokens import TokenBackbone, TokenState
from avsbench.registry import MODELS
from avsbench.utils.errors import ConfigError


@MODELS.register_module()
class ViTTokenBackbone(TokenBackbone):
    """A plain vision transformer, such as DINOv2 or DINOv3.

    Further tokens have no place: a rotary code turns those of the map alone. Weight files may hold
    the projections of an attention joined (`attn.qkv`) where the network has them apart
    (`options=dict(qkv_fused=False)`).
    """

    def forward(self, frames: Tensor) -> TokenState:
        """The tokens of frames (N, 3, H, W): class token, registers, patches."""
        model = self.model
        try:
            patches = model.patch_embed(frames)
        except AssertionError as error:
            raise ConfigError(
                f'ViTTokenBackbone: {self.model_name} does not take frames of (H, W) '
                f'{tuple(frames.shape[-2:])}: {error}; bring them to another size, or set '
                'options=dict(dynamic_img_size=True)'
            ) from error
        grid = patches.shape[1:3] if patches.dim() == 4 else model.patch_embed.grid_size
        placed = model._pos_embed(patches)  # with a rotary code, if there is one
        tokens, code = placed if isinstance(placed, tuple) else (placed, None)
        tokens = model.norm_pre(tokens)
        state = TokenState(tokens, (grid[0], grid[1]), self.stop_block, self, code)
        for index in range(self.stop_block):
            tokens = self.run_block(state, tokens, index, None, 0)
        state.tokens = tokens
        return state

    def create(self, options: dict[str, Any]) -> nn.Module:
        """See `TokenBackbone.create`."""
        whole = {'num_classes': 0, 'global_pool': '', **options}
        model = create_network('ViTTokenBackbone', self.model_name, **whole)
        plain = all(hasattr(model, name) for name in ('patch_embed', '_pos_embed', 'norm_pre'))
        if not plain or getattr(model, 'rope_mixed', False):
            raise ConfigError(
                f'ViTTokenBackbone: {self.model_name} is no plain vision transformer whose blocks '
                'share one code of places, such as vit_base_patch16_dinov3; take another, or '
                'TimmBackbone'
            )
        self.out_channels = [model.embed_dim]
        self.out_strides = (model.patch_embed.patch_size[0],)
        return model

    def blocks(self) -> list[nn.Module]:
        """See `TokenBackbone.blocks`."""
        return list(self.model.blocks)

    def run_block(
        self,
        state: TokenState,
        tokens: Tensor,
        index: int,
        attn_mask: Tensor | None,
        num_extra: int,
    ) -> Tensor:
        """See `TokenState.run_block`."""
        block, code = self.model.blocks[index], state.code
        if code is None:
            return block(tokens, attn_mask=attn_mask)
        if num_extra:
            # timm turns all tokens but the first few; an angle of zero leaves the others alone.
            zero = code.new_zeros(num_extra, code.shape[1] // 2)
            code = torch.cat((torch.cat((zero, zero + 1), 1), code))  # sines, then cosines
        return block(tokens, rope=code, attn_mask=attn_mask)

    def norm(self, tokens: Tensor) -> Tensor:
        """See `TokenState.norm`."""
        return self.model.norm(tokens)

    def published_options(self) -> dict[str, Any]:
        """See `TokenBackbone.published_options`."""
        options = super().published_options()
        options.pop('qkv_fused', None)
        return options

    def match(self, state: StateDict, network: nn.Module, path: str) -> Matched:
        """See `TokenBackbone.match`."""
        if self.options.get('qkv_fused', True) or any('.q_proj.' in key for key in state):
            return super().match(state, network, path)
        joined = whole_network(self.model_name, self.published_options())
        found, left_out = super().match(state, joined, path)
        return Matched(_split_projections(found), left_out)

    def parameter_depths(self) -> dict[str, int]:
        """See `TokenBackbone.parameter_depths`."""
        depths = {}
        for name, _ in self.named_parameters():
            parts = name.split('.')  # model.blocks.3.attn.qkv.weight
            if parts[1] == 'blocks':
                depths[name] = int(parts[2])
            else:
                depths[name] = self.num_blocks - 1 if parts[1] == 'norm' else 0
        return depths


@MODELS.register_module()
class PVTTokenBackbone(TokenBackbone):
    """The first stages of a PVTv2; the head runs blocks of the last of them.

    The depthwise convolutions in its blocks take all tokens, further ones included, as a square,
    row by row.

    Args:
        model_name: See `TokenBackbone`.
        stop_block: See `TokenBackbone`; blocks are counted over the stages.
        num_stages: Stages that are kept.
        unreduced_blocks: How many of the last blocks attend to all tokens instead of to a map of a
            lower resolution; only they take further tokens. Their reductions are left out.
        options: See `TokenBackbone`.
        drop_path_rate: See `TokenBackbone`.
        weights: See `TokenBackbone`.
        require_weights: See `TokenBackbone`.

    Raises:
        ConfigError: There are fewer stages or blocks; else as `TokenBackbone`.
    """

    def __init__(
        self,
        model_name: str,
        *,
        stop_block: int,
        num_stages: int = 3,
        unreduced_blocks: int = 0,
        options: dict[str, Any] | None = None,
        drop_path_rate: float | None = None,
        weights: str | None = None,
        require_weights: bool = True,
    ) -> None:
        self.num_stages = num_stages
        super().__init__(
            model_name,
            stop_block=stop_block,
            options=options,
            drop_path_rate=drop_path_rate,
            weights=weights,
            require_weights=require_weights,
        )
        last = self.model.stages[-1].blocks
        if not 0 <= unreduced_blocks <= len(last):
            raise ConfigError(
                f'PVTTokenBackbone: unreduced_blocks={unreduced_blocks}, but stage {num_stages} of '
                f'{model_name} has {len(last)} blocks'
            )
        for block in list(last)[len(last) - unreduced_blocks :]:
            block.attn.sr = block.attn.norm = None

    def forward(self, frames: Tensor) -> TokenState:
        """The tokens of frames (N, 3, H, W), those of the last stage's map."""
        maps = self.model.patch_embed(frames)  # (N, h, w, C)
        index = 0
        for stage in self.model.stages:
            if stage.downsample is not None:
                maps = stage.downsample(maps)
            grid = maps.shape[1], maps.shape[2]
            tokens = maps.flatten(1, 2)
            for block in stage.blocks:
                if index == self.stop_block:
                    break
                tokens = block(tokens, grid)
                index += 1
            else:
                maps = stage.norm(tokens).unflatten(1, grid).permute(0, 3, 1, 2)
        return TokenState(tokens, grid, self.stop_block, self)

    def create(self, options: dict[str, Any]) -> nn.Module:
        """See `TokenBackbone.create`."""
        model = create_network('PVTTokenBackbone', self.model_name, num_classes=0, **options)
        if not isinstance(model, PyramidVisionTransformerV2):
            raise ConfigError(f'PVTTokenBackbone: {self.model_name} is no PVTv2, such as pvt_v2_b5')
        if not 1 <= self.num_stages <= len(model.stages):
            raise ConfigError(
                f'PVTTokenBackbone: num_stages={self.num_stages}, but {self.model_name} has '
                f'{len(model.stages)}'
            )
        info = model.feature_info[self.num_stages - 1]
        self.out_channels, self.out_strides = [info['num_chs']], (info['reduction'],)
        model.stages = model.stages[: self.num_stages]
        return model

    def blocks(self) -> list[nn.Module]:
        """See `TokenBackbone.blocks`."""
        return [block for stage in self.model.stages for block in stage.blocks]

    def first_stop(self) -> int:
        """See `TokenBackbone.first_stop`."""
        return self.num_blocks - len(self.model.stages[-1].blocks)

    def run_block(
        self,
        state: TokenState,
        tokens: Tensor,
        index: int,
        attn_mask: Tensor | None,
        num_extra: int,
    ) -> Tensor:
        """See `TokenState.run_block`."""
        block = self.model.stages[-1].blocks[index - self.first_stop()]
        if not num_extra and attn_mask is None:
            return block(tokens, state.grid)
        if block.attn.sr is not None:
            raise ConfigError(
                f'PVTTokenBackbone: block {index} attends to a reduced map, so that it takes no '
                f'further tokens; set unreduced_blocks to {self.num_blocks - index} or more'
            )
        side = int(tokens.shape[1] ** 0.5)
        if side * side != tokens.shape[1]:
            raise ConfigError(
                f'PVTTokenBackbone: {num_extra} further tokens and the {state.num_places} of the '
                f'map {state.grid} (h, w) make no square; set their number to '
                f'{(side + 1) ** 2 - state.num_places}, or change the size of the frames'
            )
        attended = _attend(block.attn, block.norm1(tokens), attn_mask)
        tokens = tokens + block.drop_path1(attended)
        return tokens + block.drop_path2(block.mlp(block.norm2(tokens), (side, side)))

    def norm(self, tokens: Tensor) -> Tensor:
        """See `TokenState.norm`."""
        return self.model.stages[-1].norm(tokens)

    def parameter_depths(self) -> dict[str, int]:
        """See `TokenBackbone.parameter_depths`."""
        depths, first = {}, 0
        for number, stage in enumerate(self.model.stages):
            for name, _ in stage.named_parameters():
                parts = name.split('.')
                last = first + len(stage.blocks) - 1
                depth = {'blocks': first + int(parts[1]) if parts[0] == 'blocks' else 0}
                depths[f'model.stages.{number}.{name}'] = {
                    **depth,
                    'downsample': first,
                    'norm': last,
                }[parts[0]]
            first += len(stage.blocks)
        return {name: depths.get(name, 0) for name, _ in self.named_parameters()}


def _split_projections(state: StateDict) -> StateDict:
    """Queries, keys and values of each attention apart; keys have no bias."""
    split: StateDict = {}
    for key, value in state.items():
        prefix, _, last = key.rpartition('.attn.')
        if last == 'qkv.weight':
            for name, part in zip('qkv', value.chunk(3), strict=True):
                split[f'{prefix}.attn.{name}_proj.weight'] = part
        elif last in ('q_bias', 'v_bias'):
            split[f'{prefix}.attn.{last[0]}_proj.bias'] = value
        else:
            split[key] = value
    return split


def _attend(attn: nn.Module, tokens: Tensor, mask: Tensor | None) -> Tensor:
    """PVTv2's attention without reduction, which takes no mask in timm."""
    heads = attn.num_heads
    query = attn.q(tokens).unflatten(-1, (heads, -1)).transpose(1, 2)  # (N, heads, S, D / heads)
    key, value = attn.kv(tokens).unflatten(-1, (2, heads, -1)).permute(2, 0, 3, 1, 4)
    attended = F.scaled_dot_product_attention(query, key, value, mask)
    return attn.proj_drop(attn.proj(attended.transpose(1, 2).flatten(2)))
