"""AVSBench-semantic: 70 classes of sounding objects (Zhou et al., arXiv 2301.13190)."""

import json
import os
from collections import Counter
from collections.abc import Callable, Iterator, Sequence

from avsbench.datasets.avss_classes import CLASSES, MAX_CLASSES, palette
from avsbench.datasets.base_avs_dataset import MASKIGE_SUFFIX, BaseAVSDataset
from avsbench.media.faults import BrokenFileError, ClipCheck
from avsbench.media.images import read_colour_label, read_index_label
from avsbench.registry import DATASETS
from avsbench.utils.checks import check_choice
from avsbench.utils.errors import DataError, nearest

LABEL_SOURCES = ('auto', 'semantic', 'rgb')
FOLDERS = {'semantic': 'labels_semantic', 'rgb': 'labels_rgb'}
MASKIGE_FOLDER = 'pre_SAM_mask/AVSBench_semantic'
CODINGS = {'semantic': 'index', 'rgb': 'palette'}


@DATASETS.register_module()
class AVSSDataset(BaseAVSDataset):
    """The semantic subset: clips of 5 frames (v1s, v1m) and of 10 (v2).

    Reads, below `data_root`: `metadata.csv` (columns uid, label, split), `label2idx.json` if there,
    and in `<label>/<uid>/` `frames/<k>.jpg`, `labels_semantic/<k>.png` or `labels_rgb/<k>.png`,
    `audio.wav` (or `audio.pkl`). Frames count from 0; as many as the folder has are read. In the
    split `train` only the first frame of a v1s clip is annotated. `data_info` has `label` and
    `num_classes` too. Pipelines that load Maskiges also read
    `pre_SAM_mask/AVSBench_semantic/<label>/<uid>/processed_frames/<k>_mask_color.png`: pictures of
    the frames as they are cut for the network, hence the folder's published name.

    Args:
        data_root: Folder that holds the csv.
        split: Name of the split, as in the csv.
        num_classes: Number of classes that the model is for; must be that of `label2idx.json`, or
            71 without that file. None takes the data set's.
        label_source: 'auto': class indices where a clip has `labels_semantic`, else the colours of
            `labels_rgb`; both are compared once, on the first clip that has both. 'semantic' or
            'rgb': these only.
        clip_lengths: Numbers of frames that a clip may have.
        pipeline, ann_file, audio_source, check, test_mode, indices, lazy_init: As in
            `BaseAVSDataset`.
    """

    subset = 'avss'
    default_ann_file = 'metadata.csv'
    name_columns = ('label', 'uid')
    short_audio = 'zero'
    folder_lengths = {'v1s': 5, 'v1m': 5, 'v2': 10}
    num_frames = max(folder_lengths.values())

    def __init__(
        self,
        data_root: str,
        split: str,
        *,
        num_classes: int | None = None,
        label_source: str = 'auto',
        clip_lengths: Sequence[int] = (5, 10),
        pipeline: Sequence[dict | Callable] = (),
        ann_file: str | None = None,
        audio_source: str = 'auto',
        check: str = 'fast',
        test_mode: bool = False,
        indices: int | Sequence[int] | None = None,
        lazy_init: bool = False,
    ) -> None:
        self.label_source = check_choice('AVSSDataset: label_source', label_source, LABEL_SOURCES)
        self.clip_lengths = tuple(clip_lengths)
        classes = read_classes(os.path.join(data_root, 'label2idx.json'))
        if num_classes not in (None, len(classes)):
            raise DataError(
                f'AVSSDataset: num_classes={num_classes}, but {data_root} has {len(classes)} '
                'classes (label2idx.json). Set num_classes of the config to that, or data_root to '
                'the data set that you mean'
            )
        super().__init__(
            data_root,
            split,
            pipeline=pipeline,
            ann_file=ann_file,
            audio_source=audio_source,
            check=check,
            metainfo={'classes': classes, 'palette': palette(len(classes)).tolist()},
            test_mode=test_mode,
            indices=indices,
            lazy_init=lazy_init,
        )

    def clip_info(self, row: dict) -> dict:
        """See `BaseAVSDataset.clip_info`."""
        label = row['label']
        if label not in self.folder_lengths:
            raise DataError(
                f"{self.ann_file}: row {row['csv_row']}, column 'label': {label!r}, expected one "
                f'of {", ".join(self.folder_lengths)}{nearest(label, self.folder_lengths)}'
            )
        folder = os.path.join(self.data_root, label, row['uid'])
        frames = range(_count_frames(os.path.join(folder, 'frames')) or self.folder_lengths[label])
        annotated = frames[:1] if label == 'v1s' and self.split == 'train' else frames
        source = self._label_source(folder)
        labels = os.path.join(folder, FOLDERS[source])
        maskiges = os.path.join(
            self.data_root, MASKIGE_FOLDER, label, row['uid'], 'processed_frames'
        )
        return {
            'clip_id': f'{label}/{row["uid"]}',
            'label': label,
            'frame_paths': [os.path.join(folder, 'frames', f'{k}.jpg') for k in frames],
            'mask_paths': [
                os.path.join(labels, f'{k}.png') if k in annotated else None for k in frames
            ],
            'mask_coding': CODINGS[source],
            'maskige_paths': [os.path.join(maskiges, f'{k}{MASKIGE_SUFFIX}') for k in frames],
            'num_classes': len(self._metainfo['classes']),
            **self._audio(os.path.join(folder, 'audio.wav'), os.path.join(folder, 'audio')),
            'csv_row': row['csv_row'],
        }

    def clip_faults(self, info: dict) -> tuple[BrokenFileError, ...]:
        """See `BaseAVSDataset.clip_faults`."""
        count, folder = len(info['frame_paths']), os.path.dirname(info['frame_paths'][0])
        if count in self.clip_lengths:
            return ()
        allowed = ' or '.join(map(str, self.clip_lengths))
        return (BrokenFileError(f'{folder}: {count} frames, expected {allowed}', 'frame count'),)

    def check_files(self, level: str) -> Iterator[ClipCheck]:
        """See `BaseAVSDataset.check_files`; last comes a comparison of both kinds of labels."""
        yield from super().check_files(level)
        if self.label_source == 'auto':
            yield from self._compare_labels()

    def summary(self) -> dict:
        """See `BaseAVSDataset.summary`; with `labels`, clips by folder, and `label_source`."""
        infos = list(self.infos())
        return super().summary() | {
            'labels': dict(Counter(info['label'] for info in infos)),
            'label_source': dict(Counter(info['mask_coding'] for info in infos)),
        }

    def _label_source(self, folder: str) -> str:
        if self.label_source != 'auto':
            return self.label_source
        return 'semantic' if os.path.isdir(os.path.join(folder, FOLDERS['semantic'])) else 'rgb'

    def _compare_labels(self) -> Iterator[ClipCheck]:
        """A fault if the first label that exists as indices and as colours has two meanings."""
        for info in self.infos():
            indices = info['mask_paths'][0]
            colours = indices.replace(FOLDERS['semantic'], FOLDERS['rgb'])
            if info['mask_coding'] != 'index' or not os.path.isfile(colours):
                continue
            try:
                first, second = (
                    read(path, info['num_classes'], unknown_colour='background')
                    for read, path in ((read_index_label, indices), (read_colour_label, colours))
                )
            except BrokenFileError:  # reported for this clip already
                continue
            if first.shape != second.shape or (first != second).any():
                count = (first != second).sum() if first.shape == second.shape else 'all'
                what = f'{indices} and {colours}: {count} of {first.size} pixels differ in class'
                fault = BrokenFileError(what, 'labels differ')
                yield ClipCheck(info['clip_id'], info['csv_row'], (fault,))
            return


