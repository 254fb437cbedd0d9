"""What sounds and what can be seen in the clips, as far as the data say, and its broad type."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from avsbench.datasets import BaseAVSDataset
from avsbench.datasets.avsbench_dataset import AVSBenchDataset
from avsbench.datasets.clip_info import AudioClipInfo
from avsbench.datasets.csv_index import read_csv
from avsbench.datasets.transforms.loading import LoadClip
from avsbench.synthetic import load_truth
from avsbench.synthetic.tree import MANIFEST
from avsbench.utils.errors import DataError, examples
from avsbench.utils.text import read_text

# The first line of each: categories of S4 and objects of MS3, as AVSBench-Robust (arXiv 2502.00358)
# has them; the second, classes of AVSBench-semantic that it does not cover.
_TYPES = {
    'music': 'playing_acoustic_guitar playing_glockenspiel playing_piano playing_tabla '
    'playing_ukulele playing_violin guitar tabla violin ukulele piano marimba '
    'accordion bassoon bell cello clarinet drum erhu flute guzheng handpan harmonica harp pipa '
    'saxophone sitar sorna trombone trumpet tuba',
    'human': 'baby_laughter female_singing male_speech man woman baby boy girl',
    'animal': 'cat_meowing coyote_howling dog_barking horse_clip-clop lions_roaring '
    'mynah_bird_singing dog cat lion bird wolf '
    'donkey duck elephant goose hen horse leopard parrot pig sheep squirrel tiger',
    'device': 'driving_buses helicopter race_car ambulance_siren cap_gun_shooting '
    'chainsawing_trees lawn_mowing typing_on_computer_keyboard mower background bus car gun saw '
    'emergency-car keyboard '
    'airplane axe boat clipper clock frying-food hair-dryer missile-rocket motorcycle tank tractor '
    'train truck utv vacuum-cleaner',
}
TYPES = {name: kind for kind, names in _TYPES.items() for name in names.split()}
"""Class -> broad type; a class that is not here is a type of its own."""

NEVER_WITH = {'music': 'human', 'human': 'music', 'animal': 'human', 'device': 'music'}
"""Type in the image -> type that may be there unnoticed, such as who plays an instrument."""

COLUMNS = ('video', 'classes')
"""Of a csv of classes; several classes of a clip have blanks or `+` between them."""


@dataclass(frozen=True)
class Classes:
    """Classes of a clip.

    Attributes:
        sounding: At any time.
        shown: At least those that sound.
        scene: Name of the images, where several clips have the same ones.
    """

    sounding: frozenset[str]
    shown: frozenset[str]
    scene: str | None = None

    def swaps_with(self, other: 'Classes') -> bool:
        """Whether another clip has the same images, or without such clips the same sounds."""
        if self.scene is not None:
            return self.scene == other.scene
        return self.sounding == other.sounding


def broad_types(names: frozenset[str]) -> frozenset[str]:
    """The broad types of classes."""
    return frozenset(TYPES.get(name, name) for name in names)


def clip_classes(
    dataset: BaseAVSDataset, infos: Sequence[AudioClipInfo], path: Path | None = None
) -> dict[str, Classes]:
    """Classes of the clips of a split.

    They come from a csv; or else from the records of a synthetic tree, the column of the data set's
    csv that names them (S4, AVSS), or the classes in the masks.

    Args:
        dataset: The data set.
        infos: Its clips.
        path: Of the csv, with `COLUMNS`, or AVSS's metadata.csv for MS3; videos as clip ids or as
            the last part of these.

    Returns:
        Clip -> classes; empty where the data don't say.

    Raises:
        DataError: The csv is malformed, or lacks a clip of the split.
    """
    if path is not None:
        return _from_csv(path, infos)
    if is_synthetic(dataset):
        return _from_truth(dataset, infos)
    named = _from_index(dataset, infos)
    if named or infos[0]['num_classes'] is None:
        return named
    return {info['clip_id']: _from_masks(info, dataset.metainfo['classes']) for info in infos}


def is_synthetic(dataset: BaseAVSDataset) -> bool:
    """Whether the clips are those of a complete synthetic tree."""
    return Path(dataset.data_root, MANIFEST).is_file()


def clip_scenes(dataset: BaseAVSDataset) -> dict[str, str]:
    """Clip -> name of its images, where several clips have the same ones; empty otherwise."""
    if not is_synthetic(dataset):
        return {}
    truth = load_truth(dataset.data_root)
    return {clip['clip_id']: clip['group'] for clip in truth if clip['split'] == dataset.split}


def _both(names: Sequence[str]) -> Classes:
    return Classes(frozenset(names), frozenset(names))


def _from_csv(path: Path, infos: Sequence[AudioClipInfo]) -> dict[str, Classes]:
    named = _named(path)
    found = {}
    for info in infos:
        last = info['clip_id'].split('/')[-1]
        classes = named.get(info['clip_id'], named.get(last))
        if classes is not None:
            found[info['clip_id']] = classes
    missing = [info['clip_id'] for info in infos if info['clip_id'] not in found]
    if missing:
        raise DataError(
            f'{path}: it says nothing about {len(missing)} of {len(infos)} clips of the split: '
            f'{examples(missing)}; add a row for each, `video,classes`'
        )
    return found


def _named(path: Path) -> dict[str, Classes]:
    """Classes of the videos in a csv; videos of AVSS by the names of MS3 as well."""
    header = read_text(path).partition('\n')[0].replace('"', '').split(',')
    if 'a_obj' not in header:
        table = read_csv(path, COLUMNS)
        cells = zip(table.video, table.classes, strict=True)
        return {video: _both(cell.replace('+', ' ').split()) for video, cell in cells}
    table = read_csv(path, ('vid', 'uid', 'a_obj', 'label'))
    several = table[table.label == 'v1m']  # these are the clips of MS3
    rows = [
        *zip(several.vid, several.a_obj, strict=True),
        *zip(table.uid, table.a_obj, strict=True),
    ]
    return {video: _both(cell.split('_')) for video, cell in rows}


def _from_truth(dataset: BaseAVSDataset, infos: Sequence[AudioClipInfo]) -> dict[str, Classes]:
    wanted = {info['clip_id'] for info in infos}
    return {
        clip['clip_id']: Classes(
            sounding=frozenset(source['class'] for source in clip['sources']),
            shown=frozenset(candidate['class'] for candidate in clip['candidates']),
            scene=clip['group'],
        )
        for clip in load_truth(dataset.data_root)
        if clip['split'] == dataset.split and clip['clip_id'] in wanted
    }


def _from_index(dataset: BaseAVSDataset, infos: Sequence[AudioClipInfo]) -> dict[str, Classes]:
    """From the csv's column of categories, where its layout has one."""
    if not isinstance(dataset, AVSBenchDataset):
        return {}
    columns = [name for name, cell in dataset.layout.columns.items() if cell == '{category}']
    if not columns:
        return {}
    table = read_csv(dataset.ann_file, (*columns[:1], 'split')).set_index('csv_row')[columns[0]]
    semantic = dataset.layout.semantic
    return {
        info['clip_id']: _both(cell.split('_') if semantic else [cell])
        for info in infos
        for cell in [table[info['csv_row']]]
    }


def _from_masks(info: AudioClipInfo, names: Sequence[str]) -> Classes:
    masks = LoadClip().add_images(dict(info))['masks']
    return _both([names[index] for index in np.unique(masks) if index])
