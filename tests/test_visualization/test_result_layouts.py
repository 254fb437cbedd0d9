"""Which files a test on videos leaves, and what they show."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from mmengine.logging import MMLogger
from PIL import Image

from avsbench.datasets.video import VideoDataset
from avsbench.engine.hooks import MaskSavingHook
from avsbench.evaluation.video.a2d import frame_value
from avsbench.registry import DATASETS
from avsbench.structures import AVSDataSample
from avsbench.utils.errors import ConfigError, DataError
from avsbench.utils.maps import decide
from avsbench.visualization.result_layouts import LAYOUTS, SampleResults

PALETTE = [[0, 0, 0], [200, 30, 10], [0, 128, 0], [128, 128, 0]]
ORI = (12, 16)
SIZE = (6, 8)  # of the prediction


def frame_of_a_video(
    tmp_path: Path, *, video: str = 'aeroplane/data/1', name: str = 'frame0001', classes: int = 1
) -> AVSDataSample:
    """A prediction of the left half, of class 2 where there are several."""
    path = tmp_path / f'{name}.jpg'
    Image.fromarray(np.full((*ORI, 3), 100, np.uint8)).save(path)
    sample = AVSDataSample(
        metainfo=dict(
            clip_id=f'{video}/{name}', video=video, sample_idx=0, ori_shape=ORI, frame_idx=[0],
            frame_paths=[str(path)],
        )
    )  # fmt: skip
    sample.frame_valid = torch.ones(1, dtype=torch.bool)
    sample.gt_valid = torch.ones(1, dtype=torch.bool)
    probability = torch.full((1, classes, *SIZE), 0.1)
    probability[:, min(classes - 1, 2), :, : SIZE[1] // 2] = 0.9
    sample.seg_probs = probability
    sample.pred_masks = decide(probability, are_logits=False)
    sample.gt_masks = torch.zeros(1, *SIZE, dtype=torch.int64)
    sample.gt_masks[:, :3, :4], sample.gt_masks[:, 3:, :2] = 2 % max(classes, 2), 1
    return sample


def save(out: Path, sample: AVSDataSample, metainfo: dict, **options) -> list[str]:
    dataset = SimpleNamespace(metainfo=metainfo)
    runner = SimpleNamespace(
        test_dataloader=SimpleNamespace(dataset=dataset), logger=MMLogger.get_current_instance()
    )
    hook = MaskSavingHook(str(out), **options)
    hook.before_test(runner)
    hook.after_test_iter(runner, 0, outputs=[sample])
    hook.after_test(runner)
    return sorted(str(path.relative_to(out)) for path in out.rglob('*.png'))


def pixels(path: Path) -> np.ndarray:
    return np.asarray(Image.open(path))


def test_masks_and_probabilities_of_video_object_segmentation(tmp_path):
    sample = frame_of_a_video(tmp_path)
    sample.seg_probs[..., 0] = 1.0
    out = tmp_path / 'out'
    files = save(out, sample, {'result_layout': 'avos'})
    assert files == [f'{kind}/aeroplane/data/1/frame0001.png' for kind in ('bin_mask', 'logits')]
    mask, levels = (pixels(out / name) for name in files)
    assert mask.shape == levels.shape == SIZE and mask.dtype == levels.dtype == np.uint8
    assert (mask[:, :4] == 255).all() and (mask[:, 4:] == 0).all()
    assert levels[0].tolist() == [255, *[229] * 3, *[25] * 4]  # cut off, not rounded


def test_overlays_are_drawn_at_the_size_of_the_frame_on_request(tmp_path):
    sample, out = frame_of_a_video(tmp_path), tmp_path / 'out'
    files = save(out, sample, {'result_layout': 'avos'}, overlays=True)
    assert 'overlay/aeroplane/data/1/frame0001.png' in files and len(files) == 3
    image = pixels(out / 'overlay/aeroplane/data/1/frame0001.png')
    assert image.shape == (*ORI, 3)
    assert (image[:, -4:] == 100).all() and (image[2:-2, 2:4] != 100).any()


def test_frames_without_annotation_are_left_out_where_the_layout_says_so(tmp_path):
    sample = frame_of_a_video(tmp_path)
    sample.gt_valid[:] = False
    assert save(tmp_path / 'moca', sample, {'result_layout': 'moca'}) == []
    assert len(save(tmp_path / 'videos', sample, {'result_layout': 'videos'})) == 1
    del sample.gt_valid
    assert save(tmp_path / 'none', sample, {'result_layout': 'moca'}) == [
        'aeroplane/data/1/frame0001.png'
    ]


def test_classes_and_value_are_in_the_names_of_actors_and_actions(tmp_path):
    sample = frame_of_a_video(tmp_path, video='v1', name='00010', classes=3)
    metainfo = {'result_layout': 'a2d', 'palette': PALETTE[:3], 'classes': ['x', 'a', 'b']}
    out = tmp_path / 'out'
    value = frame_value(sample.pred_masks[0].numpy(), sample.gt_masks[0].numpy())
    named = f'00010_1-2_{value:.3f}.png'
    files = save(out, sample, metainfo, overlays=True)
    assert files == [
        'mask/v1/00010.png',
        f'viz/color_mask/v1/{named}',
        f'viz/gt_overlay/v1/{named}',
        f'viz/pred_overlay/v1/{named}',
    ]
    assert value == 0.5
    assert (pixels(out / files[0])[:, :4] == 2).all()
    assert pixels(out / files[1])[0, 0].tolist() == PALETTE[2]
    truth, prediction = (pixels(out / name) for name in files[2:])
    assert truth.shape == prediction.shape == (*ORI, 3) and (truth != prediction).any()


def test_names_and_kinds_that_do_not_exist(tmp_path):
    sample = frame_of_a_video(tmp_path)
    with pytest.raises(ConfigError, match="layout='avs', expected one of.*did you mean 'avos'"):
        save(tmp_path / 'out', sample, {}, layout='avs')
    with pytest.raises(ConfigError, match="layout 'moca' has no images of the kind 'probability'"):
        save(tmp_path / 'out', sample, {'result_layout': 'moca'}, kinds=['probability'])
    with pytest.raises(ConfigError, match='one class only'):
        several = frame_of_a_video(tmp_path, classes=3)
        save(tmp_path / 'several', several, {'result_layout': 'avos', 'palette': PALETTE})
    sample.set_metainfo({'video': '../up'})
    with pytest.raises(DataError, match=r'leads out of .*\(bin_mask/\.\./up/frame0001.png\)'):
        save(tmp_path / 'out', sample, {'result_layout': 'avos'})


def test_classes_without_a_background_are_all_painted(tmp_path):
    sample = frame_of_a_video(tmp_path, video='v', classes=3)
    sample.pred_masks[:] = 0
    metainfo = {'result_layout': 'videos', 'palette': PALETTE[1:], 'classes': ['wall', 'a', 'b']}
    for background in (True, False):
        out = tmp_path / f'{background}'
        save(out, sample, metainfo | {'background': background}, overlays=True, kinds=['overlay'])
        painted = (pixels(out / 'overlay/v/frame0001.png') != 100).any()
        assert painted != background


def test_every_data_set_of_videos_has_a_layout():
    DATASETS.import_from_location()
    kinds = {k for k in DATASETS.module_dict.values() if issubclass(k, VideoDataset)}
    assert len(kinds) > 5
    assert {kind.METAINFO['result_layout'] for kind in kinds} <= set(LAYOUTS) - {'clips'}


def test_masks_of_clips_are_resized_and_those_of_videos_are_not(tmp_path):
    sample = frame_of_a_video(tmp_path)
    sizes = {name: SampleResults(sample, layout, {}).size for name, layout in LAYOUTS.items()}
    assert sizes.pop('clips') == ORI and set(sizes.values()) == {SIZE}
