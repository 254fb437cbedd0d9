import itertools

import numpy as np
import pytest
from PIL import Image

from avsbench.synthetic.video import SUBSETS, VideoSettings, generate_video_tree, load_truth


class VideoTree:
    """A tree of videos read back from its files."""

    def __init__(self, root, subset):
        self.root, self.subset = root, subset
        self.layout = SUBSETS[subset].layout
        self.videos = load_truth(root)

    def of(self, split):
        return [video for video in self.videos if video['split'] == split]

    @property
    def tested(self):
        return self.of(SUBSETS[self.subset].tested)

    def frame_bytes(self, video, t):
        return (self.root / self.layout.frame(video['name'], t)).read_bytes()

    def frames(self, video):
        paths = [self.layout.frame(video['name'], t) for t in range(len(video['states']))]
        return np.stack([np.asarray(Image.open(self.root / path)) for path in paths])

    def mask(self, video, t):
        return np.asarray(Image.open(self.root / self.layout.mask(video['name'], t)))

    def groups(self, split):
        groups = {}
        for video in self.of(split):
            groups.setdefault(video['group'], []).append(video)
        return groups


@pytest.fixture(scope='session')
def video_trees(tmp_path_factory):
    """Subset -> its tiny tree; no test may change them."""
    out = tmp_path_factory.mktemp('videos')
    return {
        name: VideoTree(generate_video_tree(VideoSettings(name), out), name) for name in SUBSETS
    }


@pytest.fixture
def make_videos(tmp_path):
    """Makes a tree with given settings in a folder of its own."""
    numbers = itertools.count()

    def build(subset, *, workers=0, **settings):
        out = tmp_path / str(next(numbers))
        return VideoTree(
            generate_video_tree(VideoSettings(subset, **settings), out, workers=workers), subset
        )

    return build
