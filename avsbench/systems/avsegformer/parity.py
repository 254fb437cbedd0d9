"""Running our AVSegFormer on a fixture of the published one, with taps along the way."""

import math
from collections.abc import Iterator
from dataclasses import replace
from typing import ClassVar

import torch
from torch import Tensor

from avsbench.models import AVSHeadOutput, BinaryCrossEntropyLoss, FrameTargets
from avsbench.parity.fixture import Computed
from avsbench.parity.network import NetworkRun, Taps, recording, targets

HEAD = 'decode_head'
DECODER = f'{HEAD}.pixel_decoder'


class AVSegFormerRun(NetworkRun):
    """Runs AVSegFormer some frames at a time: frames never interact in it."""

    chunk: ClassVar[int] = 5  # frames; a clip of ten with gradients would need 13 GB
    loss_names: ClassVar[dict[str, str]] = {'iou_loss': 'loss_mask', 'mix_loss': 'loss_mix'}

    def compute(self) -> Computed:
        """Run the network, a second time with half of each clip as padding where that is stored."""
        inputs = self.inputs()
        lengths = inputs['clip_lengths']
        found, output = self._forward(inputs)
        computed = Computed(outputs=self.outputs(found, output))
        short = None
        if any(name.endswith('_v1') for name in self.fixture.stored):
            valid = torch.cat([torch.arange(length) < length // 2 for length in lengths])
            found, short = self._forward(inputs | {'frame_valid': valid})
            computed.outputs |= {f'{name}_v1': value for name, value in found.items()}
        if self.fixture.content['losses']:
            leaf = _as_leaf(output)
            losses = self.losses(leaf, lengths)
            computed.losses = {name: float(value.detach()) for name, value in losses.items()}
            computed.losses |= self.further_losses(output, short, lengths)
            if self.with_gradients:
                self.model.zero_grad()
                losses['total'].backward()
                self._backward(inputs, leaf)
                computed.grad_norms = self.gradient_norms()
        return computed

    def clip_lengths(self, num_frames: int) -> tuple[int, ...]:
        """As many clips as S4, which is trained on their first frames, has targets; else one."""
        clips = 1
        if self.fixture.subset == 's4' and self.target_name in self.fixture.content['inputs']:
            clips = math.prod(self.fixture.input(self.target_name).shape[:-2])
        return (num_frames // clips,) * clips

    def taps(self) -> Taps:
        """Every stage from the features to the prediction."""
        head = self.model.decode_head
        encoder, decoder = f'{DECODER}.encoder', f'{HEAD}.transformer_decoder'
        taps: dict = {
            f'backbone_{level + 1}': ('backbone', lambda args, out, level=level: out[level])
            for level in range(len(self.model.backbone.out_channels))
        }
        for level in range(len(head.pixel_decoder.input_convs)):
            taps[f'in_proj_{level}'] = (f'{DECODER}.input_convs.{level}', lambda args, out: out)
        for index in range(len(head.pixel_decoder.encoder.layers)):
            layer = f'{encoder}.layers.{index}'
            taps[f'encoder_layer{index}'] = (layer, lambda args, out: out)
            taps[f'encoder{index}_deform_attn'] = (f'{layer}.self_attn', lambda args, out: out)
        for index in range(len(head.transformer_decoder.layers)):
            taps[f'decoder_layer{index}'] = (f'{decoder}.layers.{index}', lambda args, out: out)
        return taps | {
            'audio_embedding': ('audio_encoder', lambda args, out: out[:, 0]),
            'audio_proj': (f'{HEAD}.audio_proj', lambda args, out: out),
            'decoder_query_in': (decoder, lambda args, out: args[0]),
            'encoder_pos': (encoder, lambda args, out: args[1].expand_as(out)),
            'reference_points': (
                f'{encoder}.layers.0',
                lambda args, out: args[2].expand(len(out), -1, -1, -1),
            ),
            'memory': (encoder, lambda args, out: out),
            'decoder_out': (decoder, lambda args, out: out[-1]),
            'query_feature': (f'{HEAD}.query_mlp', lambda args, out: out),
            'mask_feature': (HEAD, lambda args, out: out.mask_feature),
            'pred': (HEAD, lambda args, out: out.logits),
            **self.query_taps(),
            **self.fusion_taps(),
        }

    def query_taps(self) -> Taps:
        """Taps in the query generator."""
        path = f'{HEAD}.query_generator'
        layers = self.model.decode_head.query_generator.layers
        return {
            'query_generator': (path, lambda args, out: out[0]),
            **{
                f'query_generator_layer{index}': (f'{path}.layers.{index}', lambda args, out: out)
                for index in range(len(layers))
            },
        }

    def fusion_taps(self) -> Taps:
        """Taps in the fusion of queries and mask feature."""
        return {
            'mask_feature_before_mixer': (f'{HEAD}.fusion', lambda args, out: args[0]),
            'mixer_logit': (f'{HEAD}.fusion.proj', lambda args, out: out),
        }

    def further_losses(
        self, output: AVSHeadOutput, short: AVSHeadOutput | None, lengths: tuple[int, ...]
    ) -> dict[str, float]:
        """Losses of 5-second clips (`v1s.*`, `v1m.*`) and as cross entropy (`bce_variant.*`)."""
        wanted = targets(self.fixture, lengths, self.target_name)
        place = torch.cat([torch.arange(length) / length for length in lengths])
        found = {}
        for prefix in {name.rpartition('.')[0] for name in self.fixture.content['losses']} - {''}:
            if prefix in ('v1s', 'v1m'):
                annotated = place == 0 if prefix == 'v1s' else place < 0.5
                terms = self._terms(short, replace(wanted, annotated=annotated, frames=None))
            else:
                terms = self._cross_entropy_terms(output, wanted)
            found |= {f'{prefix}.{name}': float(value) for name, value in terms.items()}
        return found

    def _terms(self, output: AVSHeadOutput, wanted: FrameTargets) -> dict[str, Tensor]:
        terms = self.model.decode_head.loss(output, wanted)
        named = {published: terms[ours] for published, ours in self.loss_names.items()}
        return {**named, 'total': sum(terms.values())}

    def _cross_entropy_terms(
        self, output: AVSHeadOutput, wanted: FrameTargets
    ) -> dict[str, Tensor]:
        head = self.model.decode_head
        published = head.loss_mask, head.loss_mix
        head.loss_mask, head.loss_mix = (
            BinaryCrossEntropyLoss(loss.loss_weight) for loss in published
        )
        terms = self._terms(output, wanted)
        head.loss_mask, head.loss_mix = published
        return terms

    def _chunks(self, inputs: dict) -> Iterator[dict]:
        for start in range(0, len(inputs['frames']), self.chunk):
            part = slice(start, start + self.chunk)
            chunk = {name: value[part] for name, value in inputs.items() if name != 'clip_lengths'}
            yield chunk | {'clip_lengths': (len(chunk['frames']),)}

    @torch.no_grad()
    def _forward(self, inputs: dict) -> tuple[dict[str, Tensor], AVSHeadOutput]:
        record: dict[str, list[Tensor]] = {}
        with recording(self.model, self.taps(), record):
            results = [self.model(chunk) for chunk in self._chunks(inputs)]
        output = replace(
            results[0],
            logits=torch.cat([result.logits for result in results]),
            mask_feature=torch.cat([result.mask_feature for result in results]),
            aux={
                name: _joined([result.aux[name] for result in results]) for name in results[0].aux
            },
        )
        return {name: _joined(values) for name, values in record.items()}, output

    def _backward(self, inputs: dict, leaf: AVSHeadOutput) -> None:
        """Carry the gradients of the output into the network, some frames at a time."""
        start, frames = 0, len(leaf.logits)
        for chunk in self._chunks(inputs):
            result = self.model(chunk)
            part = slice(start, start + len(result.logits))
            start = part.stop
            flows = [
                (result.logits, leaf.logits.grad[part]),
                (result.mask_feature, leaf.mask_feature.grad[part]),
                *(
                    (term, leaf.aux[name].grad * (len(result.logits) / frames))
                    for name, term in result.aux.items()
                    if leaf.aux[name].grad is not None
                ),
            ]
            torch.autograd.backward(*zip(*flows, strict=True))


def _joined(values: list[Tensor]) -> Tensor:
    """One tensor from those of equal chunks; numbers are means over the frames."""
    return torch.cat(values) if values[0].ndim else torch.stack(values).mean()


def _as_leaf(output: AVSHeadOutput) -> AVSHeadOutput:
    """The output as a leaf, at which gradients end."""
    return replace(
        output,
        logits=output.logits.clone().requires_grad_(),
        mask_feature=output.mask_feature.clone().requires_grad_(),
        aux={name: value.clone().requires_grad_() for name, value in output.aux.items()},
    )
