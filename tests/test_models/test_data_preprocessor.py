import pytest
import torch
import torch.nn.functional as F

from avsbench.models import AVSDataPreprocessor, AVSegmentor
from avsbench.structures import AVSDataSample
from avsbench.utils.errors import ConfigError, DataError


def clip(length: int, size: int = 4) -> tuple[dict, AVSDataSample]:
    sample = AVSDataSample(metainfo={'clip_id': f'clip{length}'})
    sample.gt_masks = torch.full((length, size, size), 7, dtype=torch.uint8)
    sample.gt_valid = torch.ones(length, dtype=torch.bool)
    sample.frame_valid = torch.ones(length, dtype=torch.bool)
    frames = torch.randint(0, 256, (length, 3, size, size), dtype=torch.uint8)
    return {'frames': frames, 'audio': torch.randn(length, 1, 96, 64)}, sample


def batch(*clips: tuple[dict, AVSDataSample]) -> dict:
    inputs, samples = zip(*clips, strict=True)
    return {
        'inputs': {key: [one[key] for one in inputs] for key in ('frames', 'audio')},
        'data_samples': list(samples),
    }


def test_normalises_like_the_published_pipeline() -> None:
    data = batch(clip(5))
    result = AVSDataPreprocessor(num_frames=5)(data)['inputs']['frames']
    mean = torch.tensor([0.485, 0.456, 0.406]).view(3, 1, 1)
    std = torch.tensor([0.229, 0.224, 0.225]).view(3, 1, 1)
    expected = (data['inputs']['frames'][0].float() / 255 - mean) / std
    torch.testing.assert_close(result, expected, atol=1e-5, rtol=0)


def test_pad_appends_zeros_after_normalisation_and_flags_them() -> None:
    result = AVSDataPreprocessor(num_frames=10)(batch(clip(5), clip(10)))
    inputs = result['inputs']
    assert inputs['frames'].shape == (20, 3, 4, 4)
    assert inputs['clip_lengths'] == (10, 10)
    assert inputs['frames'][5:10].abs().max() == 0
    assert inputs['audio'][5:10].abs().max() == 0
    assert inputs['frame_valid'].tolist() == [True] * 5 + [False] * 5 + [True] * 10
    short = result['data_samples'][0]
    assert short.frame_valid.tolist() == [True] * 5 + [False] * 5


def test_targets_travel_in_the_batch_and_in_the_samples() -> None:
    result = AVSDataPreprocessor(num_frames=10)(batch(clip(5), clip(10)))
    masks, valid = result['inputs']['gt_masks'], result['inputs']['gt_valid']
    assert masks.shape == (20, 4, 4) and masks.dtype == torch.int64
    assert (masks[:5] == 7).all() and (masks[5:10] == 0).all() and (masks[10:] == 7).all()
    assert valid.tolist() == [True] * 5 + [False] * 5 + [True] * 10
    for sample, start in zip(result['data_samples'], (0, 10), strict=True):
        assert torch.equal(sample.gt_masks, masks[start : start + 10])
        assert torch.equal(sample.gt_valid, valid[start : start + 10])
        assert sample.gt_masks.data_ptr() == masks[start:].data_ptr()  # a part, not a copy
    data = batch(clip(5))
    for name in ('gt_masks', 'gt_valid'):
        delattr(data['data_samples'][0], name)
    assert 'gt_masks' not in AVSDataPreprocessor(num_frames=5)(data)['inputs']


def test_no_flags_where_nothing_is_padded() -> None:
    assert 'frame_valid' not in AVSDataPreprocessor(num_frames=5)(batch(clip(5)))['inputs']


def test_pack_keeps_the_frames_that_exist() -> None:
    result = AVSDataPreprocessor(clip_policy='pack')(batch(clip(5), clip(10)))
    assert result['inputs']['clip_lengths'] == (5, 10)
    assert len(result['inputs']['frames']) == 15
    assert len(result['data_samples'][0].gt_masks) == 5


def test_categories_travel_clip_by_clip() -> None:
    clips = clip(2), clip(3)
    preprocessor = AVSDataPreprocessor(clip_policy='pack')
    assert 'categories' not in preprocessor(batch(*clips))['inputs']
    clips[1][1].set_metainfo({'category': 'dog_barking'})
    inputs = preprocessor(batch(*clips))['inputs']
    assert inputs['categories'] == (None, 'dog_barking')
    assert AVSegmentor.targets(inputs).categories == (None, 'dog_barking')


def test_muting_replaces_the_audio_only() -> None:
    data = batch(clip(5))
    muted = AVSDataPreprocessor(num_frames=5, mute_audio=True)(data)['inputs']
    plain = AVSDataPreprocessor(num_frames=5)(data)['inputs']
    assert muted['audio'].abs().max() == 0 and plain['audio'].abs().max() > 0
    assert torch.equal(muted['frames'], plain['frames'])


def test_works_without_data_samples() -> None:
    data = batch(clip(5))
    del data['data_samples']
    assert AVSDataPreprocessor(num_frames=5)(data)['data_samples'] is None


