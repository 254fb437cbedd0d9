"""Running our COMBO on a fixture of the published one, with taps along the way."""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import ClassVar

import torch
from torch import Tensor

from avsbench.models import AVSHeadOutput, FrameTargets
from avsbench.parity.fixture import Computed, Fixture
from avsbench.parity.network import NetworkRun, Taps, recording
from avsbench.systems.combo.criterion import MaskSetCriterion

HEAD = 'decode_head'
FIRST_STAGE = 2  # detectron2 counts the levels of a backbone from `res2`


class COMBORun(NetworkRun):
    """Runs COMBO on the fixture's clips, as a batch and one by one."""

    chunk: ClassVar[int] = 5  # frames with gradients in the backbones, where they never interact
    audio_output: ClassVar[str] = 'vggish'

    def compute(self) -> Computed:
        """Run each clip alone, then the batch with gradients from the backbone's levels on."""
        content, model = self.fixture.content, self.model
        clips = [self._clip(entry['clip']) for entry in content['batch']]
        frames, audio = (torch.cat([clip[name] for clip in clips]) for name in ('frames', 'audio'))
        lengths = tuple(len(clip['frames']) for clip in clips)
        record: dict[str, list[Tensor]] = {}
        alone: dict[str, Tensor] = {}
        with recording(model, self.backbone_taps(), record):
            for index, clip in enumerate(clips):
                alone |= self._alone(clip, f'infer{index}')
        # Frames never interact in the backbones, so that those of the clips serve the batch.
        found = {name: torch.cat(values) for name, values in record.items()}
        features = [found[name].detach().requires_grad_() for name in self._levels('siam')]
        with torch.no_grad():
            embedding = model.audio_encoder(audio)
        record = {}
        with recording(model, self.taps(), record):
            output = model.decode_head(features, embedding, lengths)
        found |= {name: values[0] for name, values in record.items()}
        computed = Computed(outputs=found | self._batch_outputs(clips, output) | alone)
        self._state_noise(computed)
        self._add_losses(output, computed)
        if self.with_gradients:
            self._backbone_gradients(frames, features)
            computed.grad_norms = self.gradient_norms()
        return computed

    def backbone_taps(self) -> Taps:
        """The levels of both backbones, their channel weights, and what follows from them."""
        taps: dict = {
            name: (f'backbone.weights.{index}', lambda args, out: out)
            for index, name in enumerate(self._levels('scale'))
        }
        for prefix, path in (
            ('image', 'backbone.image_backbone'),
            ('maskige', 'backbone.maskige_backbone'),
            ('siam', 'backbone'),
        ):
            for index, name in enumerate(self._levels(prefix)):
                taps[name] = (path, lambda args, out, index=index: out[index])
        return taps

    def _levels(self, prefix: str) -> list[str]:
        """What a fixture calls the levels of a backbone."""
        levels = len(self.model.backbone.out_channels)
        return [f'{prefix}_res{index + FIRST_STAGE}' for index in range(levels)]

    def taps(self) -> Taps:
        """Every stage of the head."""
        last = len(self.model.decode_head.transformer_decoder.layers) - 1
        decoder = f'{HEAD}.transformer_decoder'
        return {
            'encoder_memory': (f'{HEAD}.pixel_decoder.encoder', lambda args, out: out),
            'mask_features': (f'{HEAD}.fusion', lambda args, out: args[0]),
            'fused_visual': (f'{HEAD}.fusion', lambda args, out: out[0]),
            'fused_audio': (f'{HEAD}.fusion', lambda args, out: out[1]),
            'audio_query': (f'{HEAD}.audio_mlp', lambda args, out: out),
            'query_init': (f'{decoder}.layers.0', lambda args, out: args[0].transpose(0, 1)),
            'query_last': (f'{decoder}.layers.{last}', lambda args, out: out.transpose(0, 1)),
        }

    def _clip(self, index: int) -> dict[str, Tensor]:
        """Frames with Maskiges (T, 6, H, W) and audio (T, 1, 96, 64) of one clip."""
        images, maskiges, audio = (
            torch.from_numpy(self.fixture.input(f'clip{index}.{name}'))
            for name in ('images', 'pre_masks', 'audio_log_mel')
        )
        frames = torch.cat((images, maskiges), 1)
        return {'frames': frames, 'audio': audio[: len(frames)], 'clip_lengths': (len(frames),)}

    def _batch_outputs(self, clips: list[dict], output: AVSHeadOutput) -> dict[str, Tensor]:
        """The predictions of the whole batch, and VGGish on all patches, zero ones included."""
        outputs = {'pred_logits': output.cls_logits[-1], 'pred_masks': output.mask_logits[-1]}
        for index in range(len(output.cls_logits) - 1):
            outputs[f'aux{index}_pred_logits'] = output.cls_logits[index]
            outputs[f'aux{index}_pred_masks'] = output.mask_logits[index]
        patches = self.fixture.content['outputs'][self.audio_output]['shape'][0]
        audio = [clip['audio'] for clip in clips]
        if sum(len(part) for part in audio) != patches:  # all clips were padded to one length
            each = patches // len(audio)
            audio = [
                torch.cat((part, part.new_zeros(each - len(part), *part.shape[1:])))
                for part in audio
            ]
        with torch.no_grad():
            features = self.model.audio_encoder(torch.cat(audio))
        outputs[self.audio_output] = self._published_audio(features)
        return outputs

    def _published_audio(self, features: Tensor) -> Tensor:
        """Audio features (N, A, D) in the shape of the fixture."""
        return features[:, 0]

    @torch.no_grad()
    def _alone(self, clip: dict, prefix: str) -> dict[str, Tensor]:
        """A clip run by itself, as in testing."""
        output = self.model(clip)
        size = self.fixture.content['outputs'][f'{prefix}_sem_seg']['shape'][-2:]
        return {
            f'{prefix}_pred_logits': output.cls_logits[-1],
            f'{prefix}_pred_masks': output.mask_logits[-1],
            f'{prefix}_sem_seg': self.model.decode_head.score_maps(output, size),
        }

    def _state_noise(self, computed: Computed) -> None:
        """What the fixture states of rounding.

        The decoder attends where the last masks are positive: what follows is held by a quantile.
        """
        behind = re.compile(r'query_last|pred_.*|aux[1-9]\d*_.*|infer\d+_.*')
        computed.discontinuous = frozenset(filter(behind.fullmatch, self.fixture.stored))
        for name, stated in self.fixture.content['float64_agreement']['outputs'].items():
            share = 'q99' if name in computed.discontinuous else 'max'
            computed.noise['output', name] = 2 * stated[share]  # both are float32

    def _targets(self) -> FrameTargets:
        clips = [self._clip_targets(entry) for entry in self.fixture.content['batch']]
        return FrameTargets(
            torch.cat([clip.masks for clip in clips]),
            torch.cat([clip.annotated for clip in clips]),
        )

    def _clip_targets(self, entry: dict) -> FrameTargets:
        """The annotated frames of a clip come first."""
        names = [f'clip{entry["clip"]}.{name}' for name in ('masks', 'labels')]
        name = next(name for name in names if name in self.fixture.content['inputs'])
        maps = torch.from_numpy(self.fixture.input(name)).long()
        masks = maps.new_zeros(entry['frames'], *maps.shape[1:])
        masks[: len(maps)] = maps
        return FrameTargets(masks, torch.arange(entry['frames']) < len(maps))

    def _add_losses(self, output: AVSHeadOutput, computed: Computed) -> None:
        """All terms before weighting: at the fixture's points, with gradients, and on the grid."""
        wanted, weights = self._targets(), self.fixture.content['loss_weights']
        head = self.model.decode_head
        layers = [*(f'aux{index}' for index in range(len(output.cls_logits) - 1)), 'last']
        with stored_points(self.fixture, head.criterion, layers):
            terms = head.loss(output, wanted)
        computed.losses = {
            name: float(value.detach()) / weights[name] for name, value in terms.items()
        }
        points, head.criterion.num_points = head.criterion.num_points, 0
        with torch.no_grad():
            on_grid = head.loss(output, wanted)
        head.criterion.num_points = points
        computed.grid_losses = {
            name: float(value) / weights[name] for name, value in on_grid.items()
        }
        if self.with_gradients:
            self.model.zero_grad()
            sum(terms.values()).backward()

    def _backbone_gradients(self, frames: Tensor, features: list[Tensor]) -> None:
        """Carry the gradients of the levels into the backbones, some frames at a time."""
        gradients = [level.grad.split(self.chunk) for level in features]
        for chunk, *parts in zip(frames.split(self.chunk), *gradients, strict=True):
            torch.autograd.backward(self.model.backbone(chunk), parts)


@contextmanager
def stored_points(
    fixture: Fixture, criterion: MaskSetCriterion, layers: Sequence[str]
) -> Iterator[None]:
    """Let a criterion compare at the fixture's points, prediction by prediction.

    Args:
        fixture: The fixture.
        criterion: The criterion.
        layers: Name of each prediction in the fixture.
    """
    prefix = fixture.content['points']['names'].split('/<layer>')[0]

    def points(
        purpose: str, prediction: int, shape: tuple[int, ...], device: torch.device
    ) -> Tensor:
        name = f'{prefix}/{layers[prediction]}/{purpose}'
        if purpose != 'match':
            return uniform(fixture, name, shape).to(device)
        frames = [uniform(fixture, f'{name}/{frame}', (1, *shape[1:])) for frame in range(shape[0])]
        return torch.cat(frames).to(device)

    criterion.points = points
    try:
        yield
    finally:
        del criterion.points


def uniform(fixture: Fixture, name: str, shape: tuple[int, ...]) -> Tensor:
    """Numbers in [0, 1] that a fixture names, float32."""
    normal = torch.from_numpy(fixture.seeded.feature(name, list(shape)))
    return torch.special.ndtr(normal.double()).float()
