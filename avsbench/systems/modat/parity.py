"""Running our MoDAT on a fixture of the published one, with taps along the way."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from avsbench.models import AVSHeadOutput
from avsbench.models.layers import MultiheadAttention
from avsbench.parity.fixture import Computed
from avsbench.parity.network import Taps, targets
from avsbench.systems.avsegformer.parity import HEAD, AVSegFormerRun

MIXTURES = ('channel', 'spatial')
FUSION = f'{HEAD}.fusion'
GENERATOR = f'{HEAD}.query_generator'


class MoDATRun(AVSegFormerRun):
    """Runs MoDAT: its frames interact in means over the frames only."""

    def compute(self) -> Computed:
        """Run the network with every second expert kept, and again with the other policies."""
        self._set_policy('all')
        computed = super().compute()
        for name in MIXTURES:
            raw = f'balance_loss_{name}_raw'
            computed.losses[raw] = float(computed.outputs.pop(raw))
        computed.outputs |= self._other_policies(computed.outputs)
        return computed

    def query_taps(self) -> Taps:
        """Taps in the query generator."""
        layers = self.model.decode_head.query_generator.layers
        return {
            'early_fusion': (GENERATOR, lambda args, out: out[1]),
            'query_generator': (GENERATOR, lambda args, out: out[0]),
            **{
                f'query_decoder_{index}': (f'{GENERATOR}.layers.{index}', lambda args, out: out)
                for index in range(len(layers))
            },
        }

    def fusion_taps(self) -> Taps:
        """Taps in the two mixtures."""
        taps: dict = {'mask_feature_before_fusion': (FUSION, lambda args, out: args[0])}
        for name, mixture in self._mixtures():
            path = f'{FUSION}.{name}_mixture'
            taps[f'{name}_tokens'] = (path, lambda args, out: args[0])
            taps[f'{name}_expert_load'] = (
                path,
                lambda args, out, mixture=mixture: _load(mixture, args[0]),
            )
            taps[f'{name}_token_weight'] = (
                path,
                lambda args, out, mixture=mixture: mixture.route(args[0]).weights.sum(-1),
            )
            taps[f'{name}_out'] = (path, lambda args, out: out[0].transpose(1, 2))
            taps[f'gate_{name[0]}'] = (f'{FUSION}.{name}_weight', lambda args, out: out)
            taps[f'balance_loss_{name}_raw'] = (path, lambda args, out: out[1])
        for index in range(len(self.model.decode_head.fusion.channel_mixture.experts)):
            taps[f'channel_expert{index}_logit'] = (
                f'{FUSION}.channel_mixture.experts.{index}.proj',
                lambda args, out: out,
            )
        return taps

    def outputs(self, found: dict[str, Tensor], output: AVSHeadOutput) -> dict[str, Tensor]:
        """What was tapped, with the mixtures' tokens as maps."""
        for name in MIXTURES:
            tokens = found[f'{name}_out']  # (N, C, h * w)
            found[f'{name}_out'] = tokens.view_as(found['mask_feature_before_fusion'])
        return found

    def losses(self, output: AVSHeadOutput, lengths: tuple[int, ...]) -> dict[str, Tensor]:
        """Every stored loss; published AVSS training adds the loss to itself, without balance."""
        wanted = targets(self.fixture, lengths, self.target_name)
        terms = self.model.decode_head.loss(output, wanted)
        main = terms['loss_mask'] + terms['loss_mix']
        balance = terms['loss_balance']
        return {
            'iou_loss': terms['loss_mask'],
            'mix_loss': terms['loss_mix'],
            'iou_plus_mix': main,
            'balance_loss': balance,
            'total': 2 * main if self.fixture.subset == 'avss' else main + balance,
        }

    def _mixtures(self) -> list[tuple[str, nn.Module]]:
        return [(name, self.model.get_submodule(f'{FUSION}.{name}_mixture')) for name in MIXTURES]

    def _set_policy(self, policy: str) -> None:
        for _, mixture in self._mixtures():
            mixture.policies = (policy, policy)

    @torch.no_grad()
    def _other_policies(self, outputs: dict[str, Tensor]) -> dict[str, Tensor]:
        """The first expert alone, the second by given draws, and the capacity of training."""
        found = {}
        inputs, stored = self.inputs(), self.fixture.stored
        if 'pred_policy_none' in stored:
            self._set_policy('none')
            result = self.model(inputs)
            found['pred_policy_none'] = result.logits
            found['mask_feature_policy_none'] = result.mask_feature
        if 'pred_policy_random' in stored:
            for name, mixture in self._mixtures():
                draws = torch.from_numpy(self.fixture.input(f'draw_{name}')).flatten(1)
                mixture.draw = lambda policy, tokens, draws=draws: draws.to(tokens.dtype)
            result = self.model(inputs)
            found['pred_policy_random'] = result.logits
            found['mask_feature_policy_random'] = result.mask_feature
            for _, mixture in self._mixtures():
                del mixture.draw
        self._set_policy('all')
        if 'mask_feature_train_capacity' in stored:
            with _trained_without_dropout(self.model.decode_head.fusion) as fusion:
                fused = fusion(outputs['mask_feature_before_fusion'], outputs['early_fusion'])
            found['mask_feature_train_capacity'] = fused.feature
        return found


def _load(mixture: nn.Module, tokens: Tensor) -> Tensor:
    """Tokens that each expert of each frame received: (N, E)."""
    routing = mixture.route(tokens)
    experts = torch.arange(routing.num_experts)
    taken = (routing.slots // routing.capacity)[..., None] == experts  # (N, S, 2, E)
    return taken.sum((1, 2)).float()


@contextmanager
def _trained_without_dropout(module: nn.Module) -> Iterator[nn.Module]:
    """A module in training mode whose dropout is off."""
    restored = [_no_dropout(part) for part in module.train().modules()]
    yield module
    for restore in restored:
        restore()
    module.eval()


def _no_dropout(module: nn.Module) -> Callable[[], None]:
    """Switch a module's dropout off; returns what switches it on again."""
    kinds = {nn.Dropout: 'p', MultiheadAttention: 'dropout'}
    name = next((name for kind, name in kinds.items() if isinstance(module, kind)), None)
    if name is None:
        return lambda: None
    rate = getattr(module, name)
    setattr(module, name, 0.0)
    return lambda: setattr(module, name, rate)
