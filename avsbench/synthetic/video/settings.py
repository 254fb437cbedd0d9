"""What a synthetic tree of videos is made of: subsets, presets, and the settings of one tree."""

from dataclasses import asdict, dataclass
from pathlib import Path

from avsbench.synthetic.classes import NUM_CLASSES
from avsbench.synthetic.settings import PRESETS, SIZES
from avsbench.synthetic.video.label_layouts import (
    ACTOR_OF_KIND,
    EITHER_WAY,
    STILL_OR_MOVING,
    A2DLayout,
    VSPWLayout,
)
from avsbench.synthetic.video.layout import VideoLayout
from avsbench.synthetic.video.mask_layouts import (
    DAVISLayout,
    MoCALayout,
    YouTubeObjectsLayout,
    YouTubeVOSLayout,
)
from avsbench.utils.checks import check_choice, check_seed
from avsbench.utils.errors import ConfigError

GENERATOR_VERSION = '1'
MAX_CATEGORIES = len(YouTubeObjectsLayout.CATEGORIES)
TINY_OBJECTS = 2  # of subsets with a free number of objects, in the preset `tiny`
ORDERED_OBJECTS = 2  # of the control `order`
MAX_OBJECTS = 4  # a scene's versions grow as 3 to the number of objects


@dataclass(frozen=True)
class VideoSubset:
    """What the videos of a subset are like.

    Attributes:
        layout: Where the files go.
        rule: How the objects of a video move together, a name in `motion.RULES`.
        objects: N, objects per video.
        scenes: Split -> preset -> number of scenes. A scene is one video, in the split `tested` all
            of its versions.
        frames: Split -> preset -> frames per video, a multiple of three where all are annotated.
        tested: The split that the benchmark scores; None if it has no such split.
        looks: What scenes look like, in turn: `drawn` or `camouflage`.
        kinds: Classes of the shapes: one pool, from which all are drawn, or one for each object.
        classes: Whether the steps decide on classes; the number of objects is fixed then.
        floor: Whether the background has a wall and a floor.
    """

    layout: VideoLayout
    rule: str
    objects: int
    scenes: dict[str, dict[str, int]]
    frames: dict[str, dict[str, int]]
    tested: str | None
    looks: tuple[str, ...] = ('drawn',)
    kinds: tuple[tuple[int, ...], ...] = (tuple(range(1, NUM_CLASSES)),)
    classes: bool = False
    floor: bool = False


def _numbers(tiny: int, default: int) -> dict[str, int]:
    return {'tiny': tiny, 'default': default}


SUBSETS = {
    'davis': VideoSubset(
        layout=DAVISLayout(),
        rule='one',
        objects=3,
        scenes={'train': _numbers(4, 80), 'val': _numbers(1, 3)},
        frames={'train': _numbers(6, 6), 'val': _numbers(6, 6)},
        tested='val',
    ),
    'youtube_vos': VideoSubset(
        layout=YouTubeVOSLayout(),
        rule='some',
        objects=4,
        scenes={'train': _numbers(4, 160)},
        frames={'train': _numbers(6, 12)},
        tested=None,
        looks=('camouflage', 'drawn'),
    ),
    'youtube_objects': VideoSubset(
        layout=YouTubeObjectsLayout(),
        rule='one',
        objects=3,
        scenes={'val': _numbers(1, 3)},
        frames={'val': _numbers(24, 24)},
        tested='val',
    ),
    'moca': VideoSubset(
        layout=MoCALayout(),
        rule='one',
        objects=3,
        scenes={'val': _numbers(1, 3)},
        frames={'val': _numbers(6, 6)},
        tested='val',
        looks=('camouflage',),
    ),
    'a2d': VideoSubset(
        layout=A2DLayout(),
        rule='distinct',
        objects=2,
        scenes={'train': _numbers(4, 200), 'test': _numbers(1, 6)},
        frames={'train': _numbers(9, 9), 'test': _numbers(9, 9)},
        tested='test',
        kinds=(tuple(ACTOR_OF_KIND),),
        classes=True,
    ),
    'vspw': VideoSubset(
        layout=VSPWLayout(),
        rule='pairs',
        objects=2,
        scenes={'train': _numbers(4, 240), 'val': _numbers(1, 3), 'test': _numbers(1, 2)},
        frames={'train': _numbers(6, 6), 'val': _numbers(6, 18), 'test': _numbers(6, 6)},
        tested='val',
        kinds=(tuple(STILL_OR_MOVING), tuple(EITHER_WAY)),
        classes=True,
        floor=True,
    ),
}


