"""Learning rate and weight decay of each parameter."""

from mmengine.optim import DefaultOptimWrapperConstructor
from torch import nn
from torch.nn.modules.batchnorm import _NormBase
from torch.optim import Optimizer

from avsbench.registry import OPTIM_WRAPPER_CONSTRUCTORS

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
    """

    more_paramwise_keys = frozenset({'embedding_decay_mult'})  # besides those of mmengine

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
