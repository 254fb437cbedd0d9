"""The network as it is exported: from the pixels and the audio of clips to maps and masks."""

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from avsbench.export.front_end import LogMel
from avsbench.media.front_ends import FRONT_ENDS
from avsbench.models import AVSegmentor
from avsbench.utils.errors import ConfigError
from avsbench.utils.maps import foreground, probabilities, resize

RGB = 3


class ExportableNetwork(nn.Module):
    """A segmentor with what is before it and behind it, for clips of T frames.

    Normalisation, prediction and the decision of each pixel are part of the graph. The number of
    clips is free, see `avsbench.models.layers.clips`; T and the size of the frames are not.

    Args:
        model: The network, in evaluation mode.
        length: T.
        size: (H, W) of the frames.
        front_end: Name of what its log-mel must come from; None without sound.
        waveform: Whether the graph computes the log-mel from waveforms.

    Attributes:
        reads_audio: Whether there is an audio encoder.
        reads_maskiges: Whether frames have Maskiges.
        reads_prior_masks: Whether a part needs the masks of an earlier stage.

    Raises:
        ConfigError: The log-mel is to be computed, and there is none or it is not VGGish's.
    """

    def __init__(
        self,
        model: AVSegmentor,
        *,
        length: int,
        size: tuple[int, int],
        front_end: str | None,
        waveform: bool = False,
    ) -> None:
        super().__init__()
        self.model = model
        self.length = length
        self.size = size
        self.front_end = front_end
        self.reads_audio = model.audio_encoder is not None
        self.reads_maskiges = model.in_channels > RGB
        self.reads_prior_masks = 'prior_masks' in model.needs
        self.log_mel = None
        if waveform:
            if not self.reads_audio:
                raise ConfigError('--front-end: the network reads no audio; leave it out')
            self.log_mel = LogMel(front_end, length)

    def forward(
        self,
        frames: Tensor,
        audio: Tensor | None = None,
        maskiges: Tensor | None = None,
        prior_masks: Tensor | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Predict clips.

        Args:
            frames: (B, T, 3, H, W) uint8, RGB.
            audio: (B, T, *shape) float32 with the shape of the front end, or waveforms
                (B, T * rate) float32 in [-1, 1] where the graph computes the log-mel.
            maskiges: (B, T, 3, H, W) uint8, RGB, for networks that read Maskiges.
            prior_masks: (B, T, H, W) uint8, for networks that need the masks of an earlier stage.

        Returns:
            Maps (B, T, K, H, W) float32, logits or probabilities, and masks (B, T, H, W) uint8, 0
            and 1 or class indices.
        """
        prepare = self.model.data_preprocessor
        images = frames if maskiges is None else torch.cat((frames, maskiges), 2)
        images = prepare.normalise(images.flatten(0, 1))  # (N, 3 or 6, H, W)
        inputs = {'frames': images, 'clip_lengths': (self.length,), 'pred_shape': self.size}
        if prepare.frame_size is not None:
            inputs['frames'] = resize(images, prepare.frame_size)
        if audio is not None:
            patches = audio if self.log_mel is None else self.log_mel(audio)
            inputs['audio'] = prepare.muted(patches.flatten(0, 1))
        if prior_masks is not None:
            inputs['prior_masks'] = prior_masks.flatten(0, 1).long()
        maps = self.model.maps(self.model.head_output(inputs['frames'], inputs), inputs)
        if not self.gives_logits:
            maps = maps.clamp(max=1)
        masks = self._decide(maps)
        return tuple(values.unflatten(0, (-1, self.length)) for values in (maps, masks))

    def _decide(self, maps: Tensor) -> Tensor:
        """As `avsbench.utils.maps.decide`, which computes on the host."""
        if maps.shape[1] > 1:
            return maps.argmax(1).to(torch.uint8)
        return foreground((probabilities(maps) if self.gives_logits else maps)[:, 0])

    @property
    def gives_logits(self) -> bool:
        """Whether the maps are logits."""
        return self.model.decode_head.predicts_logits

    def shapes(self) -> dict[str, tuple[tuple[int, ...], torch.dtype]]:
        """Name of each input -> its shape without the number of clips, and its type."""
        return dict(self._shapes())

    def _shapes(self) -> Iterator[tuple[str, tuple[tuple[int, ...], torch.dtype]]]:
        frames = (self.length, RGB, *self.size)
        yield 'frames', (frames, torch.uint8)
        if self.log_mel is not None:
            yield 'audio', ((self.log_mel.samples,), torch.float32)
        elif self.reads_audio:
            yield 'audio', ((self.length, *FRONT_ENDS[self.front_end].shape), torch.float32)
        if self.reads_maskiges:
            yield 'maskiges', (frames, torch.uint8)
        if self.reads_prior_masks:
            yield 'prior_masks', ((self.length, *self.size), torch.uint8)

    def example(self, clips: int, seed: int = 0) -> dict[str, Tensor]:
        """Random inputs by name.

        Args:
            clips: B.
            seed: Of the numbers.
        """
        draw = torch.Generator().manual_seed(seed)
        found = {}
        for name, (shape, dtype) in self.shapes().items():
            values = torch.rand(clips, *shape, generator=draw)
            if dtype == torch.uint8:
                top = self.model.decode_head.num_classes if name == 'prior_masks' else 255
                found[name] = (values * top).round().byte()
            elif self.log_mel is not None:
                found[name] = values - 0.5
            else:
                found[name] = 8 * values - 5  # about what log-mel has
        return found
