"""Any timm network as a pyramid of visual features."""

from mmengine.model import BaseModule
from timm.layers import freeze_batch_norm_2d
from torch import Tensor, nn

from avsbench.checkpoint.pretrained import PretrainedPart, match_pretrained
from avsbench.models.timm_networks import create_network, fetch_weights, pyramid
from avsbench.registry import MODELS
from avsbench.utils.errors import ConfigError, nearest


@MODELS.register_module()
class TimmBackbone(PretrainedPart, BaseModule):
    """The feature levels of a timm network.

    `out_channels` and `out_strides` describe the levels; the decode head takes its input channels
    from there. `in_channels` are those of the frames.

    Args:
        model_name: Name of a timm network that supports `features_only`.
        drop_path_rate: Stochastic depth, active in training; None keeps timm's default.
        out_strides: Strides of the levels to return, finest first.
        weights: ImageNet weights to start training from: a file in the published or timm's
            layout, 'timm' to let timm fetch its own, or None to start from random weights.
        require_weights: Whether a missing file stops the training, or is only reported.
        frozen_norm: Replace batch normalisations by fixed scales and shifts, as detectron2's
            ResNets have them.
        frozen_parts: Names of the network's parts that are not trained, such as 'layer1'.
        with_cp: Keep only the activations between blocks and recompute the rest in the backward
            pass: the same numbers with a fraction of the memory.

    Raises:
        ConfigError: No network of timm has that name, or it lacks these strides or a part to
            freeze, or it can't recompute its blocks.
    """

    in_channels = 3

    def __init__(
        self,
        model_name: str,
        *,
        drop_path_rate: float | None = None,
        out_strides: tuple[int, ...] = (4, 8, 16, 32),
        weights: str | None = None,
        require_weights: bool = True,
        frozen_norm: bool = False,
        frozen_parts: tuple[str, ...] = (),
        with_cp: bool = False,
    ) -> None:
        super().__init__()
        options = {} if drop_path_rate is None else {'drop_path_rate': drop_path_rate}
        self.model = create_network('TimmBackbone', model_name, features_only=True, **options)
        self.model_name = model_name
        info = self.model.feature_info
        available = list(info.reduction())
        if missing := [stride for stride in out_strides if stride not in available]:
            raise ConfigError(
                f'TimmBackbone: {model_name} has levels of stride {available}, not {missing}; '
                'set out_strides to some of them'
            )
        self._picked = [available.index(stride) for stride in out_strides]
        self.out_strides = tuple(out_strides)
        self.out_channels = [info.channels()[index] for index in self._picked]
        if frozen_norm:
            self.model = freeze_batch_norm_2d(self.model)
        for name in frozen_parts:
            self._part(name).requires_grad_(False)
        if with_cp:
            self._checkpoint_blocks()
        self.weights = weights
        self.require_weights = require_weights

    def forward(self, frames: Tensor) -> list[Tensor]:
        """Compute the levels of frames (N, 3, H, W): (N, C_l, H_l, W_l) each, finest first.

        Raises:
            ConfigError: The network doesn't take frames of that size.
        """
        return pyramid('TimmBackbone', self.model, frames, self._picked)

    def _part(self, name: str) -> nn.Module:
        parts = dict(self.model.named_children())
        if name not in parts:
            raise ConfigError(
                f'TimmBackbone: frozen_parts: {self.model_name} has no part {name!r}'
                f'{nearest(name, parts)}'
            )
        return parts[name]

    def _checkpoint_blocks(self) -> None:
        # Not through the switch of the whole network: that recomputes entire stages, and batch
        # normalisation would count its statistics twice.
        stages = [m for m in self.model.children() if hasattr(m, 'grad_checkpointing')]
        if not stages:
            raise ConfigError(
                f'TimmBackbone: {self.model_name} has no blocks that can be computed again; '
                'leave out with_cp'
            )
        for stage in stages:
            stage.grad_checkpointing = True

    def init_weights(self) -> None:
        """Load the ImageNet weights, if there are any.

        Raises:
            CheckpointError: They can't be fetched, or don't fit.
        """
        if self.weights == 'timm':
            if self.checkpoint_follows:
                return
            remedy = 'set weights to a file of them, or to None to start from random numbers'
            state = fetch_weights('TimmBackbone', self.model_name, remedy, features_only=True)
            self.model.load_state_dict(match_pretrained(state, self.model, 'timm').found)
        else:
            self.load_pretrained(self.model, f'ImageNet weights of {self.model_name}')
