"""HTS-AT, the audio network of LAION's CLAP, through the package transformers.

Papers: HTS-AT, arXiv 2202.00874; CLAP, arXiv 2211.06687. Weights: laion/clap-htsat-unfused and
laion/larger_clap_general on the Hugging Face Hub (Apache-2.0 by their pages).
"""

import inspect
from typing import Any

from torch import Tensor, nn

from avsbench.checkpoint.adapter import StateDict
from avsbench.checkpoint.pretrained import Matched, PretrainedPart, check_fit
from avsbench.media.front_ends import CLAP
from avsbench.models.audio_encoders.base import AudioEncoder
from avsbench.registry import MODELS
from avsbench.utils.errors import ConfigError, nearest
from avsbench.utils.extras import require

_MEL_BANDS = CLAP.shape[-1]


@MODELS.register_module()
class ClapAudioEncoder(PretrainedPart, AudioEncoder):
    """Mel spectrograms of a second that is repeated for ten, through HTS-AT.

    The vector is what CLAP projects into the space that it shares with text, before the projection.
    The map has 32 x 2 places, time by mel; its time is that of the ten seconds.

    Args:
        options: Arguments of transformers' `ClapAudioConfig`; those of clap-htsat-unfused where
            they are left out. Networks with fusion are not supported: for audio below ten seconds
            their own front end decides at random what is fused.
        tokens: See `AudioEncoder`.
        weights: File of the weights of a whole CLAP, or of its audio network, in the layout of
            transformers (`model.safetensors`, `pytorch_model.bin`); None for random ones.
        require_weights: Whether a missing file stops the training, or is only reported.
        frozen: Keep the weights as they are.
        cache_dir: See `AudioEncoder`.

    Raises:
        ConfigError: The package transformers is not installed, or the options don't fit.
    """

    outputs = ('vector', 'tokens', 'map')
    front_end = CLAP.name

    def __init__(
        self,
        *,
        options: dict[str, Any] | None = None,
        tokens: str = 'vector',
        weights: str | None = None,
        require_weights: bool = True,
        frozen: bool = True,
        cache_dir: str | None = None,
    ) -> None:
        super().__init__(frozen=frozen, cache_dir=cache_dir, tokens=tokens)
        package = require('transformers', 'ClapAudioEncoder')
        self.package_version = package.__version__  # what the cache keeps depends on it
        config = _config(package.ClapAudioConfig, options or {})
        self.model = package.ClapAudioModel(config)
        encoder = self.model.audio_encoder
        self.out_channels = encoder.num_features
        ratio = encoder.freq_ratio
        rows, columns = (
            side // 2 ** (len(config.depths) - 1) for side in encoder.patch_embed.grid_size
        )
        self.set_grid((columns * ratio, rows // ratio))
        self.weights, self.require_weights = weights, require_weights
        if frozen:
            self.requires_grad_(False)

    def embed(self, patches: Tensor) -> Tensor:
        """Embed mel spectrograms (N, 1, 1001, 64); returns (N, A, D).

        Raises:
            ConfigError: The patches are those of another front end.
        """
        self.check_patches(patches)
        output = self.model(input_features=patches)
        if self.tokens == 'vector':
            return output.pooler_output[:, None]
        return self.tokens_of(output.last_hidden_state.permute(0, 3, 2, 1))

    def init_weights(self) -> None:
        """Load the published weights, if there are any."""
        self.load_pretrained(self.model, 'CLAP weights', _match)


def _config(kind: type, options: dict[str, Any]) -> Any:
    """The configuration, of options that it knows.

    Raises:
        ConfigError: It doesn't know one, or the front end doesn't fit.
    """
    known = set(inspect.get_annotations(kind))
    for name in options:
        if name not in known:
            hint = nearest(name, known)
            raise ConfigError(f'ClapAudioEncoder: options: no argument {name!r}{hint}')
    config = kind(**options)
    if config.enable_fusion:
        raise ConfigError(
            'ClapAudioEncoder: options: enable_fusion=True is not supported; take a network '
            'without fusion, such as laion/clap-htsat-unfused'
        )
    if config.num_mel_bins != _MEL_BANDS:
        raise ConfigError(
            f'ClapAudioEncoder: options: num_mel_bins={config.num_mel_bins}, but the front end has '
            f'{_MEL_BANDS} bands'
        )
    return config


def _match(state: StateDict, module: nn.Module, path: str) -> Matched:
    """The audio network in the weights of a whole CLAP, or in a file of its own."""
    wanted = module.state_dict()
    found, left_out = {}, []
    for key, tensor in state.items():
        name = key.removeprefix('audio_model.')
        if name.startswith('audio_encoder.'):
            found[name] = tensor
        else:
            left_out.append(key)
    # Files may leave out what follows from the size of the windows.
    constants = [key for key in wanted if key.endswith('.relative_position_index')]
    found |= {key: wanted[key] for key in constants if key not in found}
    check_fit(found, wanted, f'{path} does not fit {type(module).__name__}')
    return Matched(found, left_out)