def window(
    length: int, kept: tuple[int, ...], shape: tuple[int, int]
) -> tuple[dict, AVSDataSample]:
    """A clip of which some frames are to be predicted, at the size of their masks."""
    inputs, sample = clip(length)
    sample.set_metainfo({'kept': kept, 'pred_shape': shape})
    sample.gt_masks = torch.ones(len(kept), *shape, dtype=torch.uint8)
    sample.gt_valid = torch.tensor([place % 2 == 0 for place in kept])
    sample.frame_valid = torch.ones(len(kept), dtype=torch.bool)
    return inputs, sample


def test_kept_frames_are_indices_into_the_batch_and_their_targets_have_their_own_size() -> None:
    data = batch(window(3, (2,), (5, 6)), window(4, (0, 3), (5, 6)))
    result = AVSDataPreprocessor(clip_policy='pack')(data)
    inputs = result['inputs']
    assert inputs['clip_lengths'] == (3, 4) and len(inputs['frames']) == 7
    assert inputs['kept'].tolist() == [2, 3, 6] and inputs['kept'].dtype == torch.int64
    assert inputs['pred_shape'] == (5, 6)
    assert inputs['gt_masks'].shape == (3, 5, 6)
    assert inputs['gt_valid'].tolist() == [True, True, False]
    assert [len(sample.gt_masks) for sample in result['data_samples']] == [1, 2]


def test_a_clip_without_kept_frames_keeps_all() -> None:
    plain, other = window(2, (0, 1), (4, 4)), window(3, (1,), (4, 4))
    plain[1].set_metainfo({'kept': None})
    inputs = AVSDataPreprocessor(clip_policy='pack')(batch(plain, other))['inputs']
    assert inputs['kept'].tolist() == [0, 1, 3]
    nothing = AVSDataPreprocessor(clip_policy='pack')(batch(clip(2)))['inputs']
    assert not {'kept', 'pred_shape'} & set(nothing)


def test_kept_frames_that_do_not_go_together_are_errors() -> None:
    with pytest.raises(ConfigError, match=r"some frames of a clip only; set .*clip_policy='pack'"):
        AVSDataPreprocessor(num_frames=3)(batch(window(3, (2,), (5, 6))))
    data = batch(window(3, (2,), (5, 6)), window(3, (2,), (6, 6)))
    with pytest.raises(DataError, match=r'predictions of different sizes .*; set batch_size=1'):
        AVSDataPreprocessor(clip_policy='pack')(data)


def test_errors_say_what_to_do() -> None:
    with pytest.raises(DataError, match=r'sizes \(H, W\) \[\(4, 4\), \(8, 8\)\]; add ClipResize'):
        AVSDataPreprocessor(num_frames=5)(batch(clip(5), clip(5, size=8)))
    with pytest.raises(DataError, match='a clip has 10 frames, .*num_frames is 5'):
        AVSDataPreprocessor(num_frames=5)(batch(clip(10)))
    with pytest.raises(ConfigError, match="clip_policy='cut', expected one of"):
        AVSDataPreprocessor(clip_policy='cut')
    with pytest.raises(ConfigError, match='num_frames belongs to'):
        AVSDataPreprocessor(clip_policy='pack', num_frames=5)


def test_frames_are_resized_after_normalisation_and_targets_are_not() -> None:
    data = clip(2)
    plain = AVSDataPreprocessor(clip_policy='pack')(batch(data))['inputs']
    large = AVSDataPreprocessor(clip_policy='pack', frame_size=(6, 10))(batch(data))
    wanted = F.interpolate(plain['frames'], (6, 10), mode='bilinear', align_corners=False)
    assert torch.equal(large['inputs']['frames'], wanted)
    assert large['inputs']['pred_shape'] == (4, 4)
    assert 'pred_shape' not in plain
    assert large['data_samples'][0].gt_masks.shape == (2, 4, 4)


@pytest.mark.parametrize('kept', [0, 2, 5])
def test_controls_keep_the_predicted_frame_and_take_motion_or_order_away(kept: int) -> None:
    inputs, sample = window(6, (kept,), (4, 4))
    sample.set_metainfo({'sample_idx': 3})
    inputs['frames'] = torch.arange(6, dtype=torch.uint8).view(6, 1, 1, 1).repeat(1, 3, 4, 4)

    def values(order: str) -> list[float]:
        preprocessor = AVSDataPreprocessor(
            (0, 0, 0), (1, 1, 1), clip_policy='pack', frame_order=order
        )
        return preprocessor(batch((inputs, sample)))['inputs']['frames'][:, 0, 0, 0].tolist()

    assert values('natural') == [0, 1, 2, 3, 4, 5]
    assert values('frozen') == [kept] * 6
    shuffled = values('shuffled')
    assert shuffled[kept] == kept and sorted(shuffled) == [0, 1, 2, 3, 4, 5]
    assert shuffled != [0, 1, 2, 3, 4, 5] and shuffled == values('shuffled')


def test_controls_of_the_order_are_for_one_predicted_frame() -> None:
    preprocessor = AVSDataPreprocessor(clip_policy='pack', frame_order='frozen')
    for data in (batch(clip(5)), batch(window(4, (0, 3), (5, 6)))):
        with pytest.raises(ConfigError, match="predict one frame .* windows='centre'"):
            preprocessor(data)
