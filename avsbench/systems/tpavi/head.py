"""Decode head of TPAVI, the baseline that defines AVSBench.

Paper: Audio-Visual Segmentation, arXiv 2207.05042 (ECCV 2022); with AVSS: arXiv 2301.13190 (IJCV
2024). Repository: github.com/OpenNLPLab/AVSBench (Apache-2.0). Written from a description of it.
Differs from the heads around it: no queries; the frames of a clip and their audio meet in a
non-local block at every level, before the decoder.
"""

from torch import Tensor, nn

from avsbench.models.heads import AVSHeadOutput, DenseAVSHead, HeadSizes
from avsbench.models.layers import DilatedProjection, mask_padding, upsampling_predictor
from avsbench.registry import MODELS
from avsbench.utils.errors import ConfigError


@MODELS.register_module()
class TPAVIHead(DenseAVSHead):
    """Project, let audio and frames interact at each level, fuse the levels, predict.

        features --dilated projections--> F0..F3 --(TPAVI with the audio, each)--> G0..G3
        logits <-- predictor <-- pixel decoder (coarse to fine) <-- G0..G3

    Args:
        sizes: See `AVSDecodeHead`.
        embed_dims: Width C.
        dilations: Dilation of each branch of the projections.
        fusion: Config, built once for each of `fusion_levels`; widths are filled in.
        fusion_levels: Levels where audio and image interact, 0 the finest.
        pixel_decoder: Config; `embed_dims` and `num_levels` are filled in.
        predictor_channels: Channels after the first and second convolution of the predictor.
        loss_mask: Config of the loss on the logits.
        loss_match: Config of the loss that compares maps and audio; None leaves it out.
        match_levels: Levels that it compares.

    Raises:
        ConfigError: A level does not exist, or is to be compared without a fusion.
    """

    accepts_padding = True

    def __init__(
        self,
        sizes: HeadSizes,
        *,
        embed_dims: int,
        fusion: dict,
        pixel_decoder: dict,
        loss_mask: dict,
        loss_match: dict | None = None,
        dilations: tuple[int, ...] = (3, 6, 12, 18),
        fusion_levels: tuple[int, ...] = (0, 1, 2, 3),
        match_levels: tuple[int, ...] = (0, 1, 2, 3),
        predictor_channels: tuple[int, int] = (128, 32),
    ) -> None:
        super().__init__(sizes, loss_mask=loss_mask, loss_match=loss_match)
        in_channels = sizes.in_channels
        _check_levels('fusion_levels', fusion_levels, range(len(in_channels)))
        if loss_match is not None:
            _check_levels('match_levels', match_levels, fusion_levels)
        self.match_levels = match_levels
        widths = {'embed_dims': embed_dims, 'audio_channels': sizes.audio_channels}
        self.projections = nn.ModuleList(
            DilatedProjection(channels, embed_dims, dilations) for channels in in_channels
        )
        self.fusions = nn.ModuleDict(
            {str(level): MODELS.build({**widths, **fusion}) for level in fusion_levels}
        )
        self.pixel_decoder = MODELS.build(
            {'embed_dims': embed_dims, 'num_levels': len(in_channels), **pixel_decoder}
        )
        self.act = nn.ReLU()
        self.predictor = upsampling_predictor(
            embed_dims, predictor_channels, sizes.num_classes, scale_factor=2
        )

    def forward(
        self,
        features: list[Tensor],
        audio: Tensor,
        clip_lengths: tuple[int, ...],
        frame_valid: Tensor | None = None,
    ) -> AVSHeadOutput:
        """Run the head; see the base class for the arguments.

        Audio, maps and logits of padded frames are zeroed wherever the published network does so.

        Returns:
            Logits (N, K, 4h, 4w), h x w at stride 4, and the pairs of rectified map and audio of
            `match_levels`.
        """
        audio = mask_padding(audio, frame_valid)
        levels, aligned = [], {}
        for index, (project, feature) in enumerate(zip(self.projections, features, strict=True)):
            level = mask_padding(project(feature), frame_valid)
            if str(index) in self.fusions:
                level, aligned[index] = self.fusions[str(index)](level, audio, clip_lengths)
                level = mask_padding(level, frame_valid)
            # The published decoder rectifies its inputs in place, so that the loss sees it too.
            levels.append(self.act(level))
        decoded = self.pixel_decoder(levels, frame_valid)
        pairs = [
            (levels[index], aligned[index][:, 0]) for index in self.match_levels if index in aligned
        ]
        logits = mask_padding(self.predictor(decoded), frame_valid)
        return AVSHeadOutput(logits=logits, matched_pairs=pairs)


def _check_levels(name: str, levels: tuple[int, ...], known: range | tuple[int, ...]) -> None:
    if unknown := [level for level in levels if level not in known]:
        raise ConfigError(f'TPAVIHead: {name}={levels}: {unknown} not among {list(known)}')
