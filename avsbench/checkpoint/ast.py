"""Published weights of AST: the authors' layout and that of transformers.

Repository: github.com/YuanGongND/ast (BSD-3-Clause), whose files have `v.` before timm's keys; on
the Hugging Face Hub the same weights are MIT/ast-finetuned-*, where query, key and value are apart.
"""

import re

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from avsbench.checkpoint.adapter import CheckpointAdapter, KeyRule, StateDict
from avsbench.checkpoint.pretrained import Matched, check_fit
from avsbench.utils.errors import CheckpointError

POSITIONS = ('cut', 'interpolate')

AST_AUTHORS = CheckpointAdapter(
    name='AST',
    head='none (audio encoder alone)',
    signature=('v.pos_embed', 'v.patch_embed.proj.weight'),
    rules=(KeyRule('v.{rest}', '{rest}'),),
    unused=('v.head.{rest}', 'v.head_dist.{rest}', 'mlp_head.{rest}'),
)
_ROOT = 'audio_spectrogram_transformer'
_LAYER = f'{_ROOT}.encoder.layer.{{i}}'
AST_TRANSFORMERS = CheckpointAdapter(
    name='AST in transformers',
    head='none (audio encoder alone)',
    signature=(f'{_ROOT}.embeddings.position_embeddings', f'{_ROOT}.layernorm.weight'),
    rules=(
        KeyRule(f'{_ROOT}.embeddings.cls_token', 'cls_token'),
        KeyRule(f'{_ROOT}.embeddings.distillation_token', 'dist_token'),
        KeyRule(f'{_ROOT}.embeddings.position_embeddings', 'pos_embed'),
        KeyRule(
            f'{_ROOT}.embeddings.patch_embeddings.projection.{{rest}}', 'patch_embed.proj.{rest}'
        ),
        KeyRule(f'{_LAYER}.layernorm_before.{{rest}}', 'blocks.{i}.norm1.{rest}'),
        KeyRule(f'{_LAYER}.layernorm_after.{{rest}}', 'blocks.{i}.norm2.{rest}'),
        KeyRule(f'{_LAYER}.attention.attention.{{rest}}', 'blocks.{i}.attn.{rest}'),
        KeyRule(f'{_LAYER}.attention.output.dense.{{rest}}', 'blocks.{i}.attn.proj.{rest}'),
        KeyRule(f'{_LAYER}.intermediate.dense.{{rest}}', 'blocks.{i}.mlp.fc1.{rest}'),
        KeyRule(f'{_LAYER}.output.dense.{{rest}}', 'blocks.{i}.mlp.fc2.{rest}'),
        KeyRule(f'{_ROOT}.layernorm.{{rest}}', 'norm.{rest}'),
    ),
    unused=('classifier.{rest}',),
)
_QUERY = re.compile(r'(.+\.attn)\.query\.(weight|bias)')


def match_ast(state: StateDict, module: nn.Module, path: str, *, positions: str) -> Matched:
    """Rename published weights of AST, and bring their position codes to the network's window.

    Args:
        state: The file's state dict, in either layout, or under timm's own keys.
        module: Plain vision transformer of timm on spectrograms (mel, time).
        path: The file, for messages.
        positions: See `AudioSpectrogramTransformer`.

    Raises:
        CheckpointError: Keys are missing or left over, or shapes differ.
    """
    left_out: list[str] = []
    for adapter in (AST_AUTHORS, AST_TRANSFORMERS):
        if adapter.matches(state):
            state, left_out = adapter.to_ours(state)
    found = _joined(state)
    if 'pos_embed' in found:
        codes, prefix = found['pos_embed'], module.num_prefix_tokens
        grid = module.patch_embed.grid_size
        found['pos_embed'] = fit_positions(codes, prefix, grid, path, positions=positions)
    check_fit(found, module.state_dict(), f'{path} does not fit {type(module).__name__}')
    return Matched(found, left_out)


def fit_positions(
    codes: Tensor, prefix: int, grid: tuple[int, int], path: str, *, positions: str
) -> Tensor:
    """Position codes of one window as those of another.

    Args:
        codes: (1, prefix + mel x time, C), time inner.
        prefix: Tokens in front of the places.
        grid: (mel, time) places of the window wanted; mel is that of the file.
        path: The file, for messages.
        positions: 'cut' the middle out of those of a longer window, or 'interpolate' them.

    Returns:
        (1, prefix + mel x time, C) for the grid.

    Raises:
        CheckpointError: The file has another number of places along mel.
    """
    rows, columns = grid
    places = codes[:, prefix:]
    if places.shape[1] % rows:
        raise CheckpointError(
            f'{path}: {places.shape[1]} position codes are no multiple of the {rows} places along '
            'mel that the network has; set patch_stride to that of the file'
        )
    table = places.unflatten(1, (rows, -1)).permute(0, 3, 1, 2)  # (1, C, mel, time)
    given = table.shape[-1]
    if given > columns and positions == 'cut':
        start = given // 2 - columns // 2
        table = table[..., start : start + columns]
    elif given != columns:
        table = F.interpolate(table.float(), grid, mode='bilinear').to(codes.dtype)
    return torch.cat([codes[:, :prefix], table.flatten(2).transpose(1, 2)], dim=1)


def _joined(state: StateDict) -> StateDict:
    """The same with query, key and value of a layer in one tensor, as timm has them."""
    joined = {}
    for key, tensor in state.items():
        if match := _QUERY.fullmatch(key):
            parts = [state.get(f'{match[1]}.{part}.{match[2]}') for part in ('key', 'value')]
            if all(part is not None for part in parts):
                joined[f'{match[1]}.qkv.{match[2]}'] = torch.cat([tensor, *parts])
        elif not re.fullmatch(r'.+\.attn\.(key|value)\.(weight|bias)', key):
            joined[key] = tensor
    return joined
