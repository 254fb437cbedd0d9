"""What is run, and the conditions that come of it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from avsbench.analysis.robustness.conditions import (
    Condition,
    Delayed,
    Gain,
    Noise,
    OffScreen,
    OneChannel,
    Original,
    PublishedNoise,
    Silence,
    Swapped,
    SwappedTwins,
)
from avsbench.analysis.robustness.mapping import OFF_SCREEN, SWAPPED, Pairs
from avsbench.datasets.clip_info import AudioClipInfo
from avsbench.media.front_ends import PUBLISHED_MEL_POWER
from avsbench.media.noises import NOISE_RMS
from avsbench.utils.checks import check_choice, check_seed
from avsbench.utils.errors import ConfigError

SHORTEST, LONGEST = 0.2, 2.0  # seconds of delay


@dataclass(frozen=True)
class RobustnessSettings:
    """How robustness is measured.

    Attributes:
        groups: Names of `GROUPS`; the original sound is always there.
        delays: Seconds.
        gains: Decibels.
        noise_rms: Level of the white noise, of full scale.
        seed: Of noises, pairs of clips, and resamples.
        resamples: Of the bootstrap.
        level: Share of intervals that hold the true value.
    """

    groups: Sequence[str] = (
        'silence',
        'noise',
        OFF_SCREEN,
        SWAPPED,
        'delayed',
        'gain',
        'one_channel',
    )
    delays: Sequence[float] = (0.2, 0.5, 1.0, 2.0)
    gains: Sequence[float] = (-12.0, 12.0)
    noise_rms: float = NOISE_RMS
    seed: int = 0
    resamples: int = 10_000
    level: float = 0.95

    def __post_init__(self) -> None:
        for field in ('groups', 'delays', 'gains'):
            object.__setattr__(self, field, tuple(getattr(self, field)))  # json has lists
        for name in self.groups:
            check_choice('condition', name, GROUPS)
        far = [delay for delay in self.delays if not SHORTEST <= delay <= LONGEST]
        if far:
            raise ConfigError(f'delay of {far[0]:g} s, expected {SHORTEST:g} to {LONGEST:g} s')
        if any(not -60 <= gain <= 60 or not gain for gain in self.gains):
            raise ConfigError(f'gains of {self.gains} dB, expected -60 to 60, and not 0')
        if not 0 < self.noise_rms <= 0.5:
            raise ConfigError(f'noise of RMS {self.noise_rms:g}, expected above 0, 0.5 at most')
        check_seed('seed', self.seed)
        if self.resamples < 100:
            raise ConfigError(f'resamples: got {self.resamples}, expected 100 or more')
        if not 0.5 <= self.level < 1:
            raise ConfigError(f'level: got {self.level}, expected 0.5 to 1, such as 0.95')


@dataclass(frozen=True)
class _Others:
    """Whose sound the clips get instead of their own.

    Attributes:
        pairs: Clip -> other clip, by condition.
        infos: By clip.
        reasons: By condition, why a clip has no other.
        twins: Whether sounds are swapped between clips with the same images.
    """

    pairs: Pairs
    infos: Mapping[str, AudioClipInfo]
    reasons: Mapping[str, str]
    twins: bool

    def arguments(self, condition: str) -> dict:
        """Arguments of `Replaced`."""
        chosen = self.pairs[condition].items()
        others = {clip: self.infos[other] for clip, other in chosen}
        return {'others': others, 'reason': self.reasons[condition]}


Make = Callable[[RobustnessSettings, _Others], list[Condition]]
_PUBLISHED = PUBLISHED_MEL_POWER.name

GROUPS: dict[str, Make] = {
    'silence': lambda s, _: [Silence(name='silence')],
    'noise': lambda s, _: [Noise(name='noise', rms=s.noise_rms, seed=s.seed)],
    'published_noise': lambda s, _: [PublishedNoise(name='published_noise', seed=s.seed)],
    OFF_SCREEN: lambda _, others: [OffScreen(name=OFF_SCREEN, **others.arguments(OFF_SCREEN))],
    SWAPPED: lambda _, others: [
        (SwappedTwins if others.twins else Swapped)(name=SWAPPED, **others.arguments(SWAPPED))
    ],
    'delayed': lambda s, _: [Delayed(name=f'delayed_{d:g}', seconds=d) for d in s.delays],
    'gain': lambda s, _: [Gain(name=f'gain_{g:+g}', decibels=g) for g in s.gains],
    'one_channel': lambda s, _: [OneChannel(name=f'channel_{k + 1}', channel=k) for k in (0, 1)],
    'published': lambda s, others: [
        Silence(name='published_front_end_silence', front_end=_PUBLISHED),
        PublishedNoise(name='published_front_end_noise', front_end=_PUBLISHED, seed=s.seed),
        OffScreen(
            name='published_front_end_off_screen',
            front_end=_PUBLISHED,
            **others.arguments(OFF_SCREEN),
        ),
    ],
}
"""Name on the command line -> the conditions that it stands for."""


def make_conditions(
    settings: RobustnessSettings,
    pairs: Pairs,
    infos: Mapping[str, AudioClipInfo],
    reasons: Mapping[str, str],
    *,
    twins: bool,
) -> list[Condition]:
    """The conditions to run, the original sound first.

    Args:
        settings: What is wanted.
        pairs: Whose sound clips get, by condition.
        infos: By clip.
        reasons: By condition, why a clip has no other sound.
        twins: Whether sounds are swapped between clips with the same images.
    """
    others = _Others(pairs, infos, reasons, twins)
    found: list[Condition] = [Original(name='original')]
    for group in dict.fromkeys(settings.groups):
        found += GROUPS[group](settings, others)
    return found
