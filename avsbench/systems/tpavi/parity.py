"""Running our TPAVI on a fixture of the published one, with taps along the way."""

from dataclasses import replace

import torch
from torch import Tensor

from avsbench.models import AudioVisualMatchingLoss, AVSHeadOutput, FrameTargets
from avsbench.parity.fixture import Fixture
from avsbench.parity.network import NetworkRun, Taps, targets, use_explicit_attention

HEAD = 'decode_head'
VALID, ANNOTATED = 'vid_temporal_mask_flag', 'gt_temporal_mask_flag'

# Settings of the matching loss for a stored name: the part after the last dot, without its prefix.
WORDS = {
    'kl': {'distance': 'kl'},
    'euclidean': {'distance': 'euclidean'},
    'norm': {'normalize': True},
    'threshold': {'threshold': True},
    'avg': {'pool': 'avg'},
    'max': {'pool': 'max'},
    'closer': {'nearest_audio': True},
}
IGNORED_WORDS = ('sa', 'loss', 'stages', '0123')


class TPAVIRun(NetworkRun):
    """Runs TPAVI, with further settings of its matching loss."""

    frames_name = 'image'
    # Distances of nearly equal distributions, and gradients that nearly cancel, are what rounding
    # makes of them.
    num_roundings = 3

    def __init__(self, fixture: Fixture, model_cfg: dict) -> None:
        super().__init__(fixture, model_cfg)
        use_explicit_attention(self.model)

    def taps(self) -> Taps:
        """Every stage of every level."""
        taps: dict = {
            'audio_feature': (f'{HEAD}.fusions.0', lambda args, out: args[1][:, 0]),
            'pred': (HEAD, lambda args, out: out.logits),
        }
        for level in range(len(self.model.backbone.out_channels)):
            fusion, block = f'{HEAD}.fusions.{level}', f'{HEAD}.pixel_decoder.blocks.{level}'
            projection = f'{HEAD}.projections.{level}'
            taps |= {
                f'backbone_{level}': ('backbone', lambda args, out, level=level: out[level]),
                f'proj_{level}': (projection, lambda args, out: out),
                f'tpavi_branch_{level}': (
                    f'{fusion}.out_proj',
                    lambda args, out: out[0].transpose(0, 1),
                ),
                f'tpavi_{level}': (fusion, lambda args, out: out[0]),
                f'tpavi_audio_{level}': (fusion, lambda args, out: out[1][:, 0]),
                f'path_{level + 1}': (block, lambda args, out: out),
            }
        return taps

    def inputs(self) -> dict:
        """The published loader pads with black frames after the normalisation."""
        inputs = super().inputs()
        valid = self._flags(VALID)
        if valid is not None:
            inputs['frames'] = inputs['frames'] * valid[:, None, None, None]
            inputs['frame_valid'] = valid
        return inputs

    def outputs(self, found: dict[str, Tensor], output: AVSHeadOutput) -> dict[str, Tensor]:
        """As stored: what TPAVI returns is grouped, maps as (groups, C, frames, h, w)."""
        for name in [name for name in found if name.startswith('tpavi_')]:
            groups = self.fixture.content['outputs'][name]['shape'][0]
            grouped = found[name].unflatten(0, (groups, -1))  # (groups, frames, C, ...)
            is_audio = name.startswith('tpavi_audio')
            found[name] = grouped if is_audio else grouped.transpose(1, 2)
        for level, (maps, _) in enumerate(output.matched_pairs):
            found[f'returned_map_{level}'] = maps
        return found

    def losses(self, output: AVSHeadOutput, lengths: tuple[int, ...]) -> dict[str, Tensor]:
        """Every stored loss: as published, with other settings, and of a given prediction."""
        head, content = self.model.decode_head, self.fixture.content
        wanted = self._targets(lengths)
        terms = head.loss(output, wanted)
        losses = {'iou_loss': terms['loss_mask'], 'total': sum(terms.values())}
        if 'loss_match' in terms:
            losses['sa_loss'] = terms['loss_match'] / head.loss_match.loss_weight
        groups = {'extra_losses': self.prediction(output.logits)}
        if 'losses_given_pred' in content:
            groups['losses_given_pred'] = self._given_prediction()
        for group, logits in groups.items():
            for name in content.get(group, {}):
                if name == 'iou_loss':
                    given = replace(output, logits=logits)
                    value = head.loss(given, wanted)['loss_mask']
                else:
                    loss = AudioVisualMatchingLoss(**self._settings(name))
                    value = loss(output.matched_pairs, logits, wanted.annotated)
                losses[f'{group}.{name}'] = value
        return losses

    def _flags(self, name: str) -> Tensor | None:
        if name not in self.fixture.content['inputs']:
            return None
        return torch.from_numpy(self.fixture.input(name)).bool()

    def _targets(self, lengths: tuple[int, ...]) -> FrameTargets:
        name = 'mask' if 'mask' in self.fixture.content['inputs'] else 'labels'
        wanted = targets(self.fixture, lengths, name)
        valid, annotated = self._flags(VALID), self._flags(ANNOTATED)
        if valid is not None:
            wanted.masks[~valid] = 0
        return wanted if annotated is None else replace(wanted, annotated=annotated, frames=None)

    def _given_prediction(self) -> Tensor:
        logits = torch.from_numpy(self.fixture.input('given_pred')).clone()
        logits[:, 0] += 5 * torch.from_numpy(self.fixture.input('given_background'))
        return logits * self._flags(VALID)[:, None, None, None]

    def _settings(self, name: str) -> dict:
        """What a name such as `sa_kl_threshold` or `closer_euclidean_norm` stands for."""
        subset = self.fixture.subset
        if subset == 's4':
            settings = {'distance': 'cosine', 'pooled': 'probability', 'threshold': True}
        else:
            settings = {'annotated_only': subset == 'avss'}
        for word in name.split('_'):
            if word not in IGNORED_WORDS:
                settings |= WORDS[word]
        if settings.get('distance') == 'kl':
            settings['reduction'] = 'sum' if subset == 'ms3' else 'mean'
            if subset == 'avss':  # the published code reads the audio of the frame itself
                settings.pop('nearest_audio', None)
        return settings
