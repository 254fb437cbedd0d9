"""Running our EASE on a fixture of the published one, with taps along the way."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

from avsbench.models import AVSHeadOutput, FrameTargets
from avsbench.models.token_backbones import ViTTokenBackbone
from avsbench.parity.fixture import Computed, Fixture
from avsbench.parity.network import NetworkRun, Taps, recording
from avsbench.systems.combo.parity import HEAD, stored_points, uniform

TERMS = {'mask': 'loss_mask', 'dice': 'loss_dice', 'cross_entropy': 'loss_ce'}
REPLACED = re.compile(r'number \[([\d, ]*)\] replaced by an empty')


class EaseRun(NetworkRun):
    """Runs EASE as in training without dropout, as in a test with noise and without, in training.

    Args:
        fixture: The fixture.
        model_cfg: Config of the segmentor for its backbone and subset.
    """

    def __init__(self, fixture: Fixture, model_cfg: dict) -> None:
        settings, head = fixture.content['settings'], model_cfg['decode_head']
        head['num_queries'] = settings['num_queries']
        head['fusion_blocks'] = settings['fusion_at_blocks']
        if not settings['late_fusion']:
            head['late_fusion'] = 'none'
        for part in ('sound_enhancer', 'aligner'):
            head[part]['noise'] = 'always'
        super().__init__(fixture, model_cfg)
        self.head = self.model.decode_head
        kept = torch.tensor(settings['attn_mask_probs'])
        self.head.mask_probabilities.copy_(kept)
        # Numbers are drawn where a query may be let out of its mask at all.
        self.drawn = [joint for joint, value in enumerate(kept.tolist()) if value < 1]
        self.quiet = False  # whether there is no noise
        self.name = fixture.content['points']['names'].split('/points')[0]
        for module in self.head.modules():
            if hasattr(module, 'draw'):
                module.draw = self._draw

    def compute(self) -> Computed:
        """Run the network in its four ways; the first has losses and gradients."""
        model, head = self.model.eval(), self.head
        head.training = True  # its own switch alone: masks, but no dropout
        with self._visible() as visible, torch.set_grad_enabled(self.with_gradients):
            output, record = self._forward(self.taps())
        computed = Computed(outputs=self._outputs(output, record, visible))
        self._add_losses(output, computed)
        head.training = False
        with torch.no_grad():
            computed.outputs |= self._tested('test')
            self.quiet = True
            computed.outputs |= self._tested('quiet')
            self.quiet = False
            computed.outputs |= self._trained()
        model.eval()
        agreement = self.fixture.content['float64_agreement']['outputs']
        for name, stated in agreement.items():
            computed.noise['output', name] = 2 * stated['max']  # both are float32
        return computed

    def taps(self) -> Taps:
        """Every stage of the network."""
        enhancer, aligner = f'{HEAD}.sound_enhancer', f'{HEAD}.aligner'
        taps: dict = {
            'audio_projected': (f'{enhancer}.audio_proj', lambda args, out: out),
            'audio_weights': (f'{enhancer}.clusters', lambda args, out: out[:, 0]),
            'audio_enhanced': (enhancer, lambda args, out: out),
            'generated_queries': (f'{HEAD}.query_proj', lambda args, out: out),
            'aligner_clusters': (f'{aligner}.clusters', lambda args, out: out),
            'aligner_gate': (f'{aligner}.gate', lambda args, out: out.softmax(1)),
            'aligner_out': (aligner, lambda args, out: out),
            'upscaled': (f'{HEAD}.upscaler', lambda args, out: out),
        }
        backbone = self.model.backbone
        if isinstance(backbone, ViTTokenBackbone):
            first = 'backbone.model.blocks.0.norm1'
            taps['patch_tokens'] = (first, lambda args, out: args[0])
            taps |= self._rope_taps()
        else:
            taps['patch_tokens'] = ('backbone.model.patch_embed', lambda args, out: out)
        paths = {module: path for path, module in self.model.named_modules()}
        for index, block in enumerate(backbone.blocks()):
            taps[f'block{index}_input'] = (f'{paths[block]}.norm1', lambda args, out: args[0])
        return taps

    def _rope_taps(self) -> Taps:
        return {
            'rope_sin': ('backbone', lambda args, out: out.code.chunk(2, 1)[0]),
            'rope_cos': ('backbone', lambda args, out: out.code.chunk(2, 1)[1]),
        }

    def gradient_norms(self) -> dict[str, float]:
        """See `NetworkRun`; what has no effect has a gradient of zero."""
        norms = super().gradient_norms()
        return {key: 0.0 if self.our_name(key) is None else norm for key, norm in norms.items()}

    def _forward(self, taps: Taps) -> tuple[AVSHeadOutput, dict[str, list[Tensor]]]:
        frames, audio = (torch.from_numpy(self.fixture.input(n)) for n in ('images', 'audio'))
        lengths = tuple(self.fixture.content['batch']['clip_lengths'])
        record: dict[str, list[Tensor]] = {}
        with recording(self.model, taps, record):
            output = self.head(self.model.backbone(frames), audio, lengths)
        return output, record

    def _outputs(
        self, output: AVSHeadOutput, record: dict[str, list[Tensor]], visible: list[Tensor]
    ) -> dict[str, Tensor]:
        """What was recorded, by the fixture's names; a number counts the calls of a part."""
        outputs = {name: values[0] for name, values in record.items() if values}
        for name in ('aligner_clusters', 'aligner_gate', 'aligner_out', 'upscaled'):
            outputs |= {f'{name}_{call}': value for call, value in enumerate(record[name])}
        weights = outputs['audio_weights']
        outputs['audio_centres'] = weights[..., None] * outputs['audio_projected']
        nearest = weights.topk(self.head.sound_enhancer.num_tokens).indices
        outputs['nearest_centres'] = nearest.float()
        first = self.model.backbone.num_blocks - len(visible)
        outputs |= {f'block{first + joint}_visible': value for joint, value in enumerate(visible)}
        return outputs | self._predictions(output)

    @staticmethod
    def _predictions(output: AVSHeadOutput) -> dict[str, Tensor]:
        outputs = {}
        for index, (classes, masks) in enumerate(
            zip(output.cls_logits, output.mask_logits, strict=True)
        ):
            name = 'last' if index == len(output.cls_logits) - 1 else f'block{index}'
            outputs |= {f'{name}_class_logits': classes, f'{name}_mask_logits': masks}
        return outputs

    def _tested(self, prefix: str) -> dict[str, Tensor]:
        """As in a test."""
        name = 'audio_enhanced'
        output, record = self._forward({name: self.taps()[name]})
        size = self.fixture.content['outputs'][f'{prefix}_scores']['shape'][-2:]
        return {
            f'{prefix}_{name}': record[name][0],
            f'{prefix}_mask_logits': output.mask_logits[-1],
            f'{prefix}_class_logits': output.cls_logits[-1],
            f'{prefix}_scores': self.head.score_maps(output, tuple(size)),
        }

    def _trained(self) -> dict[str, Tensor]:
        """In training mode, with dropout and the places stretched by the fixture's factor."""
        self.model.train()
        factor, taps = self.fixture.content['settings']['rotary_factor_in_train'], {}
        if factor is not None:
            rope = self.model.backbone.model.rope
            periods, active = rope.periods.clone(), rope.aug_active
            rope.aug_active = False  # angles are places over periods
            rope.periods.div_(factor)
            taps = self._rope_taps()
        output, record = self._forward(taps)
        if factor is not None:
            rope.periods.copy_(periods)
            rope.aug_active = active
        outputs = {name: values[0] for name, values in record.items()}
        return {
            f'train_{name}': value for name, value in (outputs | self._predictions(output)).items()
        }

    def _add_losses(self, output: AVSHeadOutput, computed: Computed) -> None:
        """All terms before weighting, and the gradients of their weighted sum."""
        weights, blocks = self.fixture.content['loss_weights'], len(output.cls_logits) - 1
        layers = [*(f'block{index}' for index in range(blocks)), 'last']
        with stored_points(self.fixture, self.head.criterion, layers):
            terms = self.head.loss(output, self._targets())
        for index in range(blocks + 1):
            theirs, ours = (
                ('', '') if index == blocks else (f'_block_{index - blocks}', f'_{index}')
            )
            for name, our_name in TERMS.items():
                value = float(terms[f'{our_name}{ours}'].detach())
                computed.losses[f'loss_{name}{theirs}'] = value / weights[f'loss_{name}{theirs}']
        if self.with_gradients:
            self.model.zero_grad()
            sum(terms.values()).backward()
            computed.grad_norms = self.gradient_norms()

    def _targets(self) -> FrameTargets:
        """The maps of the annotated frames, of which some were emptied."""
        inputs, batch = self.fixture.content['inputs'], self.fixture.content['batch']
        name = next(name for name in ('masks', 'labels') if name in inputs)
        maps = torch.from_numpy(self.fixture.input(name)).long()
        if found := REPLACED.search(inputs[name].get('meaning', '')):
            maps[[int(number) for number in found[1].split(',') if number.strip()]] = 0
        frames, annotated = sum(batch['clip_lengths']), batch['annotated_frames']
        masks = maps.new_zeros(frames, *maps.shape[1:])
        masks[annotated] = maps
        known = torch.zeros(frames, dtype=torch.bool)
        known[annotated] = True
        return FrameTargets(masks, known)

    def _draw(self, purpose: str, shape: tuple[int, ...], device: torch.device) -> Tensor:
        """The fixture's number for each purpose of the head."""
        kind, _, rest = purpose.partition('/')
        if kind == 'gumbel':
            if self.quiet:
                return torch.zeros(shape, device=device)
            normal = self.fixture.seeded.feature(f'{self.name}/{purpose}', list(shape))
            value = torch.special.ndtr(torch.from_numpy(normal).double())
            return (-(-value.log()).log()).float().to(device)
        if kind == 'unmask':
            if int(rest) not in self.drawn:
                return torch.zeros(shape, device=device)
            purpose = f'unmask/{self.drawn.index(int(rest))}'
        return uniform(self.fixture, f'{self.name}/{purpose}', shape).to(device)

    @contextmanager
    def _visible(self) -> Iterator[list[Tensor]]:
        """What the queries may see in each joint block, (N, Q, S) each, collected."""
        found: list[Tensor] = []
        make, queries = self.head.attention_mask, self.head.query_feature.num_embeddings

        def keep(*args: object) -> Tensor:
            mask = make(*args)
            found.append(mask[:, 0, :queries].float())
            return mask

        self.head.attention_mask = keep
        try:
            yield found
        finally:
            del self.head.attention_mask