@dataclass(frozen=True)
class VideoSettings:
    """Everything the bytes of a tree depend on. Saved as generator.json.

    Args:
        subset: A name in `SUBSETS`.
        preset: `tiny` (for tests) or `default`.
        size: Side of the square frames in pixels, 64 or 224. The same scene exists at both.
        seed: Everything follows from it.
        objects: Objects per video instead of the preset's number, 2 to 4.
        order: Two objects go round in opposite directions, and only one direction is marked.
        train: Videos in train instead of the preset's number.
        test: Scenes in the tested split instead of the preset's number.

    Raises:
        ConfigError: A value is outside its range.
    """

    subset: str
    preset: str = 'tiny'
    size: int = 64
    seed: int = 0
    objects: int | None = None
    order: bool = False
    train: int | None = None
    test: int | None = None

    def __post_init__(self):
        check_choice('--subset', self.subset, SUBSETS)
        check_choice('--preset', self.preset, PRESETS)
        check_seed('--seed', self.seed)
        if self.size not in SIZES:
            raise ConfigError(f'--size: got {self.size}, expected one of {SIZES}')
        for option in ('train', 'test'):
            if (getattr(self, option) or 0) < 0:
                value = getattr(self, option)
                raise ConfigError(f'--{option}: got {value}, expected 0 or more')
        fixed = self.kind.classes
        if self.order and (fixed or self.objects not in (None, ORDERED_OBJECTS)):
            raise ConfigError(
                f'--order: needs {ORDERED_OBJECTS} objects, and not A2D or VSPW, some of whose '
                'classes only the order of frames tells anyway'
            )
        if self.objects is not None and (fixed or not 2 <= self.objects <= MAX_OBJECTS):
            expected = f'2 to {MAX_OBJECTS}, and none for A2D and VSPW'
            raise ConfigError(f'--objects: got {self.objects}, expected {expected}')
        if self.subset == 'youtube_objects' and self.num_scenes('val') > MAX_CATEGORIES:
            raise ConfigError(
                f'--test: got {self.test}, expected at most {MAX_CATEGORIES}: each scene is a '
                'class of YouTube-Objects'
            )
        if not any(self.num_scenes(split) for split in self.kind.scenes):
            raise ConfigError('--train, --test: all are 0, so there is nothing to generate')

    @property
    def kind(self) -> VideoSubset:
        """What the videos are like."""
        return SUBSETS[self.subset]

    @property
    def layout(self) -> VideoLayout:
        """Where the files go."""
        return self.kind.layout

    @property
    def num_objects(self) -> int:
        """N, objects per video."""
        if self.order:
            return ORDERED_OBJECTS
        small = self.preset == 'tiny' and not self.kind.classes
        return self.objects or (TINY_OBJECTS if small else self.kind.objects)

    def num_scenes(self, split: str) -> int:
        """Scenes of a split."""
        given = {'train': self.train, self.kind.tested: self.test}.get(split)
        return self.kind.scenes[split][self.preset] if given is None else given

    def num_frames(self, split: str) -> int:
        """Frames of each video of a split."""
        return self.kind.frames[split][self.preset]

    def look(self, scene: int) -> str:
        """`drawn` or `camouflage`."""
        return self.kind.looks[scene % len(self.kind.looks)]

    def root(self, out: str | Path) -> Path:
        """Folder of the subset inside the output folder."""
        return Path(out) / self.layout.folder

    def to_json(self) -> dict:
        """Plain values for generator.json."""
        return asdict(self)
