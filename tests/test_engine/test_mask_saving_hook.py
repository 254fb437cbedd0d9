import os
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from mmengine.logging import MMLogger
from PIL import Image

from avsbench.engine.hooks.mask_saving_hook import MaskSavingHook
from avsbench.registry import HOOKS
from avsbench.structures import AVSDataSample
from avsbench.utils.errors import ConfigError, DataError

PALETTE = [[0, 0, 0], [128, 0, 0], [0, 128, 0], [128, 128, 0]]


def runner_with(palette=None):
    metainfo = {} if palette is None else {'palette': palette}
    return SimpleNamespace(
        test_dataloader=SimpleNamespace(dataset=SimpleNamespace(metainfo=metainfo)),
        logger=MMLogger.get_current_instance(),
    )


def clip(logits, frames, clip_id='dog/one', ori_shape=(8, 12), index=0, padded=()):
    sample = AVSDataSample(
        metainfo=dict(
            clip_id=clip_id,
            sample_idx=index,
            ori_shape=ori_shape,
            img_shape=tuple(logits.shape[2:]),
            frame_paths=[f'/data/visual_frames/{name}' for name in frames],
        )
    )
    sample.seg_logits = logits
    binary = logits.shape[1] == 1
    sample.pred_masks = ((logits[:, 0] > 0) if binary else logits.argmax(1)).to(torch.uint8)
    sample.frame_valid = torch.tensor([t not in padded for t in range(len(logits))])
    return sample


def save(out_dir, samples, palette=None, **kwargs):
    hook = HOOKS.build(dict(type='MaskSavingHook', out_dir=str(out_dir), **kwargs))
    runner = runner_with(palette)
    hook.before_test(runner)
    hook.after_test_iter(runner, 0, outputs=samples)
    hook.after_test(runner)
    hook.after_run(runner)
    return sorted(str(p.relative_to(out_dir)) for p in Path(out_dir).rglob('*') if p.is_file())


