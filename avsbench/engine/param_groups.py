"""Learning rate and weight decay of each parameter."""

import math

from mmengine.dist import get_world_size
from mmengine.optim import DefaultOptimWrapperConstructor
from torch import nn
from torch.nn.modules.batchnorm import _NormBase
from torch.optim import Optimizer

from avsbench.registry import OPTIM_WRAPPER_CONSTRUCTORS
from avsbench.utils.errors import ConfigError, nearest

NORMS = (_NormBase, nn.GroupNorm, nn.LayerNorm)


@OPTIM_WRAPPER_CONSTRUCTORS.register_module()
class ModuleKindOptimWrapperConstructor(DefaultOptimWrapperConstructor):
    """mmengine's constructor, with a weight decay by kind of module that always holds.

    mmengine's `norm_decay_mult` ends where a key of `custom_keys` matches, so a backbone with
    another learning rate can't have norms without decay, unless the config lists each of them.
    Here both hold: `custom_keys` set the learning rate (and the decay of the rest), and these keys
    of `paramwise_cfg` the decay of their kind, as in detectron2:

    * `norm_decay_mult`: all parameters of normalisation layers;
    * `embedding_decay_mult`: those of `nn.Embedding`.

    `nn.Parameter`s of other modules are neither.

    `layer_decay` lets the learning rate fall from block to block of a backbone: a block n below the
    last one has the rate times `layer_decay ** n`, with `layer_decay_keep_last` blocks (1 unless it
    is set) at the whole rate. What `custom_keys` set for the backbone is multiplied.
    A backbone tells the order of its blocks by `parameter_depths()`;
    mmsegmentation's constructor knows ConvNeXt, BEiT and MAE of its classes only, and timm's
    function makes the groups of a whole network. With `layer_decay_root` the rates of the blocks
    below those at the whole rate are multiplied by the root of the number of batches in a step, of
    all processes and accumulated ones.

    `parts` names modules, such as 'backbone', whose groups a schedule is to know: a group has the
    key `part` then, with that name, or 'new' for the others.
    """

    more_paramwise_keys = frozenset(  # besides those of mmengine
        {
            *('embedding_decay_mult', 'parts'),
            *('layer_decay', 'layer_decay_keep_last', 'layer_decay_root'),
        }
    )

    def add_params(
        self,
        params: list[dict],
        module: nn.Module,
        prefix: str = '',
        is_dcn_module: bool | None = None,
    ) -> None:
        """Append a group for each parameter of a module; mmengine calls this for its children."""
        first = len(params)
        super().add_params(params, module, prefix, is_dcn_module)
        for kinds, key in ((NORMS, 'norm_decay_mult'), (nn.Embedding, 'embedding_decay_mult')):
            if isinstance(module, kinds) and key in self.paramwise_cfg:
                for group in params[first:]:
                    group['weight_decay'] = self.base_wd * self.paramwise_cfg[key]
        if 'parts' in self.paramwise_cfg and not prefix:
            self._name_parts(params[first:], module)
        if 'layer_decay' in self.paramwise_cfg:
            if hasattr(module, 'parameter_depths'):
                self._decay_layers(params[first:], module)
            elif not prefix:
                self._check_layer_decay(module)

    def _decay_layers(self, groups: list[dict], backbone: nn.Module) -> None:
        rate = self.paramwise_cfg['layer_decay']
        whole = self.paramwise_cfg.get('layer_decay_keep_last', 1)
        factor = 1.0
        if self.paramwise_cfg.get('layer_decay_root', False):
            accumulated = self.optim_wrapper_cfg.get('accumulative_counts', 1)
            factor = math.sqrt(get_world_size() * accumulated)
        depths = backbone.parameter_depths()
        last = max(depths.values())
        found = {id(p): depths[name] for name, p in backbone.named_parameters()}
        for group in groups:
            (parameter,) = group['params']
            steps = last - found[id(parameter)]
            if steps >= whole:
                group['lr'] = group.get('lr', self.base_lr) * factor * rate**steps

    def _name_parts(self, groups: list[dict], model: nn.Module) -> None:
        names: dict[int, str] = {}
        for name in self.paramwise_cfg['parts']:
            try:
                part = model.get_submodule(name)
            except AttributeError:
                known = [known for known, _ in model.named_children()]
                raise ConfigError(
                    f'optim_wrapper.paramwise_cfg.parts: the network has no part {name!r}'
                    f'{nearest(name, known)}'
                ) from None
            names |= {id(parameter): name for parameter in part.parameters()}
        for group in groups:
            (parameter,) = group['params']
            group['part'] = names.get(id(parameter), 'new')

    def _check_layer_decay(self, model: nn.Module) -> None:
        if not any(hasattr(part, 'parameter_depths') for part in model.modules()):
            raise ConfigError(
                'optim_wrapper.paramwise_cfg.layer_decay: no part of the network knows the order '
                'of its blocks; take a TimmBackbone, or leave the key out'
            )


def merge_groups(optimizer: Optimizer) -> None:
    """Join the groups of equal settings, in place; for an optimizer that has not stepped yet.

    mmengine makes a group of each parameter, thousands of them, and PyTorch's optimizers update
    one group after the other: on a GPU that costs more than the updates.
    """
    merged: list[dict] = []
    for group in optimizer.param_groups:
        settings = {key: value for key, value in group.items() if key != 'params'}
        for other in merged:
            if settings == {key: value for key, value in other.items() if key != 'params'}:
                other['params'].extend(group['params'])
                break
        else:
            merged.append(group)
    optimizer.param_groups[:] = merged
