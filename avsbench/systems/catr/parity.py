"""Running our CATR on a fixture of the published one, with taps along the way."""

from dataclasses import replace

import torch
from torch import Tensor

from avsbench.models import AVSHeadOutput, FrameTargets
from avsbench.models.layers import MultiheadAttention
from avsbench.parity.fixture import Computed, Fixture
from avsbench.parity.network import NetworkRun, Taps, recording, use_explicit_attention
from avsbench.systems.catr.encoder import attend_to_clip
from avsbench.systems.catr.head import clip_targets
from avsbench.utils.maps import resize

HEAD = 'decode_head'
ENCODER = f'{HEAD}.encoder'
# Our names of loss terms and the published ones.
LOSSES = {
    'loss_cls': 'loss_is_referred',
    'loss_dice': 'loss_dice',
    'loss_focal': 'loss_sigmoid_focal',
    'loss_bce': 'bce_loss',
}
TOKENS = ('spatial_memory', 'temporal_self', 'temporal_video', 'temporal_audio')


class CATRRun(NetworkRun):
    """Runs CATR.

    The published code puts time before clips, and tokens before frames; ours are clip-major with
    tokens after frames, so that what was tapped is turned.
    """

    frames_name = 'video'
    target_name = 'mask'
    # The queries of a frame are nearly equal, and products of three maps meet in the gate: what is
    # left of differences is close to rounding.
    num_roundings = 3

    def __init__(self, fixture: Fixture, model_cfg: dict) -> None:
        # The activations of the backbone take 2 GB per clip; compute them twice instead.
        model_cfg['backbone']['with_cp'] = True
        super().__init__(fixture, model_cfg)
        use_explicit_attention(self.model)

    def compute(self) -> Computed:
        """Run all clips without gradients, then one clip at a time with them, to save memory."""
        inputs, clips = self.inputs(), self._targets()
        record: dict[str, list[Tensor]] = {}
        with torch.no_grad():
            with recording(self.model, self.taps(), record):
                output = self.model(inputs)
            losses = self.model.decode_head.loss(output, _joined(clips))
            found = {name: values[0] for name, values in record.items()}
            computed = Computed(outputs=self.outputs(found, output))
        computed.losses = self._published(losses)
        if self.with_gradients:
            self.model.zero_grad()
            # All clips have equally many frames, so that the loss is the mean of theirs.
            length = inputs['clip_lengths'][0]
            for index, wanted in enumerate(clips):
                part = slice(index * length, (index + 1) * length)
                clip = {name: inputs[name][part] for name in ('frames', 'audio')}
                output = self.model(clip | {'clip_lengths': (length,)})
                terms = self.model.decode_head.loss(output, wanted)
                sum(terms.values()).div(len(clips)).backward()
            computed.grad_norms = self.gradient_norms()
        return computed

    def inputs(self) -> dict:
        """Clips one after the other, from frames (T, B, ...) and patches (B, T, ...)."""
        frames = torch.from_numpy(self.fixture.input(self.frames_name)).transpose(0, 1)
        audio = torch.from_numpy(self.fixture.input(self.audio_name))
        return {
            'frames': frames.flatten(0, 1),
            'audio': audio.flatten(0, 1),
            'clip_lengths': (frames.shape[1],) * len(frames),
        }

    def settled(self, computed: Computed) -> Computed:
        """With what is tested: rounding decides which query where two are as likely."""
        noise = computed.noise.get(('output', 'probability'), 0.0)
        tested = self._tested(computed.outputs, undecided=noise)
        margin = {('output', 'test_margin'): 2 * noise}  # of two nearly equal probabilities
        return replace(computed, outputs=computed.outputs | tested, noise=computed.noise | margin)

    def taps(self) -> Taps:
        """Every stage, and every block of the encoder in time."""
        taps: dict = {
            f'backbone_{level}': ('backbone', lambda args, out, level=level: out[level])
            for level in range(len(self.model.backbone.out_channels))
        }
        for level in self.model.decode_head.projections:  # by level, the finest left out
            taps[f'conv{int(level) + 1}'] = (
                f'{HEAD}.projections.{level}',
                lambda args, out: out,
            )
        for index, block in enumerate(self.model.decode_head.encoder.temporal_blocks):
            path = f'{ENCODER}.temporal_blocks.{index}'
            taps[f'temporal_self_{index}'] = (f'{path}.layer', lambda args, out: out)
            taps[f'temporal_video_{index}'] = (path, lambda args, out: out[0])
            if block.audio_attn is not None:
                taps[f'temporal_audio_{index}'] = (path, lambda args, out: out[1])
        return taps | {
            'audio_feature': ('audio_encoder', lambda args, out: out[:, 0]),
            'vid_embed': (f'{HEAD}.video_proj', lambda args, out: out),
            'audio_proj': (f'{HEAD}.audio_proj', lambda args, out: out[:, 0]),
            'spatial_memory': (ENCODER, lambda args, out: out.memory),
            'gate_conv': (f'{ENCODER}.gate.conv', lambda args, out: out),
            'gate_d1': (f'{ENCODER}.gate.merge1', lambda args, out: out),
            'vid_memory': (ENCODER, lambda args, out: out.feature),
            'mask_features': (f'{HEAD}.pixel_decoder', lambda args, out: out),
            'hs': (f'{HEAD}.transformer_decoder', lambda args, out: torch.stack(out)),
        }

    def outputs(self, found: dict[str, Tensor], output: AVSHeadOutput) -> dict[str, Tensor]:
        """What was tapped, and what follows from it, in the published order of axes."""
        head = self.model.decode_head
        clips, length = len(output.clip_lengths), output.clip_lengths[0]
        last = len(head.encoder.temporal_blocks) - 1
        found[f'temporal_audio_{last}'] = self._unused_audio(found, last, output.clip_lengths)

        def time_first(values: Tensor, axis: int = 0) -> Tensor:
            """Frames along an axis as T, B, instead of clip by clip."""
            return values.unflatten(axis, (clips, length)).transpose(axis, axis + 1)

        def rows(values: Tensor) -> Tensor:
            return time_first(values).flatten(0, 1)  # row t * B + b

        turned = {
            'hs': lambda values: time_first(values, 1),
            'audio_proj': time_first,
            'audio_feature': lambda values: values,
        }
        outputs = {}
        for name, values in found.items():
            if name.startswith(TOKENS):
                outputs[name] = rows(values).transpose(0, 1)  # (tokens, T * B, C)
            else:
                outputs[name] = turned.get(name, rows)(values)
        height, width = found['vid_embed'].shape[2:]
        pos = head.encoder.positions(height, width, output.clip_lengths, sum(output.clip_lengths))
        outputs['pos'] = pos[0, : height * width].view(height, width, -1)
        values = outputs['gate_conv'].sigmoid().mean((2, 3))
        outputs['gate_1'], outputs['gate_2'] = values[:, 0], values.sigmoid().mean(1)
        for prefix, part in (('masks', output.mask_logits), ('is_referred', output.cls_logits)):
            final, *aux = time_first(part, 1).flip(0)  # the last layer first
            outputs[f'pred_{prefix}'] = final
            outputs[f'pred_{prefix}_deviation'] = final - final.mean(2, keepdim=True)
            for index, layer in enumerate(reversed(aux)):
                outputs[f'aux_{prefix}_{index}'] = layer
        # For `_tested`; no fixture stores them.
        outputs['probability'] = rows(output.cls_logits[-1].softmax(-1)[..., 0])
        outputs['predicted'] = rows(head.predict(output, self._mask_size())[:, 0])
        outputs['matched_query'] = self._matched(output)
        return outputs

    def _mask_size(self) -> tuple[int, int]:
        return self.fixture.input(self.target_name).shape[-2:]

    def _published(self, losses: dict[str, Tensor]) -> dict[str, float]:
        """Terms without their weights under the published names, and their weighted sum."""
        weights = self.model.decode_head.criterion.weights
        published = {'total': float(sum(losses.values()))}
        for name, value in losses.items():
            term, _, layer = name.removeprefix('loss_').partition('_')
            suffix = f'_{layer}' if layer else ''
            published[LOSSES[f'loss_{term}'] + suffix] = float(value) / weights[term]
        return published

    def _targets(self) -> list[FrameTargets]:
        """Those of each clip; S4 is trained on the first frame of each."""
        clips = torch.from_numpy(self.fixture.input(self.target_name)).long()  # (B, T, H, W)
        annotated = 1 if self.fixture.subset == 's4' else clips.shape[1]
        return [FrameTargets(masks, torch.arange(len(masks)) < annotated) for masks in clips]

    def _unused_audio(
        self, found: dict[str, Tensor], last: int, lengths: tuple[int, ...]
    ) -> Tensor:
        """Audio tokens of the last block, whose audio output is unused: ours does not make them."""
        prefix = f'transformer.temporal_encoder.layers.{last}.va_atten.multihead_attn.'
        state = self.fixture.state_dict(prefix=prefix)
        encoder = self.model.decode_head.encoder
        num_heads = encoder.temporal_blocks[last].video_attn.num_heads
        attn = MultiheadAttention(encoder.embed_dims, num_heads)
        attn.load_state_dict({key.removeprefix(prefix): value for key, value in state.items()})
        video = found[f'temporal_video_{last}']
        audio = found[f'temporal_self_{last}'][:: lengths[0], video.shape[1] :]
        pos = encoder.positions(*found['vid_embed'].shape[2:], lengths, sum(lengths))
        attended = attend_to_clip(attn, audio, video + pos[:, : video.shape[1]], video, lengths)
        return attended.repeat_interleave(lengths[0], 0)

    def _tested(self, outputs: dict[str, Tensor], undecided: float) -> dict[str, Tensor]:
        """The query that is tested in each frame, and its mask.

        Args:
            outputs: What `compute` returned.
            undecided: Where the stored query's probability is as close as this to the largest,
                rounding decides between them, and the stored one counts.
        """
        probability = outputs['probability']  # (T * B, Q)
        best = probability.topk(2).values
        picked = probability.argmax(1)
        stored = torch.from_numpy(self.fixture.stored['test_query']).long()
        near = probability.gather(1, stored[:, None])[:, 0] >= best[:, 0] - undecided
        chosen = torch.where(near, stored, picked)
        masks = outputs['pred_masks'].flatten(0, 1)[torch.arange(len(chosen)), chosen]
        resized = resize(masks[:, None], self._mask_size())[:, 0]
        same = (chosen == picked)[:, None, None]
        return {
            'test_margin': best[:, 0] - best[:, 1],
            'test_query': chosen,
            'test_logits': torch.where(same, outputs['predicted'], resized),
        }

    def _matched(self, output: AVSHeadOutput) -> Tensor:
        """Query of each layer and clip."""
        head, wanted = self.model.decode_head, _joined(self._targets())
        labels, lengths = wanted.select(wanted.masks), wanted.lengths(output.clip_lengths)
        matches = head.criterion.match(
            wanted.select(output.cls_logits, 1),
            wanted.select(output.mask_logits, 1),
            clip_targets(labels, lengths, head.num_classes),
        )
        matched = [torch.from_numpy(queries) for clips in matches for queries, _ in clips]
        return torch.cat(matched).view(len(output.cls_logits), -1)


def _joined(clips: list[FrameTargets]) -> FrameTargets:
    """The targets of clips as those of one batch."""
    return FrameTargets(
        torch.cat([clip.masks for clip in clips]), torch.cat([clip.annotated for clip in clips])
    )
