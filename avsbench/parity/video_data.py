"""Running our data sets of videos on a fixture of what the published ones make of small trees."""

import functools
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

from avsbench.datasets.clip_info import ClipResults
from avsbench.datasets.transforms import ClipResizeMasks, ClipResizeShorter, LoadFrames
from avsbench.datasets.video import (
    A2DDataset,
    DAVISDataset,
    MoCADataset,
    Video,
    VideoDataset,
    YouTubeObjectsDataset,
    YouTubeVOSDataset,
)
from avsbench.datasets.video.listing import stem
from avsbench.datasets.video.windows import Window, annotated_window, centre_window
from avsbench.models.data_preprocessor import AVSDataPreprocessor
from avsbench.parity.data import write_tree
from avsbench.parity.fixture import Computed, Fixture, Limit, entry_row
from avsbench.parity.video_transforms import EXACT, IMAGES, recorded_transforms, resized_shapes
from avsbench.registry import CHECKERS
from avsbench.utils.errors import DataError

UNCHANGED_IMAGES = Limit(1e-5)  # what PIL didn't resize


class Source(NamedTuple):
    """A data set of a fixture's tree: our class, and what follows its root in a file's path."""

    kind: type[VideoDataset]
    inside: str


SOURCES = {
    'davis': Source(DAVISDataset, 'JPEGImages/480p/'),
    'ytvos': Source(YouTubeVOSDataset, 'train/JPEGImages/'),
    'youtube_objects': Source(YouTubeObjectsDataset, 'youtube_masks/'),
    'moca': Source(MoCADataset, 'annotations.csv'),
    'a2d': Source(A2DDataset, 'Release/videoset.csv'),
}


@CHECKERS.register_module(name='video_data')
def run(fixture: Fixture) -> Computed:
    """Read the fixture's trees with our data sets and transforms.

    Args:
        fixture: Its `files` are the trees, its `items` clips that the published classes return.
    """
    with tempfile.TemporaryDirectory() as folder:
        write_tree(fixture, Path(folder))
        tree = Tree(fixture, Path(folder))
        computed = recorded_transforms(fixture, lambda name: load(tree.clip(name)))
        for name, item in fixture.content['items'].items():
            if 'draws' not in item:
                _add_item(computed, fixture, tree, name)
        for name in fixture.content['lengths']:
            count = LENGTHS.get(name)
            computed.rows.append(entry_row(fixture, ('lengths', name), count and count(tree)))
        for name, stored in fixture.content['train_centres'].items():
            found = tree.centres(name.partition('_')[0])
            # Which of the videos the list is of is not said.
            ours = stored if stored in found else found
            computed.rows.append(entry_row(fixture, ('train_centres', name), ours))
    for index, shape in enumerate(resized_shapes(fixture)):
        computed.rows.append(entry_row(fixture, ('resize_sizes', index, 'result_hw'), shape))
    return computed


class Clip(NamedTuple):
    """A clip of an item: its data set, its video, and the frames of it."""

    dataset: VideoDataset
    video: Video
    window: Window


class Tree:
    """The data sets of a fixture's tree.

    Args:
        fixture: Has `files` and `items`.
        folder: In which the files were written.
    """

    def __init__(self, fixture: Fixture, folder: Path) -> None:
        self.folder = folder
        self.paths = [entry[0] for entry in fixture.content['files']]
        self.items: dict[str, dict] = fixture.content['items']
        self.described: dict[str, dict] = fixture.content['outputs']
        counts = (
            item.get('frame_ids') or item.get('clip_frames', ()) for item in self.items.values()
        )
        self.num_frames = max(count if isinstance(count, int) else len(count) for count in counts)

    @functools.cache  # noqa: B019  lives as long as the folder
    def dataset(self, source: str, split: str, test_mode: bool = True) -> VideoDataset:
        """A data set, to test on or to train on, of unchecked files."""
        kind, inside = SOURCES[source]
        roots = (path.split(inside)[0] for path in self.paths if inside in path)
        root = self.folder / next(roots, source)
        return kind(root, split, num_frames=self.num_frames, check='off', test_mode=test_mode)

    def videos(self, source: str, split: str) -> list[Video]:
        """The videos of a split."""
        return self.dataset(source, split).load_videos()

    def centres(self, source: str) -> list[list[int]]:
        """Of each video to train on, the positions of its centres."""
        dataset = self.dataset(source, 'train', test_mode=False)
        return [list(dataset.centres(video)) for video in dataset.load_videos()]

    def clip(self, name: str) -> Clip:
        """The clip of an item, as the published code cuts it out of its video."""
        item = self.items[name]
        source, _, split = item['dataset'].partition('_')
        if item['dataset'] in SOURCES:
            source, split = item['dataset'], ''
        dataset, video = self._find(source, split, item['video'])
        total = len(video.frame_paths)
        if 'centre_index' in item:
            window = centre_window(total, item['centre_index'], self.num_frames)
        else:
            frame = item['annotated_frame'] - 1
            window = annotated_window(total, frame, self.num_frames, 'published')
        return Clip(dataset, video, window)

    def _find(self, source: str, split: str, name: str) -> tuple[VideoDataset, Video]:
        """A video, and a data set that gives all masks of its clips."""
        kind = SOURCES[source].kind
        for part in [split] if split else kind.splits:
            for video in self.videos(source, part):
                if name in (video.name, f'frames/{video.name}'):
                    has_masks = kind.mask_coding is not None
                    return self.dataset(source, part, test_mode=not has_masks), video
        raise DataError(f'parity fixture: no list of {source} names the video {name!r}')


