"""AST: a vision transformer on overlapping patches of a log-mel spectrogram.

Paper: AST: Audio Spectrogram Transformer, arXiv 2104.01778. Repository:
github.com/YuanGongND/ast (BSD-3-Clause).
"""

from functools import partial
from typing import Any

from timm.layers import PatchEmbed
from timm.models.vision_transformer import VisionTransformer
from torch import Tensor, nn

from avsbench.checkpoint.ast import POSITIONS, match_ast
from avsbench.checkpoint.pretrained import PretrainedPart
from avsbench.media.front_ends import AST
from avsbench.models.audio_encoders.base import AudioEncoder
from avsbench.models.timm_networks import create_network, fetch_weights
from avsbench.registry import MODELS
from avsbench.utils.checks import check_choice
from avsbench.utils.errors import ConfigError

_OWNER = 'AudioSpectrogramTransformer'


class OverlappingPatches(PatchEmbed):
    """timm's embedding of patches, with a stride of its own.

    Args:
        stride: (rows, columns) in pixels.
        img_size: (H, W) of the images in pixels.
        options: Further arguments of `PatchEmbed`, as `VisionTransformer` gives them.
    """

    def __init__(self, stride: tuple[int, int], img_size: tuple[int, int], **options: Any) -> None:
        super().__init__(img_size, **options)
        conv = self.proj
        self.proj = nn.Conv2d(
            conv.in_channels,
            conv.out_channels,
            conv.kernel_size,
            stride,
            bias=conv.bias is not None,
            device=conv.weight.device,
        )
        spans = zip(img_size, self.patch_size, stride, strict=True)
        self.grid_size = tuple((side - patch) // step + 1 for side, patch, step in spans)
        self.num_patches = self.grid_size[0] * self.grid_size[1]


@MODELS.register_module()
class AudioSpectrogramTransformer(PretrainedPart, AudioEncoder):
    """Kaldi's filter banks of a second, through a plain vision transformer of timm.

    The vector is the mean of the class and distillation tokens, as AST publishes it, or of all
    places in a network without. The map has 9 x 12 places, time by mel, with AST's stride.

    Args:
        model_name: Name of a plain vision transformer in timm.
        patch_stride: (mel, time) stride of the patches in bands and frames; they overlap where it
            is less than the patch.
        mean: Mean of the log-mel values, subtracted from the input.
        std: Half of what the input is then divided by: AST publishes the standard deviation of
            AudioSet, and divides by twice that.
        tokens: See `AudioEncoder`.
        positions: How position codes of a longer window become those of a second when `weights` are
            loaded. 'cut': those of its middle, as published; 'interpolate': all of them, brought to
            the length of the second. Those of a shorter window are interpolated always.
        weights: File of the published weights in the authors' layout (`audioset_*.pth`) or that of
            transformers (`model.safetensors`); 'timm' for the weights that timm publishes for the
            network on images, its first layer summed over the colour channels and its position
            codes interpolated, from which AST itself was trained; None for random ones.
        require_weights: Whether a missing file stops the training, or is only reported.
        frozen: Keep the weights as they are.
        cache_dir: See `AudioEncoder`.

    Raises:
        ConfigError: No plain vision transformer of timm has that name, or the patches don't fit.
    """

    outputs = ('vector', 'tokens', 'map')
    front_end = AST.name

    def __init__(
        self,
        model_name: str = 'deit_base_distilled_patch16_384',
        *,
        patch_stride: tuple[int, int] = (10, 10),
        mean: float = -4.2677393,
        std: float = 4.5689974,
        tokens: str = 'vector',
        positions: str = 'cut',
        weights: str | None = None,
        require_weights: bool = True,
        frozen: bool = False,
        cache_dir: str | None = None,
    ) -> None:
        super().__init__(frozen=frozen, cache_dir=cache_dir, tokens=tokens)
        self.positions = check_choice(f'{_OWNER}: positions', positions, POSITIONS)
        self.model_name, self.mean, self.std = model_name, mean, std
        self.weights, self.require_weights = weights, require_weights
        _, frames, bands = AST.shape
        if min(patch_stride) < 1:
            raise ConfigError(f'{_OWNER}: patch_stride={tuple(patch_stride)}, expected 1 or more')
        self._options = {
            'img_size': (bands, frames),
            'in_chans': 1,
            'num_classes': 0,
            'dynamic_img_size': False,
            'embed_layer': partial(OverlappingPatches, tuple(patch_stride)),
        }
        self.model = _plain_transformer(model_name, self._options)
        self.set_grid(self.model.patch_embed.grid_size[::-1])
        self.out_channels = self.model.embed_dim
        if frozen:
            self.requires_grad_(False)

    def embed(self, patches: Tensor) -> Tensor:
        """Embed filter banks (N, 1, 98, 128); returns (N, 1, D), (N, 9, D) or (N, 108, D).

        Raises:
            ConfigError: The patches are those of another front end.
        """
        self.check_patches(patches)
        images = ((patches - self.mean) / (2 * self.std)).transpose(2, 3)  # (N, 1, 128, 98)
        every = self.model.forward_features(images)  # (N, prefix + mel x time, D)
        places = every[:, self.model.num_prefix_tokens :]
        if self.tokens == 'vector':
            summary = self.model.num_prefix_tokens - self.model.num_reg_tokens
            parts = every[:, :summary] if summary else places
            return self.model.fc_norm(parts.mean(1, keepdim=True))
        grid = places.unflatten(1, self.model.patch_embed.grid_size).transpose(1, 2)
        return self.model.fc_norm(self.tokens_of(grid))

    def init_weights(self) -> None:
        """Load the weights, if they are asked for.

        Raises:
            CheckpointError: They are missing, or don't fit.
        """
        if self.weights != 'timm':
            match = partial(match_ast, positions=self.positions)
            self.load_pretrained(self.model, 'AST weights', match)
        elif not self.checkpoint_follows:
            remedy = 'set weights=None to start from random numbers'
            state = fetch_weights(_OWNER, self.model_name, remedy, **self._options)
            self.model.load_state_dict(state)
            self.note_loaded(self.model, state)


def _plain_transformer(model_name: str, options: dict[str, Any]) -> VisionTransformer:
    """The network, whose class has the arguments of timm's plain vision transformer.

    Raises:
        ConfigError: It is of another kind.
    """
    problem = f'{_OWNER}: {model_name} is no plain vision transformer with position codes, such as '
    problem += 'deit_base_distilled_patch16_384 or vit_small_patch16_224'
    try:
        model = create_network(_OWNER, model_name, **options)
    except TypeError as error:  # an argument that networks of another kind lack
        raise ConfigError(problem) from error
    if not isinstance(model, VisionTransformer) or model.pos_embed is None:
        raise ConfigError(problem)
    return model
