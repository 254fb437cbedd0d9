"""VGGish's log-mel as a part of a graph: `avsbench.media.log_mel` in PyTorch's operators."""

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from avsbench.media import log_mel
from avsbench.media.front_ends import VGGISH
from avsbench.utils.errors import ConfigError


class LogMel(nn.Module):
    """Log-mel patches of waveforms at 16 kHz, for T seconds each.

    The spectrum is a convolution with the windowed sines and cosines of its frequencies, which
    every runtime has. It is computed in float32, the toolbox's own in float64.

    Args:
        front_end: Name of the front end, for the message.
        length: T.

    Attributes:
        samples: Length of a waveform, T seconds.

    Raises:
        ConfigError: It is another front end than VGGish's.
    """

    def __init__(self, front_end: str, length: int) -> None:
        super().__init__()
        if front_end != VGGISH.name:
            raise ConfigError(
                f'--front-end: computes log-mel of {VGGISH.name!r} only, and this network reads '
                f'{front_end!r}; leave it out and give the graph spectrograms'
            )
        self.length = length
        self.samples = length * log_mel.SAMPLE_RATE
        times = np.arange(log_mel.WINDOW)
        bins = np.arange(log_mel.FFT_SIZE // 2 + 1)[:, None]
        angles = 2 * np.pi / log_mel.FFT_SIZE * bins * times
        waves = np.concatenate((np.cos(angles), np.sin(angles))) * log_mel.periodic_hann()
        self.register_buffer('waves', torch.from_numpy(waves).float()[:, None])  # (514, 1, 400)
        self.register_buffer('mel', torch.from_numpy(log_mel.mel_matrix().copy()).float())

    def forward(self, waveforms: Tensor) -> Tensor:
        """Compute patches.

        Args:
            waveforms: (B, T * 16000), in [-1, 1].

        Returns:
            (B, T, 1, 96, 64).
        """
        spectrum = F.conv1d(waveforms[:, None], self.waves, stride=log_mel.HOP)  # (B, 514, F)
        spectrum = spectrum[:, :, : self.length * log_mel.PATCH_FRAMES]
        magnitude = spectrum.unflatten(1, (2, -1)).square().sum(1).sqrt()  # (B, 257, F)
        mel = magnitude.transpose(1, 2) @ self.mel + log_mel.LOG_OFFSET  # (B, F, 64)
        return mel.log().unflatten(1, (self.length, 1, log_mel.PATCH_FRAMES))
