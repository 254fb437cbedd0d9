"""Any timm network as a pyramid of visual features."""

from dataclasses import dataclass
from functools import partial
from typing import Any

from mmengine.model import BaseModule
from timm.layers import freeze_batch_norm_2d
from torch import Tensor, nn

from avsbench.checkpoint.pretrained import FETCHED, PretrainedPart, match_pretrained
from avsbench.models.inserts import check_called, insert_modules
from avsbench.models.timm_layout import inner_network, layers_of, match_weights
from avsbench.models.timm_networks import check_options, create_network, fetch_weights, pyramid
from avsbench.registry import MODELS
from avsbench.utils.errors import ConfigError, nearest
from avsbench.utils.signatures import GatheringMeta


@dataclass(frozen=True)
class TrainedParts:
    """What of a network is trained; a config names the fields themselves.

    Attributes:
        frozen_norm: Replace batch normalisations by fixed scales and shifts, as detectron2's
            ResNets have them.
        frozen_parts: What isn't trained, and stays in evaluation mode: names of the network's
            parts, or one name, such as 'layer1' or 'blocks.0'; 'all'; or a number n for what
            comes before the blocks and the first n of them (stages, where the network has them).
        inserts: Configs of modules that are inserted into the network and trained, whatever is
            frozen: adapters, LoRA or prompts, see `avsbench.models.inserts`.
    """

    frozen_norm: bool = False
    frozen_parts: tuple[str, ...] | str | int = ()
    inserts: tuple[dict, ...] | list[dict] = ()


