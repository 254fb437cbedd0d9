import numpy as np
import pytest

from avsbench.datasets.transforms import KeepAnnotatedFrames, SampleFrames
from avsbench.utils.errors import ConfigError


def results(valid: list[bool]) -> dict:
    count = len(valid)
    return {
        'frames': [np.full((2, 2, 3), i, np.uint8) for i in range(count)],
        'frame_paths': [f'{i}.png' for i in range(count)],
        'masks': np.arange(count).repeat(4).reshape(count, 2, 2).astype(np.uint8),
        'gt_valid': np.array(valid),
        'log_mel': np.arange(count, dtype=np.float32).reshape(count, 1, 1, 1),
        'clip_id': 'a',
    }


def test_keeps_what_belongs_to_annotated_frames() -> None:
    kept = KeepAnnotatedFrames()(results([False, True, False, True]))
    assert [frame[0, 0, 0] for frame in kept['frames']] == [1, 3]
    assert kept['frame_paths'] == ['1.png', '3.png']
    assert kept['masks'][:, 0, 0].tolist() == [1, 3]
    assert kept['log_mel'].flatten().tolist() == [1, 3]
    assert kept['gt_valid'].tolist() == [True, True]
    assert kept['clip_id'] == 'a'


@pytest.mark.parametrize('valid', [[True, True], [False, False]])
def test_leaves_fully_annotated_and_unannotated_clips_alone(valid: list[bool]) -> None:
    assert len(KeepAnnotatedFrames()(results(valid))['frames']) == 2


def test_samples_frames_in_order_and_with_their_audio() -> None:
    np.random.seed(0)
    found = set()
    for _ in range(40):
        kept = SampleFrames(num_frames=2)(results([True] * 4))
        indices = kept['masks'][:, 0, 0].tolist()
        assert len(indices) == 2 and indices == sorted(set(indices))
        assert kept['log_mel'].flatten().tolist() == indices
        assert kept['frame_paths'] == [f'{index}.png' for index in indices]
        found.update(indices)
    assert found == {0, 1, 2, 3}


def test_sampling_leaves_short_clips_alone_and_needs_a_number() -> None:
    assert len(SampleFrames(num_frames=3)(results([True] * 2))['frames']) == 2
    with pytest.raises(ConfigError, match='num_frames=0, expected 1 or more'):
        SampleFrames(num_frames=0)


def test_frames_of_a_video() -> None:
    """Without sound, to train on; to test on, the frames that are wanted would be lost."""
    clip = results([True, False, True])
    del clip['log_mel']
    clip |= {'frame_idx': [5, 0, 1], 'kept': None}
    assert KeepAnnotatedFrames()(clip)['frame_idx'] == [5, 1]
    for transform in (KeepAnnotatedFrames(), SampleFrames(1)):
        with pytest.raises(ConfigError, match='leave them out of the pipeline of a test'):
            transform(results([True, False, True]) | {'kept': [1]})
