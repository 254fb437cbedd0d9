import numpy as np
import pytest
from mmengine.registry import DefaultScope

from avsbench.registry import DATASETS
from avsbench.synthetic.video import SUBSETS
from avsbench.synthetic.video.oracles import steps_of_clip

CLASSES = {
    'davis': 'DAVISDataset',
    'youtube_vos': 'YouTubeVOSDataset',
    'youtube_objects': 'YouTubeObjectsDataset',
    'moca': 'MoCADataset',
    'a2d': 'A2DDataset',
    'vspw': 'VSPWDataset',
}
ITEMS = {  # of the tiny trees
    **{('davis', 'train'): 24, ('davis', 'val'): 36, ('youtube_vos', 'train'): 4},
    **{('youtube_objects', 'val'): 18, ('moca', 'val'): 36},
    **{('a2d', 'train'): 4, ('a2d', 'test'): 54},
    **{('vspw', 'train'): 24, ('vspw', 'val'): 72, ('vspw', 'test'): 6},
}
PIPELINE = [dict(type='LoadFrames'), dict(type='PackAVSInputs')]
CASES = [(subset, split) for subset, kind in SUBSETS.items() for split in kind.scenes]


def opened(tree, subset, split):
    config = dict(type=CLASSES[subset], data_root=str(tree.root), split=split)
    return DATASETS.build({**config, 'test_mode': split != 'train', 'pipeline': PIPELINE})


@pytest.mark.parametrize(('subset', 'split'), CASES)
def test_windows_of_the_data_sets_tell_the_steps(subset, split, video_trees):
    """The trees open as the real ones do, and a window of any item is two whole rounds."""
    tree = video_trees[subset]
    with DefaultScope.overwrite_default_scope('avsbench'):
        items = opened(tree, subset, split)
    assert len(items) == ITEMS[subset, split]
    truth = {video['name']: video for video in tree.of(split)}
    told, count = 0, 0
    for item in (items[index] for index in range(0, len(items), 5)):
        sample = item['data_samples']
        video = truth[sample.metainfo['video']]
        frames = item['inputs']['frames'].permute(0, 2, 3, 1).numpy()
        told += steps_of_clip(frames, np.array(video['places'])) == video['steps']
        count += 1
        kept = sample.metainfo['frame_idx'][0]
        if subset in ('davis', 'youtube_objects'):
            assert int(sample.gt_masks[0].sum()) == video['areas'][kept][video['marked'][0]]
        if subset == 'moca':
            assert [int(v) for v in sample.metainfo['gt_boxes'][0]] == (
                video['boxes'][kept][video['marked'][0]]
            )
    assert told == count