@MODELS.register_module()
class TimmBackbone(PretrainedPart, BaseModule, metaclass=GatheringMeta):
    """The feature levels of a timm network.

    `out_channels` and `out_strides` describe the levels; the decode head takes its input channels
    from there. `in_channels` are those of the frames.

    Args:
        model_name: Name of a timm network that supports `features_only`.
        options: Further arguments of the network by their names in timm, such as
            `dict(dynamic_img_size=True)` for a vision transformer that is to take any image size.
        drop_path_rate: Stochastic depth, active in training; None keeps timm's default.
        out_strides: Strides of the levels to return, finest first; the last block of each. None:
            4, 8, 16 and 32, or those of `out_indices`.
        out_indices: In place of strides the blocks (of a plain vision transformer) or levels to
            return, counted from 0, or from -1 backwards, in the network's order.
        weights: Weights to start training from: a file in the published or timm's layout, 'timm'
            to let timm fetch its own, or None to start from random weights.
        require_weights: Whether a missing file stops the training, or is only reported.
        with_cp: Keep only the activations between blocks and recompute the rest in the backward
            pass: the same numbers with a fraction of the memory.
        trained: What is trained; a config has `frozen_norm`, `frozen_parts` and `inserts` in its
            place.

    Raises:
        ConfigError: No network of timm has that name, or it lacks these strides, options or a part
            to freeze or to insert at, or it can't recompute its blocks.
    """

    in_channels = 3

    def __init__(
        self,
        model_name: str,
        *,
        options: dict[str, Any] | None = None,
        drop_path_rate: float | None = None,
        out_strides: tuple[int, ...] | None = None,
        out_indices: tuple[int, ...] | None = None,
        weights: str | None = None,
        require_weights: bool = True,
        with_cp: bool = False,
        trained: TrainedParts,
    ) -> None:
        super().__init__()
        self.options = dict(options or {})
        taken = {} if out_indices is None else {'out_indices': tuple(out_indices)}
        drop_path = {} if drop_path_rate is None else {'drop_path_rate': drop_path_rate}
        self._created = {'features_only': True, **drop_path, **taken, **self.options}
        self.model_name = model_name
        self.model = self._create()
        self._picked = self._pick(out_strides, out_indices)
        info = self.model.feature_info
        self.out_strides = tuple(info.reduction()[index] for index in self._picked)
        self.out_channels = [info.channels()[index] for index in self._picked]
        if trained.frozen_norm:
            self.model = freeze_batch_norm_2d(self.model)
        self._frozen = self._freeze(trained.frozen_parts)
        network = inner_network(self.model)
        self._inserted = insert_modules('TimmBackbone', network, trained.inserts)
        self._checks_inserts = bool(self._inserted)
        if with_cp:
            self._checkpoint_blocks()
        self.weights = weights
        self.require_weights = require_weights

    def forward(self, frames: Tensor) -> list[Tensor]:
        """Compute the levels of frames (N, 3, H, W): (N, C_l, H_l, W_l) each, finest first.

        Raises:
            ConfigError: The network doesn't take frames of that size, or doesn't run what was
                inserted into it.
        """
        levels = pyramid('TimmBackbone', self.model, frames, self._picked)
        if self._checks_inserts:
            check_called('TimmBackbone', self._inserted)
            self._checks_inserts = False
        return levels

    def train(self, mode: bool = True) -> 'TimmBackbone':
        """Set the mode; frozen parts stay in evaluation mode."""
        super().train(mode)
        for part in self._frozen:
            part.eval()
        return self

    def parameter_depths(self) -> dict[str, int]:
        """Number of the block that each parameter belongs to, 0 for what comes before the blocks.

        Raises:
            ConfigError: No order of the network's blocks is known to timm.
        """
        found = self._layers(coarse=False)
        return {f'model.{name}': layer for name, layer in found.items()}

    def _layers(self, *, coarse: bool) -> dict[str, int]:
        return layers_of('TimmBackbone', self.model, self.model_name, self.options, coarse=coarse)

    def _create(self) -> nn.Module:
        check_options('TimmBackbone', self.model_name, self.options)
        try:
            return create_network('TimmBackbone', self.model_name, **self._created)
        except (AssertionError, AttributeError, IndexError, RuntimeError, TypeError) as error:
            raise ConfigError(
                f'TimmBackbone: timm cannot make a network of features of {self.model_name} with '
                f'{self._created}: {str(error) or type(error).__name__}'
            ) from error

    def _pick(
        self, out_strides: tuple[int, ...] | None, out_indices: tuple[int, ...] | None
    ) -> list[int]:
        """Which of the network's features to return."""
        available = list(self.model.feature_info.reduction())
        if out_indices is not None:
            if out_strides is not None:
                raise ConfigError('TimmBackbone: set out_strides or out_indices, not both')
            return list(range(len(available)))
        wanted = (4, 8, 16, 32) if out_strides is None else out_strides
        if missing := [stride for stride in wanted if stride not in available]:
            several = len(set(available)) > 1
            remedy = 'some of them' if several else f'({available[0]},), under SimpleFeaturePyramid'
            raise ConfigError(
                f'TimmBackbone: {self.model_name} has levels of stride {sorted(set(available))}, '
                f'not {missing}; set out_strides to {remedy}'
            )
        last = {stride: index for index, stride in enumerate(available)}
        return [last[stride] for stride in wanted]

    def _freeze(self, frozen: tuple[str, ...] | str | int) -> list[nn.Module]:
        """Take the gradient from parts of the network; returns them."""
        if frozen == 'all':
            parts = [self.model]
        elif isinstance(frozen, int):
            self._freeze_layers(frozen)
            parts = [part for part in self.model.modules() if _is_frozen(part)]
        else:
            names = [frozen] if isinstance(frozen, str) else frozen
            parts = [self._part(name) for name in names]
        for part in parts:
            part.requires_grad_(False)
        return parts

    def _freeze_layers(self, count: int) -> None:
        layers = self._layers(coarse=True)
        if not 0 <= count <= (last := max(layers.values())):
            raise ConfigError(
                f'TimmBackbone: frozen_parts={count}, but {self.model_name} has {last} blocks or '
                "stages; set it to at most that, or to 'all'"
            )
        for name, parameter in self.model.named_parameters():
            if layers[name] <= count:
                parameter.requires_grad_(False)

    def _part(self, name: str) -> nn.Module:
        network = inner_network(self.model)
        parts = dict(network.named_modules())
        if not name or name not in parts:
            names = parts if '.' in name else dict(network.named_children())
            raise ConfigError(
                f'TimmBackbone: frozen_parts: {self.model_name} has no part {name!r}'
                f'{nearest(name, names)}'
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
        """Load the weights, if there are any.

        Raises:
            CheckpointError: They can't be fetched, or don't fit.
        """
        if self.weights == FETCHED:
            if self.checkpoint_follows:
                return
            remedy = 'set weights to a file of them, or to None to start from random numbers'
            state = fetch_weights('TimmBackbone', self.model_name, remedy, **self._created)
            found = match_pretrained(state, self.model, 'timm').found
            self.model.load_state_dict(found, strict=False)  # of all but what is inserted
            self.note_loaded(self.model, found)
        else:
            match = partial(match_weights, model_name=self.model_name, options=self.options)
            self.load_pretrained(self.model, f'weights of {self.model_name}', match)


def _is_frozen(part: nn.Module) -> bool:
    """Whether a part has parameters, and none that is trained."""
    trained = [parameter.requires_grad for parameter in part.parameters()]
    return bool(trained) and not any(trained)