LENGTHS: dict[str, Callable[[Tree], int]] = {
    'davis_val': lambda tree: len(tree.dataset('davis', 'val')),
    'davis_train_plus_ytvos': lambda tree: sum(
        len(tree.dataset(source, 'train', test_mode=False)) for source in ('davis', 'ytvos')
    ),
    # The published classes have an item for each frame, and pass those without annotation over.
    'youtube_objects': lambda tree: _num_frames(tree.videos('youtube_objects', 'val')),
    'moca': lambda tree: _num_frames(tree.videos('moca', 'val')),
    'a2d_train_videos': lambda tree: len(tree.dataset('a2d', 'train', test_mode=False)),
    'a2d_test_frames': lambda tree: len(tree.dataset('a2d', 'test')),
}


def _num_frames(videos: list[Video]) -> int:
    return sum(len(video.frame_paths) for video in videos)


def load(clip: Clip) -> ClipResults:
    """Read a clip's frames and masks."""
    return LoadFrames()({**clip.dataset.clip_info(clip.video, clip.window), 'sample_idx': 0})


def _add_item(computed: Computed, fixture: Fixture, tree: Tree, name: str) -> None:
    """Everything that is stored of one item."""
    item, clip = tree.items[name], tree.clip(name)
    results = load(clip)
    if 'val_size' in item:
        longest = int(item['max_ratio'] * item['val_size'])
        results = ClipResizeShorter(item['val_size'], longest)(results)
    size = None
    if f'{name}.label' in tree.described:
        size = tuple(tree.described[f'{name}.image']['shape'][-2:])
        label_size = tuple(tree.described[f'{name}.label']['shape'])
        if label_size == size:
            results = ClipResizeMasks(size)(results)
        computed.outputs[f'{name}.label'] = results['masks'][clip.window.kept[0]]
    image = _normalised(results, size)
    computed.outputs[f'{name}.image'] = image
    if 'masks' in results:
        computed.outputs[f'{name}.masks'] = results['masks']
    computed.limits |= {f'{name}.label': EXACT, f'{name}.masks': EXACT}
    computed.limits[f'{name}.image'] = IMAGES if 'val_size' in item else UNCHANGED_IMAGES
    found = _description(clip, list(image.shape[-2:]), tree.folder)
    computed.rows += [
        entry_row(fixture, ('items', name, key), value)
        for key, value in found.items()
        if key in item
    ]


def _normalised(results: ClipResults, size: tuple[int, int] | None) -> torch.Tensor:
    """The frames (T, 3, H, W) float32, as the network gets them."""
    frames = torch.from_numpy(np.stack(results['frames'])).permute(0, 3, 1, 2)
    preprocess = AVSDataPreprocessor(clip_policy='pack', frame_size=size)
    return preprocess({'inputs': {'frames': [frames]}})['inputs']['frames']


def _description(clip: Clip, size: list[int], folder: Path) -> dict[str, Any]:
    """What an item may say of its clip."""
    _, video, window = clip
    frame = video.frame_paths[window.centre]
    return {
        'frame_ids': [stem(video.frame_paths[index]) for index in window.frame_idx],
        'center_frame': stem(frame),
        'vid_len': len(video.frame_paths),
        'num_frames_in_csv': len(video.frame_paths),
        'first_index_of_centre': window.kept[0],
        'index_of_annotated': window.kept[0],
        'clip_frames': len(window.frame_idx),
        'target_image': str(Path(frame).relative_to(folder)),
        'size': size,
    }
