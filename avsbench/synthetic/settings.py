"""What a synthetic tree is made of: subsets, presets, tiers, and the settings of one generation."""

from dataclasses import asdict, dataclass
from pathlib import Path

from avsbench.layouts import LAYOUTS, ClipKind, Layout
from avsbench.utils.checks import check_choice, check_seed
from avsbench.utils.errors import ConfigError

GENERATOR_VERSION = '1'
SIZES = (64, 224)
GRIDS = (1.0, 0.96)
TIERS = ('T1', 'T2', 'T3', 'T4')
SPLITS = ('train', 'val', 'test')
MAX_OBJECTS = 9  # cells of an image

# The audio of the four versions of a test scene of tier T4, whose masks are all empty.
NUISANCES = ('silence', 'off_screen', 'white_noise', 'other_clip')


@dataclass(frozen=True)
class Part:
    """Clips of one kind: S4 and MS3 have one part, AVSS has three.

    Attributes:
        name: Label of the kind in the layout, and first word of the clips' names.
        kind: Length and annotation.
        counts: Preset -> number of clips in train and val, of scenes in test.
    """

    name: str
    kind: ClipKind
    counts: dict[str, tuple[int, int, int]]

    @property
    def seconds(self) -> int:
        """T, seconds and frames of a clip."""
        return self.kind.frames


@dataclass(frozen=True)
class Subset:
    """What the clips of a subset are like.

    Attributes:
        law: `single` (one candidate per second) or `multi` (0 to 3 of them).
        candidates: Candidates per clip (tier T2 uses four everywhere).
        twins: Versions of a test scene; None = one for each candidate.
        counts: Label of a kind of clips -> preset -> number of clips in train and val, of scenes
            in test.
        clip_name: Template of a clip's name, from `video` and `milliseconds`.
        category: What the csv says of the sounding classes: `first`, that of the first second;
            `all` of them; or None, nothing.
    """

    law: str
    candidates: int
    twins: int | None
    counts: dict[str, dict[str, tuple[int, int, int]]]
    clip_name: str = '{video}'
    category: str | None = None


SUBSETS = {
    's4': Subset(
        law='single',
        candidates=3,
        twins=None,
        counts={'s4': {'default': (400, 60, 40), 'tiny': (8, 4, 2)}},
        category='first',
    ),
    'ms3': Subset(
        law='multi',
        candidates=5,
        twins=3,
        counts={'ms3': {'default': (300, 60, 40), 'tiny': (8, 4, 2)}},
    ),
    'avss': Subset(
        law='multi',
        candidates=4,
        twins=2,
        # v1m and v1s: 60 clips each by default (40 + 10 + 5 scenes x 2 twins). The tiny preset has
        # 8 train clips and 4 val clips like the others, and one test scene of each kind.
        counts={
            'v2': {'default': (300, 60, 60), 'tiny': (3, 2, 1)},
            'v1m': {'default': (40, 10, 5), 'tiny': (2, 1, 1)},
            'v1s': {'default': (40, 10, 5), 'tiny': (3, 1, 1)},
        },
        clip_name='{video}_0_{milliseconds}',
        category='all',
    ),
}
PRESETS = ('tiny', 'default')


