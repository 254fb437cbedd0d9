import numpy as np
import pytest

from avsbench.datasets.transforms import KeepAnnotatedFrames


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
