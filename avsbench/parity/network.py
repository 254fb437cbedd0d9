"""What running any network on its fixture shares: strict loading, taps, losses, gradients."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import ClassVar

import torch
from torch import Tensor, nn

from avsbench.checkpoint import find_adapter
from avsbench.checkpoint.vggish import VGGISH
from avsbench.models import AVSegmentor, AVSHeadOutput, FrameTargets
from avsbench.parity.fixture import Computed, Fixture, rounding_noise
from avsbench.registry import MODELS
from avsbench.utils.errors import CheckpointError, DataError, examples

# What to take from a module's positional arguments and its result.
Take = Callable[[tuple, object], Tensor]
# Fixture name: path of our module, and what to take there.
Taps = Mapping[str, tuple[str, Take]]


class NetworkRun:
    """Runs a system's network on its fixture, and computes everything that the fixture stores.

    A system subclasses it in its `parity.py`. Where the fixture's inputs are frames, log-mel
    patches and targets under the names below, and every loss is a term of the head, naming the taps
    and the loss terms is all that it takes; whatever differs is overridden.

    Attributes:
        frames_name: Fixture's input of the frames (N, 3, H, W).
        audio_name: Fixture's input of the log-mel patches (N, 1, 96, 64), if there is sound.
        target_name: Fixture's input of the targets, see `targets`.
        loss_names: Published name of each loss and ours. `total`, their sum, needs no entry.
        num_roundings: How often the network runs again with other rounding where a number exceeds
            its usual tolerance, to measure how far rounding moves it: 0 where all meet theirs.

    Args:
        fixture: The fixture.
        model_cfg: Config of the segmentor for its variant.

    Raises:
        CheckpointError: The seeded checkpoint does not load strictly.
    """

    frames_name: ClassVar[str] = 'frames'
    audio_name: ClassVar[str] = 'log_mel'
    target_name: ClassVar[str] = 'target'
    loss_names: ClassVar[Mapping[str, str]] = {}
    num_roundings: ClassVar[int] = 0

    def __init__(self, fixture: Fixture, model_cfg: dict) -> None:
        self.fixture = fixture
        self.model: AVSegmentor = MODELS.build(model_cfg).eval()
        self.our_name = load_strictly(self.model, fixture)
        self.with_gradients = bool(fixture.content['grad_norms'])

    def run(self) -> Computed:
        """Compute everything that the fixture stores and, where it must, how far rounding moves it.

        Noise only widens tolerances: where every number meets the usual one it would change no
        verdict. Nor would that of a gradient that meets its own.
        """
        first = self.compute()
        computed = self.settled(first)
        exceeding = [row for row in self.fixture.compare(computed) if not row.passed]
        if not (exceeding and self.num_roundings):
            return computed
        self._need_gradients({row.name for row in exceeding if row.kind == 'gradient'})
        others = [self._compute_otherwise(seed) for seed in range(self.num_roundings)]
        return self.settled(replace(first, noise=first.noise | rounding_noise(first, others)))

    def compute(self) -> Computed:
        """Run the network once: outputs, losses and gradient norms under the published names."""
        inputs = self.inputs()
        record: dict[str, list[Tensor]] = {}
        with (
            torch.set_grad_enabled(self.with_gradients),
            recording(self.model, self.taps(), record),
        ):
            output = self.model(inputs)
        found = {name: values[0] for name, values in record.items()}
        computed = Computed(outputs=self.outputs(found, output))
        if self.fixture.content['losses']:
            losses = self.losses(output, inputs['clip_lengths'])
            computed.losses = {name: float(value.detach()) for name, value in losses.items()}
            if self.with_gradients:
                self.model.zero_grad()
                losses['total'].backward()
                computed.grad_norms = self.gradient_norms()
        return computed

    def settled(self, computed: Computed) -> Computed:
        """What `compute` returned, with what only its noise decides, such as between equals."""
        return computed

    def taps(self) -> Taps:
        """Where the fixture's outputs are read."""
        return {}

    def inputs(self) -> dict:
        """What the network is given, clip after clip."""
        frames = torch.from_numpy(self.fixture.input(self.frames_name))
        inputs = {'frames': frames, 'clip_lengths': self.clip_lengths(len(frames))}
        if self.model.audio_encoder is not None:
            inputs['audio'] = torch.from_numpy(self.fixture.input(self.audio_name))
        return inputs

    def clip_lengths(self, num_frames: int) -> tuple[int, ...]:
        """Frames of each clip, T each, of N frames: one clip, unless the fixture says how many."""
        clips = self.fixture.content.get('batch_size', 1)
        return (num_frames // clips,) * clips

    def outputs(self, found: dict[str, Tensor], output: AVSHeadOutput) -> dict[str, Tensor]:
        """The fixture's outputs, from what was tapped and what the head returned."""
        return found

    def losses(self, output: AVSHeadOutput, lengths: tuple[int, ...]) -> dict[str, Tensor]:
        """Every stored loss by its published name, and the `total` that is differentiated."""
        wanted = targets(self.fixture, lengths, self.target_name)
        terms = self.model.decode_head.loss(output, wanted)
        named = {published: terms[ours] for published, ours in self.loss_names.items()}
        return {**named, 'total': sum(terms.values())}

    def prediction(self, logits: Tensor) -> Tensor:
        """The prediction for losses behind a threshold, where one pixel more moves the result.

        The stored one, if it is stored whole, so that rounding does not decide about a pixel; that
        ours equals it is a row of its own.
        """
        stored = self.fixture.whole('pred')
        return logits if stored is None else stored.to(logits.dtype)

    def gradient_norms(self) -> dict[str, float]:
        """Norm of each gradient that the fixture stores, by published name; NaN where none is."""
        parameters = dict(self.model.named_parameters())
        norms = {}
        for key in self.fixture.content['grad_norms']:
            name = self.our_name(key)  # None for what the published network never reads
            gradient = None if name is None else parameters[name].grad
            norms[key] = float('nan') if gradient is None else float(gradient.norm())
        return norms

    def _need_gradients(self, keys: set[str]) -> None:
        """Compute no gradients but those of some published names from now on."""
        needed = {self.our_name(key) for key in keys}
        for name, parameter in self.model.named_parameters():
            parameter.requires_grad_(parameter.requires_grad and name in needed)
        self.with_gradients = any(p.requires_grad for p in self.model.parameters())

    def _compute_otherwise(self, seed: int) -> Computed:
        """The same numbers with every weight off by at most one unit in its last place.

        All that is computed from a weight is rounded by about as much, so that the numbers move as
        far as another order of the sums moves them. The weights are put back afterwards.
        """
        weights = [parameter.detach().clone() for parameter in self.model.parameters()]
        generator = torch.Generator().manual_seed(seed)
        with torch.no_grad():
            for parameter in self.model.parameters():
                shift = torch.rand(parameter.shape, generator=generator).mul_(2).sub_(1)
                parameter.mul_(1 + torch.finfo(torch.float32).eps * shift)
        computed = self.compute()
        with torch.no_grad():
            for parameter, weight in zip(self.model.parameters(), weights, strict=True):
                parameter.copy_(weight)
        return computed


def load_strictly(model: AVSegmentor, fixture: Fixture) -> Callable[[str], str | None]:
    """Load the seeded checkpoint through its adapter.

    Args:
        model: The segmentor of the fixture's variant.
        fixture: The fixture.

    Returns:
        The function from a published parameter name to ours, None for what is never read.

    Raises:
        CheckpointError: No adapter knows the keys, or they do not load strictly.
    """
    state = fixture.state_dict()
    adapter = find_adapter(state)
    if adapter is None:
        raise CheckpointError(f'{fixture.path}: no adapter knows its checkpoint keys')
    ours, dropped = adapter.to_ours(state)
    if 'audio_checkpoint' in fixture.content:
        audio = VGGISH.to_ours(fixture.state_dict('audio_checkpoint'))[0]
        ours |= {adapter.audio_prefix + key: tensor for key, tensor in audio.items()}
    elif adapter.audio_prefix:  # what the audio encoder returns is given
        ours |= {
            key: tensor
            for key, tensor in model.state_dict().items()
            if key.startswith(adapter.audio_prefix)
        }
    try:
        model.load_state_dict(ours, strict=True)
    except RuntimeError as error:
        raise CheckpointError(f'{fixture.path}: {error}') from None
    print(f'loaded {len(ours)} tensors strictly; dropped as never read: {examples(dropped, 3)}')
    return lambda key: adapter.rename(key, to_ours=True)


def use_explicit_attention(model: nn.Module) -> None:
    """Let all attentions compute softmax(q k^T) v step by step, as the published code does.

    The fused kernel differs by rounding. That matters for gradients: an input of a ReLU that
    vanishes to rounding would pass the gradient in one run and stop it in the other.

    Args:
        model: Its attentions are timm's and ours.
    """
    for module in model.modules():
        if hasattr(module, 'fused_attn'):
            module.fused_attn = False


@contextmanager
def recording(model: nn.Module, taps: Taps, record: dict[str, list[Tensor]]) -> Iterator[None]:
    """Append what passes each tap to `record[name]`, one entry per call of its module."""
    handles = []
    for name, (path, take) in taps.items():
        values = record.setdefault(name, [])

        def hook(module, args, out, values=values, take=take):
            values.append(take(args, out).detach().clone())

        handles.append(model.get_submodule(path).register_forward_hook(hook))
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def targets(fixture: Fixture, lengths: tuple[int, ...], name: str) -> FrameTargets:
    """Targets of all frames.

    Args:
        fixture: Its input `name` holds class indices (..., H, W), of every frame or of the first of
            each clip. S4 is trained on the first frame of each clip.
        lengths: Frames of each clip, N together.
        name: Of the input.

    Returns:
        Masks (N, H, W), and which of the N frames are annotated.

    Raises:
        DataError: There are targets neither for every frame nor for every clip.
    """
    annotated = torch.from_numpy(fixture.input(name)).long()
    annotated = annotated.reshape(-1, *annotated.shape[-2:])  # (annotated, H, W)
    first = torch.cat([torch.arange(length) == 0 for length in lengths])  # (N,)
    if len(annotated) == len(first):
        return FrameTargets(annotated, first if fixture.subset == 's4' else torch.ones_like(first))
    if len(annotated) == len(lengths):
        masks = annotated.new_zeros(len(first), *annotated.shape[1:])
        masks[first] = annotated
        return FrameTargets(masks, first)
    raise DataError(
        f'{fixture.path}: {len(annotated)} targets {name!r} for {len(first)} frames of '
        f'{len(lengths)} clips'
    )
