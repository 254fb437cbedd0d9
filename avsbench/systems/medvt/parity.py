"""Running our MED-VT++ on a fixture of the published one, with taps along the way."""

import torch
import torch.nn.functional as F
from torch import Tensor

from avsbench.models import AudioVisualMatchingLoss, AVSHeadOutput
from avsbench.parity.fixture import Computed, Fixture
from avsbench.parity.network import NetworkRun, Taps, targets, use_explicit_attention
from avsbench.registry import CHECKERS
from avsbench.systems.medvt.keys import LABEL_PROPAGATION
from avsbench.systems.medvt.label_propagation import LabelPropagation

HEAD = 'decode_head'
# How a fixture calls the matching loss of a subset that is trained without it.
UNUSED_MATCHING = '_not_in_published_config'


class MEDVTRun(NetworkRun):
    """Runs MED-VT++."""

    frames_name = 'image'
    target_name = 'mask'
    # The queries of a frame are nearly equal, and the normalisation over them enlarges rounding.
    num_roundings = 3

    def __init__(self, fixture: Fixture, model_cfg: dict) -> None:
        # The activations of the backbone take most of 10 GB; compute them twice instead.
        model_cfg['backbone']['with_cp'] = True
        super().__init__(fixture, model_cfg)
        use_explicit_attention(self.model)
        tables = fixture.state_dict('unsaved_parameters')
        pairs = zip(self.model.decode_head.interactions, tables.values(), strict=True)
        for interaction, table in pairs:
            interaction.frame_embed.copy_(table)

    def taps(self) -> Taps:
        """Every stage of every level."""
        taps: dict = {
            'audio_feature': ('audio_encoder', lambda args, out: out[:, 0]),
            'context_feat': (f'{HEAD}.query_generator', lambda args, out: out[1][:, 0]),
            'query_init': (f'{HEAD}.query_generator', lambda args, out: out[0].transpose(0, 1)),
            'hs_last': (f'{HEAD}.transformer_decoder', lambda args, out: out[-1].transpose(0, 1)),
            'query_feature': (f'{HEAD}.affinity_norm', lambda args, out: out.permute(0, 3, 1, 2)),
            'output_conv': (f'{HEAD}.predictor.layers', lambda args, out: out),
            'pred': (HEAD, lambda args, out: out.logits),
        }
        for level in range(len(self.model.backbone.out_channels)):
            interaction = f'{HEAD}.interactions.{level}'
            taps |= {
                f'proj_{level}': (f'{HEAD}.projections.{level}', lambda args, out: out),
                f'mm_visual_{level}': (interaction, lambda args, out: out[0]),
                f'mm_audio_{level}': (interaction, lambda args, out: out[1][:, 0]),
            }
            for name, path in (
                ('backbone', 'backbone'),
                ('encoder', f'{HEAD}.context_encoder'),
                ('fpn', f'{HEAD}.pixel_decoder'),
            ):
                taps[f'{name}_{level}'] = (path, lambda args, out, level=level: out[level])
        return taps

    def outputs(self, found: dict[str, Tensor], output: AVSHeadOutput) -> dict[str, Tensor]:
        """What was tapped, and the code of the coarsest level, (B, T, C, h, w)."""
        coarsest = len(output.matched_pairs) - 1
        level = found[f'proj_{coarsest}']
        shape, lengths = level.shape, self.clip_lengths(len(level))
        code = self.model.decode_head.positions(level, lengths)  # (N, h*w, C)
        code = code.transpose(1, 2).reshape(len(lengths), lengths[0], -1, *shape[2:])
        return found | {f'pos_{coarsest}': code}

    def losses(self, output: AVSHeadOutput, lengths: tuple[int, ...]) -> dict[str, Tensor]:
        """Every stored loss."""
        head, stored = self.model.decode_head, self.fixture.content['losses']
        terms = head.loss(output, targets(self.fixture, lengths, self.target_name))
        losses = {'iou_loss': terms['loss_mask'], 'total': sum(terms.values())}
        for name in stored:
            if name.endswith(UNUSED_MATCHING):
                cosine = AudioVisualMatchingLoss('cosine', pooled='probability', threshold=True)
                losses[name] = cosine(output.matched_pairs, self.prediction(output.logits))
        if 'lambda_1' in stored:
            losses['lambda_1'] = torch.tensor(head.loss_match.loss_weight)
            losses['sa_loss'] = terms['loss_match'] / head.loss_match.loss_weight
        return losses


@CHECKERS.register_module(name='label_propagation')
@torch.no_grad()
def run_label_propagation(fixture: Fixture) -> Computed:
    """Compute what the published label propagation made of given logits and mixed labels.

    Args:
        fixture: Gives the logits `head` (1, K, T, h, w) and the labels `prop_layer` (T, 1, E, h',
            w') after the mixing over frames.

    Returns:
        The encoded labels, the decoded mixture, and its mean with the logits.
    """
    logits = fixture.whole('head')[0].transpose(0, 1)  # (T, K, h, w)
    mixed = fixture.whole('prop_layer')[:, 0]  # (T, E, h', w')
    state, _ = LABEL_PROPAGATION.to_ours(fixture.state_dict())
    channels = state['self_attn.key_proj.weight'].shape[1]
    # The label encoder makes its input 16 times smaller.
    scale = 16 * mixed.shape[-1] / logits.shape[-1]
    module = LabelPropagation(channels, logits.shape[1], label_scale=scale).eval()
    module.load_state_dict(state)
    enlarged = F.interpolate(logits, scale_factor=scale, mode='nearest')
    outputs = {
        'label_encoder': module.encoder(enlarged)[None],
        'lprop': module.decode(mixed).transpose(0, 1),
    }
    module.propagate = lambda labels, feature, length: mixed
    feature = logits.new_zeros(len(logits), channels, 1, 1)
    outputs['pred_masks'] = module(logits, feature, (len(logits),)).transpose(0, 1)
    return Computed(outputs)