@dataclass(frozen=True)
class Settings:
    """Everything the bytes of a tree depend on. Saved as generator.json.

    Args:
        subset: `s4`, `ms3` or `avss`.
        preset: `tiny` (for tests) or `default`.
        size: Side of the square images in pixels, 64 or 224. The same scene exists at both.
        seed: Seed of everything visible.
        state_seed: Seed of which objects sound when; None = `seed`. With another one the images
            stay the same byte for byte, while soundtracks and masks change.
        tiers: Any of T1 to T4; T1 is the base and the others add their change to it.
        tell: Control: sounding objects turn bright, so that a blind model can win.
        grid: Length of a state in seconds: 1.0, or 0.96 to match the VGGish examples.
        snr: White noise below a source of unit level, in dB; `inf` = no noise.
        decoys: Objects of a ninth texture that never sound.
        train: Train clips (AVSS: of label v2) instead of the preset's number.
        val: The same for val.
        test: The same for test, in scenes.
        write_log_mel: Also write the log-mel pickles.

    Raises:
        ConfigError: A value is outside its range.
    """

    subset: str
    preset: str = 'tiny'
    size: int = 64
    seed: int = 0
    state_seed: int | None = None
    tiers: tuple[str, ...] = ('T1',)
    tell: bool = False
    grid: float = 1.0
    snr: float = 30.0
    decoys: int = 0
    train: int | None = None
    val: int | None = None
    test: int | None = None
    write_log_mel: bool = False

    def __post_init__(self):
        for option, value, valid in (
            ('subset', self.subset, tuple(SUBSETS)),
            ('preset', self.preset, PRESETS),
            ('size', self.size, SIZES),
            ('grid', self.grid, GRIDS),
            *(('tier', tier, TIERS) for tier in self.tiers),
        ):
            check_choice(f'--{option}', value, valid)
        check_seed('--seed', self.seed)
        check_seed('--state-seed', self.state_seed)
        if not self.tiers:
            raise ConfigError(f'--tier: got none, expected one or more of {", ".join(TIERS)}')
        if not self.snr > -60:  # also refuses NaN
            raise ConfigError(f'--snr: got {self.snr} dB, expected a number above -60, or inf')
        free = MAX_OBJECTS - self.num_candidates
        if not 0 <= self.decoys <= free:
            raise ConfigError(
                f'--decoys: got {self.decoys}, expected 0 to {free}: an image has '
                f'{MAX_OBJECTS} cells and {self.num_candidates} of them hold candidates'
            )
        for split in SPLITS:
            if (getattr(self, split) or 0) < 0:
                raise ConfigError(f'--{split}: got {getattr(self, split)}, expected 0 or more')
        if not any(self.num_scenes(part, split) for part in self.parts for split in SPLITS):
            raise ConfigError('--train, --val, --test: all are 0, so there is nothing to generate')

    @property
    def layout(self) -> Layout:
        """Where the files go."""
        return LAYOUTS[self.subset]

    @property
    def parts(self) -> tuple[Part, ...]:
        """The kinds of clips of the subset."""
        counts = SUBSETS[self.subset].counts
        return tuple(Part(name, self.layout.kinds[name], counts[name]) for name in counts)

    @property
    def law(self) -> str:
        """`single` or `multi`."""
        return SUBSETS[self.subset].law

    @property
    def num_candidates(self) -> int:
        """Candidates per clip: two classes in two sizes in tier T2."""
        return 4 if 'T2' in self.tiers else SUBSETS[self.subset].candidates

    @property
    def num_twins(self) -> int:
        """Versions of a test scene (without the decision of tier T4)."""
        return SUBSETS[self.subset].twins or self.num_candidates

    @property
    def every_second(self) -> bool:
        """Tier T3: the sounding set changes at every second boundary."""
        return 'T3' in self.tiers

    @property
    def instances(self) -> bool:
        """Tier T2: two classes, each in a large and a small instance."""
        return 'T2' in self.tiers

    @property
    def empty_test(self) -> bool:
        """Tier T4: nothing visible sounds in the test clips."""
        return 'T4' in self.tiers

    def num_scenes(self, part: Part, split: str) -> int:
        """Scenes of one part in one split; a number given for AVSS keeps the preset's mixture."""
        position = SPLITS.index(split)
        preset = part.counts[self.preset][position]
        given = getattr(self, split)
        if given is None or given == 0:
            return preset if given is None else 0
        first = self.parts[0].counts[self.preset][position]
        return max(1, round(given * preset / first))

    def versions(self, split: str) -> int:
        """Clips made from one scene."""
        if split != 'test':
            return 1
        return len(NUISANCES) if self.empty_test else self.num_twins

    def root(self, out: str | Path) -> Path:
        """Folder of the subset inside the output folder."""
        return Path(out) / self.layout.folder

    def to_json(self) -> dict:
        """Plain values for generator.json; an infinite `snr` becomes the text 'inf'."""
        values = asdict(self)
        values['tiers'] = list(self.tiers)
        values['snr'] = 'inf' if self.snr == float('inf') else self.snr
        return values
