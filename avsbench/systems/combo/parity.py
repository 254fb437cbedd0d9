"""Running our COMBO on a fixture of the published one, with taps along the way."""

import re

import torch
from torch import Tensor

from avsbench.models import AVSegmentor, AVSHeadOutput
from avsbench.parity.fixture import Computed, Fixture
from avsbench.parity.network import Taps, gradient_norms, load_strictly, recording
from avsbench.registry import MODELS
from avsbench.structures import AVSDataSample

CHUNK = 5  # frames with gradients in the backbones at a time; they don't meet there
LEVELS = (2, 3, 4, 5)
HEAD = 'decode_head'

BACKBONE_TAPS: Taps = {
    **{
        f'{name}_res{level}': (path, lambda args, out, index=index: out[index])
        for name, path in (
            ('image', 'backbone.image_backbone'),
            ('maskige', 'backbone.maskige_backbone'),
            ('siam', 'backbone'),
        )
        for index, level in enumerate(LEVELS)
    },
    **{
        f'scale_res{level}': (f'backbone.weights.{index}', lambda args, out: out)
        for index, level in enumerate(LEVELS)
    },
}


def head_taps(model: AVSegmentor) -> Taps:
    """Where the values of a fixture are read in the head."""
    last = len(model.decode_head.transformer_decoder.layers) - 1
    return {
        'encoder_memory': (f'{HEAD}.pixel_decoder.encoder', lambda args, out: out),
        'mask_features': (f'{HEAD}.fusion', lambda args, out: args[0]),
        'fused_visual': (f'{HEAD}.fusion', lambda args, out: out[0]),
        'fused_audio': (f'{HEAD}.fusion', lambda args, out: out[1]),
        'audio_query': (f'{HEAD}.audio_mlp', lambda args, out: out),
        'query_init': (
            f'{HEAD}.transformer_decoder',
            lambda args, out: args[0].transpose(0, 1),
        ),
        'query_last': (
            f'{HEAD}.transformer_decoder.layers.{last}',
            lambda args, out: out.transpose(0, 1),
        ),
    }


def run(fixture: Fixture, model_cfg: dict) -> Computed:
    """Compute everything a COMBO fixture stores.

    Args:
        fixture: The fixture.
        model_cfg: Config of the segmentor for its variant.

    Returns:
        Outputs, losses at points and on the grid, and gradient norms under the published names.

    Raises:
        CheckpointError: The seeded checkpoint does not load strictly.
    """
    model: AVSegmentor = MODELS.build(model_cfg).eval()
    own_name = load_strictly(model, fixture)
    clips = [_clip(fixture, entry['clip']) for entry in fixture.content['batch']]
    batch = {name: torch.cat([clip[name] for clip in clips]) for name in ('frames', 'audio')}
    lengths = tuple(len(clip['frames']) for clip in clips)

    record: dict[str, list[Tensor]] = {}
    with torch.no_grad():
        with recording(model, BACKBONE_TAPS, record):
            features = model.backbone(batch['frames'])
        audio = model.audio_encoder(batch['audio'])
    features = [level.requires_grad_() for level in features]
    with recording(model, head_taps(model), record):
        output = model.decode_head(features, audio, lengths)
    computed = Computed(outputs={name: values[0] for name, values in record.items()})
    computed.outputs |= _batch_outputs(fixture, model, clips, output)
    for index, clip in enumerate(clips):
        computed.outputs |= _alone(model, clip, f'infer{index}')
    # The decoder sees where the last masks are positive: what follows is held by a quantile.
    behind_masks = frozenset(
        name
        for name in fixture.stored
        if name == 'query_last' or re.fullmatch(r'(pred|aux[1-9]|infer\d+)_.*', name)
    )
    computed.discontinuous = behind_masks
    computed.noise = {
        name: stated['q99' if name in behind_masks else 'max']
        for name, stated in fixture.content['float64_agreement']['outputs'].items()
    }
    samples = [_targets(fixture, entry) for entry in fixture.content['batch']]
    _losses(fixture, model, output, samples, computed)
    if fixture.content['grad_norms']:
        _backbone_gradients(model, batch['frames'], features)
        computed.grad_norms = gradient_norms(model, fixture, own_name)
    return computed