def halves(frames=2, size=(4, 6)):
    """Logits that are foreground in the right half."""
    logits = torch.full((frames, 1, *size), -4.0)
    logits[..., size[1] // 2 :] = 4.0
    return logits


def test_binary_masks_at_the_size_of_the_frames(tmp_path):
    files = save(tmp_path, [clip(halves(), ['one.mp4_1.png', 'one.mp4_2.jpg'])])
    assert files == ['dog/one/one.mp4_1.png', 'dog/one/one.mp4_2.png']
    image = Image.open(tmp_path / files[0])
    expected = np.zeros((8, 12), np.uint8)
    expected[:, 6:] = 255
    assert image.mode == 'L' and (np.asarray(image) == expected).all()


def test_logits_are_enlarged_not_masks(tmp_path):
    """A weak foreground beside a strong background: the border moves into the foreground."""
    logits = torch.full((1, 1, 1, 2), -9.0)
    logits[..., 1] = 1.0
    files = save(tmp_path, [clip(logits, ['1.png'], ori_shape=(1, 20))])
    mask = np.asarray(Image.open(tmp_path / files[0]))[0]
    assert 0 < (mask == 255).sum() < 8
    assert set(mask) == {0, 255}


def test_probabilities_serve_as_logits_do(tmp_path):
    sample = clip(halves(1), ['1.png'])
    sample.seg_probs = sample.seg_logits.sigmoid()
    del sample.seg_logits
    files = save(tmp_path, [sample])
    mask = np.asarray(Image.open(tmp_path / files[0]))
    assert (mask[:, :6] == 0).all() and (mask[:, 6:] == 255).all()


def test_semantic_masks_keep_their_index_and_get_the_palette(tmp_path):
    logits = torch.zeros(1, 4, 2, 2)
    for row, column, label in ((0, 0, 0), (0, 1, 1), (1, 0, 2), (1, 1, 3)):
        logits[0, label, row, column] = 5
    files = save(tmp_path, [clip(logits, ['0.jpg'], ori_shape=(4, 6))], PALETTE)
    image = Image.open(tmp_path / files[0])
    index = np.array([[0, 1], [2, 3]]).repeat(2, 0).repeat(3, 1)
    assert image.mode == 'P' and (np.asarray(image) == index).all()
    assert (np.asarray(image.convert('RGB')) == np.array(PALETTE)[index]).all()


def test_semantic_masks_need_a_palette(tmp_path):
    with pytest.raises(ConfigError, match='no palette'):
        save(tmp_path, [clip(torch.zeros(1, 4, 2, 2), ['0.jpg'])])


def test_padded_frames_are_left_out(tmp_path):
    sample = clip(halves(4), ['0.jpg', '1.jpg'], padded=(2, 3))
    assert save(tmp_path, [sample]) == ['dog/one/0.png', 'dog/one/1.png']


def test_nothing_is_written_over(tmp_path):
    save(tmp_path, [clip(halves(), ['1.png', '2.png'])])
    before = (tmp_path / 'dog/one/1.png').read_bytes()
    hook = MaskSavingHook(str(tmp_path))
    with pytest.raises(DataError, match=r'already holds 2 masks \(dog/one/1.png'):
        hook.before_test(runner_with())
    save(tmp_path, [clip(-halves(), ['1.png', '2.png'])], overwrite=True)
    assert (tmp_path / 'dog/one/1.png').read_bytes() != before


def test_a_second_test_may_number_its_clips_anew(tmp_path):
    hook = MaskSavingHook(str(tmp_path), overwrite=True)
    for index in (0, 1):
        hook.before_test(runner_with())
        hook.after_test_iter(runner_with(), 0, outputs=[clip(halves(1), ['1.png'], index=index)])


def test_no_process_writes_before_all_have_looked(tmp_path, monkeypatch):
    """The others get what the main process has found, and wait for it."""
    monkeypatch.setattr('avsbench.processes.agreement.is_main_process', lambda: False)

    def refused(outcome: list) -> None:
        outcome[1] = DataError('already holds')

    monkeypatch.setattr('avsbench.processes.agreement.broadcast_object_list', refused)
    with pytest.raises(DataError, match='already holds'):
        MaskSavingHook(str(tmp_path / 'masks')).before_test(runner_with())
    assert not (tmp_path / 'masks').exists()


def test_one_test_at_a_time_writes_to_a_folder(tmp_path):
    first, second = (MaskSavingHook(str(tmp_path), overwrite=True) for _ in range(2))
    first.before_test(runner_with())
    with pytest.raises(ConfigError, match=rf'is in use by process {os.getpid()} on .*saving.lock'):
        second.before_test(runner_with())
    first.after_run(runner_with())
    second.before_test(runner_with())


def test_repeats_of_a_padded_sampler_are_no_clash(tmp_path):
    sample = clip(halves(), ['1.png', '2.png'])
    assert len(save(tmp_path, [sample, sample])) == 2


def test_two_clips_under_one_name_are_an_error(tmp_path):
    samples = [clip(halves(), ['1.png', '2.png'], index=index) for index in (0, 1)]
    with pytest.raises(DataError, match='clip ids must differ'):
        save(tmp_path, samples)


@pytest.mark.parametrize('clip_id', ['../../etc', '/etc', 'a/../../b'])
def test_masks_stay_in_their_folder(tmp_path, clip_id):
    with pytest.raises(DataError, match='leads out of'):
        save(tmp_path / 'masks', [clip(halves(), ['1.png', '2.png'], clip_id=clip_id)])
    assert not list(tmp_path.rglob('*.png'))


def test_a_file_in_place_of_the_folder_is_an_error(tmp_path):
    (tmp_path / 'masks').write_text('x')
    with pytest.raises(ConfigError, match='can not be used as folder of masks .is a file.'):
        MaskSavingHook(str(tmp_path / 'masks')).before_test(runner_with())
