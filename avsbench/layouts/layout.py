"""What a layout consists of: path templates, the columns of the csv, and the rules of a subset."""

from collections.abc import Mapping
from dataclasses import dataclass

_NUMBER = '\0'  # stands for the number of a frame; no name has it
GENERATOR_RECORD = 'generator.json'  # in the folder of the csv, of synthetic data only


@dataclass(frozen=True)
class ClipKind:
    """Clips of one length.

    Attributes:
        frames: T, frames and seconds of a clip.
        first_only: Splits in which only the first frame is annotated.
    """

    frames: int
    first_only: tuple[str, ...] = ()


@dataclass(frozen=True)
class ClipFiles:
    """Where the files of one clip are, relative to the folder of the csv, with `/` between folders.

    Attributes:
        clip_id: Unique in its split.
        frames: T images.
        masks: Coding of the masks -> T images. One entry, or two where labels are kept both as
            class indices and as colours.
        maskiges: T images.
        wav: The audio.
        log_mel: The stored log-mel, without its suffix (.pkl as published, or .npy).
    """

    clip_id: str
    frames: list[str]
    masks: dict[str, list[str]]
    maskiges: list[str]
    wav: str
    log_mel: str


@dataclass(frozen=True)
class Layout:
    """The folders, the csv and the rules of a subset.

    A path template is relative to the folder of the csv. `{k}` in it is the number of a frame, the
    other fields are columns of the csv.

    Attributes:
        subset: Its short name.
        folder: Name of its folder in the download.
        csv: Name of the csv.
        columns: Column of the csv -> template of a cell, from `name`, `split`, `category` and
            `label`; see `row`. The published order, which some loaders depend on.
        name_columns: Columns that together name a clip of a split.
        kinds: Label -> kind of clips; without a column `label`, the only key is the subset.
        clip_id: Template.
        frame: Template.
        masks: Coding ('binary', 'index' or 'palette') -> template, the preferred one first.
        maskige: Template.
        wav: Template.
        log_mel: Template, without the suffix of the file.
        first_frame: Number of the first frame.
        short_audio: What stands for missing log-mel patches: 'repeat' the last one, or 'zero'.
        frame_size: (H, W) of the frames as published, None where it differs between videos.
        maskige_size: (H, W) that frames are cut to before Maskiges are made of them, None for the
            frames as they are.
    """

    subset: str
    folder: str
    csv: str
    columns: Mapping[str, str]
    name_columns: tuple[str, ...]
    kinds: Mapping[str, ClipKind]
    clip_id: str
    frame: str
    masks: Mapping[str, str]
    maskige: str
    wav: str
    log_mel: str
    first_frame: int
    short_audio: str
    frame_size: tuple[int, int] | None = None
    maskige_size: tuple[int, int] | None = None

    @property
    def semantic(self) -> bool:
        """Whether masks hold classes, not one foreground."""
        return 'binary' not in self.masks

    @property
    def frames(self) -> int:
        """T of the longest clips."""
        return max(kind.frames for kind in self.kinds.values())

    @property
    def top_level(self) -> tuple[str, ...]:
        """Names of what is in the folder of the csv, Maskiges apart."""
        folders = [self.frame.split('/')[0].format(label=label) for label in self.kinds]
        tables = (self.csv, 'label2idx.json') if self.semantic else (self.csv,)
        return (*dict.fromkeys(folders), *tables)

    def kind(self, row: Mapping[str, str]) -> ClipKind:
        """Kind of the clip in a row of the csv."""
        return self.kinds[row.get('label', self.subset)]

    def label_of(self, frames: int) -> str:
        """Label of clips with so many frames; the first one, of several."""
        return next(label for label, kind in self.kinds.items() if kind.frames == frames)

    def annotated(self, row: Mapping[str, str], frames: int) -> int:
        """How many of a clip's frames are annotated; they are the first ones."""
        return 1 if row['split'] in self.kind(row).first_only else frames

    def row(
        self, *, name: str, split: str, category: str = '', label: str = '', video: str = ''
    ) -> dict[str, str]:
        """A row of the csv.

        Args:
            name: Of the clip.
            split: Of the clip.
            category: What sounds in it; a folder in S4.
            label: Of its kind; a folder in AVSS.
            video: Name of the video that the clip is from; the clip's own name by default.
        """
        cells = dict(name=name, split=split, category=category, label=label, video=video or name)
        return {column: template.format(**cells) for column, template in self.columns.items()}

    def clip_files(self, row: Mapping[str, str], frames: int) -> ClipFiles:
        """The files of the clip in a row of the csv.

        Args:
            row: Has `split` and all `name_columns`.
            frames: T.
        """
        numbers = [str(self.first_frame + k) for k in range(frames)]

        def numbered(template: str) -> list[str]:
            parts = template.format(k=_NUMBER, **row).split(_NUMBER)
            return [number.join(parts) for number in numbers]

        return ClipFiles(
            clip_id=self.clip_id.format(**row),
            frames=numbered(self.frame),
            masks={coding: numbered(template) for coding, template in self.masks.items()},
            maskiges=numbered(self.maskige),
            wav=self.wav.format(**row),
            log_mel=self.log_mel.format(**row),
        )