def _clip(fixture: Fixture, index: int) -> dict[str, Tensor]:
    """Frames with Maskiges (T, 6, H, W) and audio (T, 1, 96, 64) of one clip."""
    parts = [
        torch.from_numpy(fixture.input(f'clip{index}.{name}')) for name in ('images', 'pre_masks')
    ]
    audio = torch.from_numpy(fixture.input(f'clip{index}.audio_log_mel'))
    frames = torch.cat(parts, 1)
    return {'frames': frames, 'audio': audio[: len(frames)], 'clip_lengths': (len(frames),)}


def _batch_outputs(
    fixture: Fixture, model: AVSegmentor, clips: list[dict], output: AVSHeadOutput
) -> dict[str, Tensor]:
    """The predictions of the whole batch, and VGGish on all patches, zero ones included."""
    outputs = {
        'pred_logits': output.cls_logits[-1],
        'pred_masks': output.mask_logits[-1],
    }
    for index in range(len(output.cls_logits) - 1):
        outputs[f'aux{index}_pred_logits'] = output.cls_logits[index]
        outputs[f'aux{index}_pred_masks'] = output.mask_logits[index]
    patches = fixture.content['outputs']['vggish']['shape'][0]
    audio = [clip['audio'] for clip in clips]
    if sum(len(part) for part in audio) != patches:  # every clip was padded to the same length
        each = patches // len(audio)
        audio = [
            torch.cat((part, part.new_zeros(each - len(part), *part.shape[1:]))) for part in audio
        ]
    with torch.no_grad():
        outputs['vggish'] = model.audio_encoder(torch.cat(audio))[:, 0]
    return outputs


@torch.no_grad()
def _alone(model: AVSegmentor, clip: dict, prefix: str) -> dict[str, Tensor]:
    """A clip run by itself, as in testing."""
    output = model(clip)
    return {
        f'{prefix}_pred_logits': output.cls_logits[-1],
        f'{prefix}_pred_masks': output.mask_logits[-1],
        f'{prefix}_sem_seg': model.decode_head.score_maps(output, clip['frames'].shape[-2:]),
    }


def _targets(fixture: Fixture, entry: dict) -> AVSDataSample:
    """The annotated frames of a clip come first."""
    names = [f'clip{entry["clip"]}.{name}' for name in ('masks', 'labels')]
    name = next(name for name in names if name in fixture.content['inputs'])
    maps = torch.from_numpy(fixture.input(name)).long()
    sample = AVSDataSample()
    sample.gt_masks = maps.new_zeros(entry['frames'], *maps.shape[1:])
    sample.gt_masks[: len(maps)] = maps
    sample.gt_valid = torch.arange(entry['frames']) < len(maps)
    return sample


def _losses(
    fixture: Fixture,
    model: AVSegmentor,
    output: AVSHeadOutput,
    samples: list[AVSDataSample],
    computed: Computed,
) -> None:
    """All terms before their weights: at the fixture's points with gradients, and on the grid."""
    prefix = fixture.content['points']['names'].split('/<layer>')[0]

    def draw(purpose: str, shape: tuple[int, ...], device: torch.device) -> Tensor:
        normal = torch.from_numpy(fixture.seeded.feature(f'{prefix}/{purpose}', list(shape)))
        return torch.special.ndtr(normal.double()).float().to(device)

    weights = fixture.content['loss_weights']
    head = model.decode_head
    terms = head.loss(output, samples, draw)
    computed.losses = {name: float(value.detach()) / weights[name] for name, value in terms.items()}
    points, head.criterion.num_points = head.criterion.num_points, 0
    with torch.no_grad():
        on_grid = head.loss(output, samples)
    head.criterion.num_points = points
    computed.grid_losses = {name: float(value) / weights[name] for name, value in on_grid.items()}
    if fixture.content['grad_norms']:
        sum(terms.values()).backward()


def _backbone_gradients(model: AVSegmentor, frames: Tensor, features: list[Tensor]) -> None:
    """Carry the gradients of the levels into the backbones, some frames at a time."""
    gradients = [level.grad.split(CHUNK) for level in features]
    for chunk, *parts in zip(frames.split(CHUNK), *gradients, strict=True):
        torch.autograd.backward(model.backbone(chunk), parts)