def read_classes(path: str) -> tuple[str, ...]:
    """Class names of `label2idx.json` in the order of their indices; the published ones without it.

    Args:
        path: The file; object of class name -> index.

    Raises:
        DataError: It is malformed.
    """
    try:
        with open(path, encoding='utf-8-sig') as file:
            table = json.load(file)
    except FileNotFoundError:
        return tuple(CLASSES)
    except (OSError, ValueError) as error:
        raise DataError(
            f'{path}: not readable json ({error}). Restore it from the download'
        ) from error
    indices = sorted(table.values(), key=str) if isinstance(table, dict) else []
    expected = sorted(range(len(indices)), key=str)
    if indices != expected or not 0 < len(indices) <= MAX_CLASSES:
        raise DataError(
            f'{path}: expected an object of 1 to {MAX_CLASSES} class names with the indices 0, 1, '
            '2, ... each once. Restore it from the download'
        )
    return tuple(sorted(table, key=table.get))


def _count_frames(folder: str) -> int:
    """Highest frame number in a folder plus 1; 0 if it has none or does not exist."""
    try:
        stems = [os.path.splitext(name)[0] for name in os.listdir(folder) if name.endswith('.jpg')]
    except OSError:
        return 0
    # isdecimal: of the numbers only, so that hidden copies such as ._0.jpg don't count
    return max((int(stem) + 1 for stem in stems if stem.isascii() and stem.isdecimal()), default=0)
