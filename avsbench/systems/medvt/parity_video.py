"""Running MED-VT's networks for videos on fixtures of the published ones, and their losses."""

import json
import re

import torch
from torch import Tensor

from avsbench.evaluation.video.a2d import frame_value
from avsbench.models import AVSHeadOutput, FrameTargets
from avsbench.parity.fixture import Fixture
from avsbench.parity.network import NetworkRun, Taps, targets, use_explicit_attention
from avsbench.utils.maps import resize

HEAD = 'decode_head'
ENCODER = f'{HEAD}.context_encoder'
PREDICTOR = f'{HEAD}.predictor'
ANNOTATED = 3  # frame of a clip that a class map belongs to


class MEDVTVideoRun(NetworkRun):
    """Runs MED-VT for videos: one clip, with masks of all frames or a class map of one."""

    frames_name = 'image'
    # As in `MEDVTRun`: gradients of the coarsest level differ by half a percent between processors.
    num_roundings = 3

    def __init__(self, fixture: Fixture, model_cfg: dict) -> None:
        super().__init__(fixture, model_cfg)
        use_explicit_attention(self.model)
        self._at_scales: dict[tuple[float, bool], AVSHeadOutput] = {}

    def taps(self) -> Taps:
        """Every stage of every level."""
        head = self.model.decode_head
        levels = len(self.model.backbone.out_channels)
        decoder = f'{HEAD}.queries.transformer_decoder'
        taps: dict = {
            'encoder_0': (ENCODER, lambda args, out: _sequence(out[-1])),
            'encoder_1': (ENCODER, lambda args, out: _sequence(out[-2])),
            'fpn_hr': (f'{HEAD}.pixel_decoder', lambda args, out: out[0]),
            'hs_0': (decoder, lambda args, out: out[0].transpose(0, 1)),
            'hs_last': (decoder, lambda args, out: out[-1].transpose(0, 1)),
            'obj_attn_masks': (f'{HEAD}.queries.object_attention', lambda args, out: out),
            'seg_feats': (f'{PREDICTOR}.layers', lambda args, out: args[0][0].transpose(0, 1)),
            'head': (f'{PREDICTOR}.layers', lambda args, out: out),
        }
        for level in range(levels):
            taps[f'backbone_{level}'] = ('backbone', lambda args, out, level=level: out[level])
            taps[f'fpn_{level}'] = (
                f'{HEAD}.pixel_decoder',
                lambda args, out, level=level: out[levels - 1 - level],
            )
        for index in range(len(head.projections)):
            level = levels - len(head.projections) + index
            taps[f'proj_{level}'] = (f'{HEAD}.projections.{index}', lambda args, out: out)
        if head.queries.memories == 'encoded_first':
            # There the list that the decoder reads begins with the encoder's level.
            taps['fpn_0'] = (ENCODER, lambda args, out: out[-1])
        if head.context_encoder.between is not None:
            taps['cross_res'] = (f'{ENCODER}.between.0', lambda args, out: out.transpose(0, 1))
        if head.predictor.propagation is not None:
            inner = f'{PREDICTOR}.propagation'
            taps |= {
                'label_encoder': (f'{inner}.encoder', lambda args, out: out[None]),
                'prop_layer': (
                    f'{inner}.decoder',
                    lambda args, out: args[0][0].transpose(0, 1)[:, None],
                ),
                'lprop': (f'{inner}.decoder', lambda args, out: out[0]),
            }
        return taps

    def outputs(self, found: dict[str, Tensor], output: AVSHeadOutput) -> dict[str, Tensor]:
        """What was tapped, the final maps, and what else the fixture stores of the same clip."""
        lengths = output.clip_lengths
        self._at_scales = {(1, False): output}
        coarsest = [name for name in found if name.startswith('proj_')][-1]
        level = found[coarsest]
        code = self.model.decode_head.positions(level, lengths)  # (T, h*w, C)
        code = code.transpose(1, 2).reshape(1, *level.shape)
        outputs = found | {
            coarsest.replace('proj', 'pos'): code,
            'pred_masks': output.logits.transpose(0, 1),
        }
        if output.aux_logits is not None:
            outputs['aux_pred_masks'] = output.aux_logits.transpose(0, 1)
        described = self.fixture.content['outputs']
        for name in outputs.keys() & described.keys():
            if len(described[name]['shape']) > outputs[name].dim() == 4:  # a batch of one clip
                outputs[name] = outputs[name].transpose(0, 1)[None]
        for name in described.keys() - outputs.keys():
            if name.startswith('argmax_'):
                frame = int(name.removeprefix('argmax_'))
                outputs[name] = self._classes(output)[frame]
            elif name.startswith('prob_'):
                outputs[name] = self._joined(described[name])
            elif name.startswith('pred_masks_scales'):
                outputs[name] = self._with_memories(int(name.removeprefix('pred_masks_scales')))
        return {name: outputs[name] for name in described if name in outputs}

    def losses(self, output: AVSHeadOutput, lengths: tuple[int, ...]) -> dict[str, Tensor]:
        """Every stored loss; the published ones hold the auxiliary part."""
        terms = self.model.decode_head.loss(output, self._targets(lengths))
        losses = {'total': sum(terms.values())}
        for name in self.model.decode_head.losses:
            losses[name] = terms[name] + terms.get(f'{name}_aux', 0)
            losses[f'main_only_{name}'] = terms[name]
        losses['aux_weight'] = torch.tensor(self.model.decode_head.aux_weight)
        for name in self.fixture.content['losses']:
            if name.startswith('metric_frame_iou'):
                losses[name] = torch.tensor(self._frame_value(output))
        return losses

    def _targets(self, lengths: tuple[int, ...]) -> FrameTargets:
        if 'mask' in self.fixture.content['inputs']:
            return targets(self.fixture, lengths, 'mask')
        labels = torch.from_numpy(self.fixture.input('labels')).long()
        annotated = torch.arange(sum(lengths)) == ANNOTATED
        masks = labels.flatten(0, -3).expand(len(annotated), -1, -1)
        return FrameTargets(masks, annotated)

    def _classes(self, output: AVSHeadOutput) -> Tensor:
        """Class map of each frame at the input's size."""
        shape = self.fixture.input(self.frames_name).shape[-2:]
        return self.model.decode_head.predict(output, tuple(shape)).argmax(1)

    def _frame_value(self, output: AVSHeadOutput) -> float:
        """The metric, with the prediction as the label of the upper left part."""
        label = self.fixture.input('labels').reshape(-1, *self.fixture.input('labels').shape[-2:])[
            0
        ]
        label, predicted = label.copy(), self._classes(output)[ANNOTATED].numpy()
        height, width = label.shape
        part = slice(0, height // 2), slice(0, width // 3)
        label[part] = predicted[part]
        return frame_value(predicted, label)

    @torch.no_grad()
    def _with_memories(self, count: int) -> Tensor:
        """The logits where the queries attend to the first `count` memories only."""
        queries = self.model.decode_head.queries
        usual, queries.num_memories = queries.num_memories, count
        logits = self.model(self.inputs()).logits.transpose(0, 1)
        queries.num_memories = usual
        return logits

    def _joined(self, described: dict) -> Tensor:
        """Probability of a frame from several sizes of the clip and their mirror images."""
        frame, join, scales = re.search(
            r'of frame (\d+) .*flip \((\w+)\) and scales (\[.*?\])', described['meaning']
        ).groups()
        shape, sides = tuple(described['shape']), []
        for mirrored in (False, True):
            outputs = (self._at_scale(scale, mirrored) for scale in json.loads(scales))
            maps = [self.model.decode_head.predict(output, shape) for output in outputs]
            mean = torch.stack([logits[int(frame), 0].sigmoid() for logits in maps]).mean(0)
            sides.append(mean.flip(-1) if mirrored else mean)
        return torch.maximum(*sides) if join == 'max' else sum(sides) / 2

    @torch.no_grad()
    def _at_scale(self, scale: float, mirrored: bool) -> AVSHeadOutput:
        """What the network makes of the clip at another size, or mirrored; computed once."""
        if (scale, mirrored) not in self._at_scales:
            inputs = self.inputs()
            frames = inputs['frames'].flip(-1) if mirrored else inputs['frames']
            size = tuple(int(side * scale) for side in frames.shape[-2:])
            output = self.model({**inputs, 'frames': resize(frames, size)})
            self._at_scales[scale, mirrored] = output
        return self._at_scales[scale, mirrored]


def _sequence(level: Tensor) -> Tensor:
    """Maps (T, C, h, w) of a clip to its tokens (T * h * w, 1, C)."""
    return level.flatten(2).transpose(1, 2).flatten(0, 1)[:, None]
