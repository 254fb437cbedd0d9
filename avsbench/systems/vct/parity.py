"""Running our VCT on a fixture of the published one, with taps along the way."""

import re
from dataclasses import replace
from typing import ClassVar

import torch
from torch import Tensor

from avsbench.models import FrameTargets
from avsbench.parity.fixture import Computed, Fixture, Limit
from avsbench.parity.network import Taps, recording
from avsbench.systems.combo.parity import HEAD, COMBORun
from avsbench.systems.vct.head import VCTOutput

QUERIES = f'{HEAD}.query_generator'
SAME_QUERY = Limit(difference=0.0, share=0.999)  # of the positions; rounding may move one
_BEHIND_ASSIGNMENT = re.compile(r'grouped|visual_queries|query_init|aux0_.*')


class VCTRun(COMBORun):
    """Runs VCT on the fixture's clips: one by one without noise, and as a batch with it."""

    chunk: ClassVar[int] = 1
    audio_output: ClassVar[str] = 'vggish_map'

    def __init__(self, fixture: Fixture, model_cfg: dict) -> None:
        super().__init__(fixture, model_cfg)
        self.queries = self.model.decode_head.query_generator
        # Frames have 3024 tokens; computing the layers again gives the same numbers.
        self.model.decode_head.pixel_decoder.encoder.with_cp = True

    def compute(self) -> Computed:
        """Run each clip without noise in the assignment, then the batch with it there alone."""
        assignment = self.queries.assignment.train()
        assignment.noise = self._noise
        try:
            return super().compute()
        finally:
            assignment.eval()
            del assignment.noise

    def taps(self) -> Taps:
        """Every stage of the head."""
        last = len(self.model.decode_head.transformer_decoder.layers) - 1
        decoder = f'{HEAD}.transformer_decoder'
        return {
            'encoder_memory': (f'{HEAD}.pixel_decoder.encoder', lambda args, out: out),
            'mask_features': (QUERIES, lambda args, out: args[0]),
            'audio_tokens': (f'{HEAD}.audio_mlp', lambda args, out: out),
            'pixel_proj': (f'{QUERIES}.pixel_proj', lambda args, out: out),
            'mixed_queries': (f'{QUERIES}.mixer', lambda args, out: out.transpose(1, 2)),
            'prompted_queries': (f'{QUERIES}.assignment', lambda args, out: args[0]),
            'grouped': (f'{QUERIES}.assignment', lambda args, out: out[0]),
            **self._query_taps(),
            'query_init': (f'{decoder}.layers.0', lambda args, out: args[0]),
            'query_last': (f'{decoder}.layers.{last}', lambda args, out: out),
        }

    def _query_taps(self, prefix: str = '') -> Taps:
        return {
            f'{prefix}assignment': (f'{QUERIES}.assignment', lambda args, out: out[1].float()),
            f'{prefix}visual_queries': (QUERIES, lambda args, out: out),
        }

    def _noise(self, shape: torch.Size, device: torch.device) -> Tensor:
        """The fixture's Gumbel noise (N, Q, S); it was made with an axis of one head."""
        ((name, stored),) = self.fixture.content['gumbel']['names'].items()
        normal = torch.from_numpy(self.fixture.seeded.feature(name, stored)).double()
        noise = -(-torch.special.ndtr(normal).log()).log()
        return noise.float().view(shape).to(device)

    def _batch_outputs(self, clips: list[dict], output: VCTOutput) -> dict[str, Tensor]:
        """What COMBO has, and the vectors that the loss on prototypes compares."""
        outputs = super()._batch_outputs(clips, output)
        loss = self.model.decode_head.loss_prototype
        if loss is not None:
            audio = output.audio_feature.detach()
            with torch.no_grad():
                audio, prototypes = loss.embed(audio, self.queries.prototypes.weight)
            outputs |= {
                'audio_embed': audio,
                'proto_embed': prototypes.expand(len(audio), -1, -1),
            }
        return outputs

    def _published_audio(self, features: Tensor) -> Tensor:
        """The map of VGGish, channels first."""
        return features.mT.unflatten(2, self.model.audio_encoder.out_grid)

    def _alone(self, clip: dict, prefix: str) -> dict[str, Tensor]:
        """A clip run by itself, as in testing: without noise."""
        assignment = self.queries.assignment.eval()
        record: dict[str, list[Tensor]] = {}
        with recording(self.model, self._query_taps(f'{prefix}_'), record):
            outputs = super()._alone(clip, prefix)
        assignment.train()  # of the batch, which comes after the clips
        return outputs | {name: values[0] for name, values in record.items()}

    def _state_noise(self, computed: Computed) -> None:
        """What the fixture states of rounding, which may move positions to another query."""
        super()._state_noise(computed)
        stored = self.fixture.stored
        computed.discontinuous |= frozenset(filter(_BEHIND_ASSIGNMENT.fullmatch, stored))
        computed.limits |= {name: SAME_QUERY for name in stored if name.endswith('assignment')}

    def _targets(self) -> FrameTargets:
        wanted, loss = super()._targets(), self.model.decode_head.loss_prototype
        if loss is None or loss.categories is None:
            return wanted
        numbers = [entry['category_number'] for entry in self.fixture.content['batch']]
        return replace(wanted, categories=tuple(loss.categories[n - 1] for n in numbers))
