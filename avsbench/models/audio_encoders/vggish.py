"""VGGish, the audio network of every published AVS system.

Paper: CNN Architectures for Large-Scale Audio Classification, arXiv 1609.09430. The PyTorch port
whose weights the field uses: github.com/harritaylor/torchvggish (Apache-2.0).
"""

import math

import torch
from torch import Tensor, nn

from avsbench.checkpoint.pretrained import PretrainedPart
from avsbench.models.audio_encoders.base import AudioEncoder
from avsbench.registry import MODELS
from avsbench.utils.errors import ConfigError

WIDTHS = (64, 'pool', 128, 'pool', 256, 256, 'pool', 512, 512, 'pool')
MAP_CHANNELS, MAP_GRID = WIDTHS[-2], (6, 4)  # time, mel


class PCAQuantizer(nn.Module):
    """AudioSet's post-processing: rotate by stored eigenvectors, clip to +-2, round to 8 bits.

    Args:
        width: Width of the embedding.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.register_buffer('pca_eigen_vectors', torch.eye(width))
        self.register_buffer('pca_means', torch.zeros(width, 1))

    def forward(self, embedding: Tensor) -> Tensor:
        """Map (N, D) to whole numbers 0 to 255 of the same shape and dtype."""
        rotated = (embedding - self.pca_means.T) @ self.pca_eigen_vectors.T
        return torch.round((rotated.clamp(-2, 2) + 2) * (255 / 4))


@MODELS.register_module()
class VGGish(PretrainedPart, AudioEncoder):
    """Log-mel patches of 0.96 s to embeddings of 128 non-negative numbers, to tokens or to a map.

    Args:
        frozen: Keep the weights as they are and run without gradient, as all systems do.
        cache_dir: See `AudioEncoder`.
        weights: File of the published weights (`vggish-10086976.pth`), or None for random ones.
        require_weights: Whether a missing file stops the training, or is only reported.
        pca: Whiten the embedding and quantise it to whole numbers 0 to 255, as AudioSet's released
            features were; the parameters are part of the checkpoint. No AVS system does it.
        tokens: What a patch becomes. 'vector': the embedding. 'map': the 6 x 4 places, time by
            mel, of the last convolution, with 512 channels each; the layers behind it do not run,
            but stay part of the checkpoint. 'tokens': 6 of them, the means over mel.

    Raises:
        ConfigError: What is to be whitened is not the embedding.
    """

    out_channels = 128
    outputs = ('vector', 'tokens', 'map')
    front_end = 'vggish'

    def __init__(
        self,
        *,
        frozen: bool = True,
        cache_dir: str | None = None,
        weights: str | None = None,
        require_weights: bool = True,
        pca: bool = False,
        tokens: str = 'vector',
    ) -> None:
        super().__init__(frozen=frozen, cache_dir=cache_dir, tokens=tokens)
        self.set_grid(MAP_GRID)
        if tokens != 'vector':
            if pca:
                raise ConfigError("VGGish: pca=True needs the embedding, tokens='vector'")
            self.out_channels = MAP_CHANNELS
        layers: list[nn.Module] = []
        channels = 1
        for width in WIDTHS:
            if width == 'pool':
                layers.append(nn.MaxPool2d(2, 2))
                continue
            layers += [nn.Conv2d(channels, width, 3, padding=1), nn.ReLU(inplace=True)]
            channels = width
        self.features = nn.Sequential(*layers)
        self.embeddings = nn.Sequential(
            nn.Linear(MAP_CHANNELS * math.prod(MAP_GRID), 4096),
            nn.ReLU(inplace=True),
            nn.Linear(4096, 4096),
            nn.ReLU(inplace=True),
            nn.Linear(4096, 128),
            nn.ReLU(inplace=True),
        )
        self.pproc = PCAQuantizer(128) if pca else None
        self.weights = weights
        self.require_weights = require_weights
        if frozen:
            self.requires_grad_(False)
        elif tokens != 'vector':
            self.embeddings.requires_grad_(False)

    def embed(self, patches: Tensor) -> Tensor:
        """Embed log-mel patches (N, 1, 96, 64); returns (N, 1, 128), (N, 6, 512) or (N, 24, 512).

        Raises:
            ConfigError: The patches are those of another front end.
        """
        self.check_patches(patches)
        maps = self.features(patches)  # (N, 512, 6, 4)
        # Time, mel, channel: the order in which the original network flattens.
        places = maps.permute(0, 2, 3, 1)
        if self.tokens != 'vector':
            return self.tokens_of(places)
        embedding = self.embeddings(places.flatten(1))  # (N, 128)
        if self.pproc is not None:
            embedding = self.pproc(embedding)
        return embedding[:, None]

    def init_weights(self) -> None:
        """Load the published weights, if there are any."""
        self.load_pretrained(self, 'VGGish weights')
