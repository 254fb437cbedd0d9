"""Fusion of MoDAT: two mixtures of experts, one of channel gates, one of spatial attention.

Repository: github.com/jnjz/MoDAT (no paper was published).
"""

import torch
from mmengine.model import BaseModule
from torch import Tensor, nn

from avsbench.models.layers import MultiheadAttention, sine_position_encoding
from avsbench.registry import MODELS
from avsbench.systems.avsegformer.fusion import ChannelGate, FusionOutput
from avsbench.systems.modat.routing import Routing, route
from avsbench.utils.checks import check_choice

POLICIES = ('all', 'none', 'random')


class SpatialExpert(nn.Module):
    """The tokens attend to the audio. With one audio token they all attend to the same value.

    Args:
        embed_dims: Width C.
        num_heads: Heads of the attention.
        dropout: Dropout probability of the attention weights.
    """

    def __init__(self, embed_dims: int, *, num_heads: int, dropout: float) -> None:
        super().__init__()
        self.attn = MultiheadAttention(embed_dims, num_heads, bias=False, dropout=dropout)

    def forward(self, tokens: Tensor, audio: Tensor) -> Tensor:
        """Map tokens (N, S, C) and audio (N, 1, C) to (N, S, C)."""
        return self.attn(tokens, audio, audio)


class ExpertMixture(nn.Module):
    """Each token is processed by the two experts with the largest gate weights.

    Args:
        embed_dims: Width C.
        experts: The experts, modules that map (tokens, audio) to tokens.
        capacity_factors: Slots of all experts together, in tokens per frame, in training and in
            testing. Empty slots take part in an expert's attention, so it affects the output.
        policies: Which second experts are kept, in training and in testing: 'all', 'none', or
            'random' (one draw per token, compared with its weight).
    """

    def __init__(
        self,
        embed_dims: int,
        experts: list[nn.Module],
        *,
        capacity_factors: tuple[float, float],
        policies: tuple[str, str],
    ) -> None:
        super().__init__()
        self.gate = nn.Parameter(torch.randn(embed_dims, len(experts)))
        self.experts = nn.ModuleList(experts)
        self.capacity_factors = capacity_factors
        self.policies = policies

    def forward(self, tokens: Tensor, audio: Tensor) -> tuple[Tensor, Tensor]:
        """Process tokens (N, S, C), which attend to audio (N, 1, C).

        Returns:
            (N, S, C), zero for a token that both its experts dropped, and the balance.
        """
        routing = self.route(tokens)
        slots = routing.dispatch(tokens)  # (N, E, capacity, C)
        outputs = [expert(slots[:, index], audio) for index, expert in enumerate(self.experts)]
        return routing.combine(torch.stack(outputs, 1)), routing.balance

    def route(self, tokens: Tensor) -> Routing:
        """Choose experts for tokens (N, S, C)."""
        index = 0 if self.training else 1
        draws = self.draw(self.policies[index], tokens)
        return route((tokens @ self.gate).softmax(-1), self.capacity_factors[index], draws)

    def draw(self, policy: str, tokens: Tensor) -> Tensor | None:
        """Threshold on the second expert's weight: (N, S), or None to keep all."""
        if policy == 'all':
            return None
        if policy == 'none':
            return tokens.new_full(tokens.shape[:2], float('inf'))
        return torch.rand(tokens.shape[:2], device=tokens.device)


@MODELS.register_module()
class DualMixtureFusion(BaseModule):
    """A mixture of channel gates and one of spatial attentions, weighted per position.

    There is no residual path: the output of a token without an expert is zero.

    Args:
        embed_dims: Width C.
        num_experts: Experts of each mixture.
        num_heads: Heads of each expert.
        dropout: Dropout probability inside the experts.
        capacity_factors: Of `ExpertMixture`, in training and in testing.
        train_policy: Which second experts are kept in training: 'all', 'none', 'random'.
        test_policy: The same in testing. The published code draws at random there too, so its
            results are not repeatable.
        normalize_pos: Divide positions by the grid size; the published network does not.
        balance_weight: Factor of the loss that keeps the experts evenly busy; 0 leaves it out.

    Raises:
        ConfigError: An unknown policy.
    """

    def __init__(
        self,
        embed_dims: int,
        *,
        num_experts: int = 16,
        num_heads: int = 8,
        dropout: float = 0.4,
        capacity_factors: tuple[float, float] = (1.0, 2.0),
        train_policy: str = 'random',
        test_policy: str = 'all',
        normalize_pos: bool = False,
        balance_weight: float = 0.01,
    ) -> None:
        super().__init__()
        for name, policy in (('train_policy', train_policy), ('test_policy', test_policy)):
            check_choice(f'DualMixtureFusion: {name}', policy, POLICIES)
        settings = {
            'capacity_factors': capacity_factors,
            'policies': (train_policy, test_policy),
        }
        expert = {'num_heads': num_heads, 'dropout': dropout}
        self.channel_mixture = ExpertMixture(
            embed_dims, [ChannelGate(embed_dims, **expert) for _ in range(num_experts)], **settings
        )
        self.spatial_mixture = ExpertMixture(
            embed_dims,
            [SpatialExpert(embed_dims, **expert) for _ in range(num_experts)],
            **settings,
        )
        self.channel_weight = nn.Conv2d(2 * embed_dims, 1, 1)
        self.spatial_weight = nn.Conv2d(2 * embed_dims, 1, 1)
        self.normalize_pos = normalize_pos
        self.balance_weight = balance_weight

    def forward(self, feature: Tensor, audio: Tensor) -> FusionOutput:
        """Fuse a map with audio.

        Args:
            feature: (N, C, h, w).
            audio: (N, A, C); the mean over its tokens is used.

        Returns:
            Map (N, C, h, w), the audio unchanged, and `loss_balance`.
        """
        token = audio.mean(1, keepdim=True)  # (N, 1, C)
        code = sine_position_encoding(
            *feature.shape[2:],
            feature.shape[1] // 2,
            normalize=self.normalize_pos,
            device=feature.device,
        )
        tokens = feature.flatten(2).transpose(1, 2) + code  # (N, h*w, C)
        # The order matters to the random draws.
        channel, channel_balance = self.channel_mixture(tokens, token)
        spatial, spatial_balance = self.spatial_mixture(tokens, token)
        channel, spatial = (
            part.transpose(1, 2).reshape(feature.shape) for part in (channel, spatial)
        )
        both = torch.cat((channel, spatial), 1)  # (N, 2C, h, w)
        logits = torch.cat((self.channel_weight(both), self.spatial_weight(both)), 1)
        weights = logits.softmax(1)  # (N, 2, h, w)
        fused = channel * weights[:, :1] + spatial * weights[:, 1:]
        losses = {}
        if self.balance_weight:
            balance = (channel_balance + spatial_balance) / 2
            losses['loss_balance'] = self.balance_weight * balance
        return FusionOutput(fused, audio, losses)
