"""The same masks give the same numbers through a test and through the tool."""

import json
import shutil
from types import SimpleNamespace

import dataset_trees
import numpy as np
import pandas as pd
import pytest
import torch
from mmengine.logging import MMLogger
from PIL import Image

from avsbench.datasets.transforms import ClipResize, LoadClip, PackAVSInputs
from avsbench.engine.hooks.mask_saving_hook import MaskSavingHook
from avsbench.evaluation import AVSMetric
from avsbench.evaluation.result_files import place_tables
from avsbench.layouts.avss_classes import palette
from avsbench.registry import DATASETS

KINDS = {
    's4': ('S4Dataset', dataset_trees.make_s4),
    'ms3': ('MS3Dataset', dataset_trees.make_ms3),
    'avss': ('AVSSDataset', dataset_trees.make_avss),
}
DISK = dataset_trees.SIZE


def dataset_of(subset, root, size=None, split='test'):
    resize = [] if size is None else [ClipResize(size)]
    pipeline = [LoadClip(), *resize, PackAVSInputs()]
    kind = KINDS[subset][0]
    return DATASETS.build(dict(type=kind, data_root=str(root), split=split, pipeline=pipeline))


def predicted(sample, index, semantic, generator):
    """A sample with logits, one of them exactly 0, and, of classes, frames that fill up to 10."""
    frames, size = len(sample.frame_valid), tuple(sample.gt_masks.shape[1:])
    sample.set_metainfo(dict(sample_idx=index))
    channels = 71 if semantic else 1
    logits = 3 * torch.randn(frames, channels, *size, generator=generator)
    logits[0, :, 0, 0] = 0
    if not semantic:
        logits[1, :, 1, 1] = float('nan')
        logits[2, :, 2, 2] = 40  # reaches the last threshold, 1
    else:
        missing = 10 - frames
        sample.frame_valid = torch.arange(10) < frames
        sample.gt_valid = torch.cat([sample.gt_valid, torch.zeros(missing, dtype=torch.bool)])
        sample.gt_masks = torch.cat([sample.gt_masks, torch.zeros(missing, *size)]).long()
        logits = torch.cat([logits, torch.zeros(missing, channels, *size)])
    sample.seg_logits = logits
    decided = logits.argmax(1) if semantic else logits[:, 0].sigmoid() > 0.5
    sample.pred_masks = decided.to(torch.uint8)
    return sample


def run_test(dataset, subset, masks, scores=None, count_padded=True):
    """What test.sh does with predictions: score them, and save the masks."""
    semantic = subset == 'avss'
    metric = AVSMetric('semantic' if semantic else 'binary', 71 if semantic else 1, count_padded)
    if scores:
        metric.dataset_meta = dataset.metainfo
        place_tables(metric, scores.parent)
    hook = MaskSavingHook(str(masks))
    runner = SimpleNamespace(
        test_dataloader=SimpleNamespace(dataset=dataset),
        test_loop=SimpleNamespace(evaluator=SimpleNamespace(metrics=[metric])),
        logger=MMLogger.get_current_instance(),
    )
    hook.before_test(runner)
    generator = torch.Generator().manual_seed(0)
    for index in range(len(dataset)):
        sample = predicted(dataset[index]['data_samples'], index, semantic, generator)
        metric.process(None, [sample.to_dict()])
        hook.after_test_iter(runner, 0, outputs=[sample])
    return metric.evaluate(len(dataset)), metric.protocol_facts


def result_of(folder):
    entry = json.loads((folder / 'results' / 'test.json').read_text())
    return entry, pd.read_csv(folder / 'results' / entry['scores'])


@pytest.fixture(params=list(KINDS))
def subset(request):
    return request.param


@pytest.mark.parametrize('size', [DISK, (40, 56), (10, 12)])
def test_same_numbers_as_the_test(tool, tmp_path, subset, size):
    root = KINDS[subset][1](tmp_path)
    masks, table = tmp_path / 'masks', tmp_path / 'scores.csv'
    metrics, facts = run_test(dataset_of(subset, root, size), subset, masks, table)
    finished = tool('score_masks', masks, '--subset', subset, '--data-root', root)
    assert finished.code == 0, finished.err
    assert 'scored as test.sh did' in finished.out
    entry, _ = result_of(masks)
    assert entry['metrics'] == metrics and entry['protocol'] == facts
    assert entry['protocol']['sizes'] == [f'{size[1]}x{size[0]}']
    for name in ('scores', 'confusion') if subset == 'avss' else ('scores',):
        ours = table.with_stem(name).read_text()
        assert (masks / 'results' / entry[name]).read_text() == ours
    assert (entry['subset'], entry['data']['split']) == (subset, 'test')


def test_padded_frames_as_in_the_test(tool, tmp_path):
    root = dataset_trees.make_avss(tmp_path)
    metrics, _ = run_test(dataset_of('avss', root), 'avss', tmp_path / 'masks', count_padded=False)
    words = ('score_masks', tmp_path / 'masks', '--subset', 'avss', '--data-root', root)
    assert tool(*words).code == 0
    assert result_of(tmp_path / 'masks')[0]['metrics'] == metrics
    assert tool(*words, '--count-padded').code == 0
    assert result_of(tmp_path / 'masks')[0]['metrics']['frames_padded'] == 5


def test_masks_alone_give_the_same_iou(tool, tmp_path, subset):
    """Without what the test has left: what depends on masks is the same."""
    root = KINDS[subset][1](tmp_path)
    masks = tmp_path / 'masks'
    metrics, _ = run_test(dataset_of(subset, root), subset, masks)
    for path in masks.rglob('*.png'):
        with Image.open(path) as image:
            bare = image.copy()
        bare.save(path)
    assert tool('score_masks', masks, '--subset', subset, '--data-root', root).code == 0
    entry, table = result_of(masks)
    same = [name for name in metrics if 'IoU' in name or 'F_mask' in name or subset == 'avss']
    assert len(same) > 4
    assert {name: entry['metrics'][name] for name in same} == {n: metrics[n] for n in same}
    assert not entry['as_tested']
    if subset != 'avss':
        assert entry['protocol']['f_from'] == 'masks'
        assert table.IoU.mean() == pytest.approx(metrics['mIoU'], abs=1e-8)


def copy_as(masks, out, rename):
    for path in masks.rglob('*.png'):
        target = out / rename(*path.relative_to(masks).parts)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, target)
    return out


PUBLISHED = {
    # AVSBench, AVSegFormer and MED-VT count from 0; the frames of S4 and MS3 from 1
    's4': lambda cat, vid, file: f'{cat}/{vid}/{vid}_{int(file[-5]) - 1}.png',
    'ms3': lambda vid, file: f'{vid}/{vid}_{int(file[-5]) - 1}.png',
    'avss': lambda label, uid, file: f'{uid}/{uid}_{file}',
}
LABELS = {
    's4': lambda cat, vid, file: f's4_data/gt_masks/test/{cat}/{vid}/{file}',
    'ms3': lambda vid, file: f'test/{vid}/{vid}_{file[-5]}.png',
    'avss': lambda label, uid, file: f'{label}/{uid}/labels_rgb/{file}',
}


@pytest.mark.parametrize('layout', ['published', 'below pred_masks', 'labels'])
def test_published_layouts(tool, tmp_path, subset, layout):
    root = KINDS[subset][1](tmp_path)
    metrics, _ = run_test(dataset_of(subset, root), subset, tmp_path / 'masks')
    rename = (LABELS if layout == 'labels' else PUBLISHED)[subset]
    folder = copy_as(tmp_path / 'masks', tmp_path / 'renamed' / 'pred_masks', rename)
    folder = folder.parent if layout == 'below pred_masks' else folder
    finished = tool('score_masks', folder, '--subset', subset, '--data-root', root)
    assert finished.code == 0, finished.err
    assert result_of(folder)[0]['metrics'] == metrics


def constant(path, value, size=DISK):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full(size, value, np.uint8)).save(path)


def s4_masks(tmp_path, value=0, size=DISK):
    root = dataset_trees.make_s4(tmp_path)
    for number in range(5):
        constant(tmp_path / f'masks/dog_barking/d/d_{number}.png', value, size)
    return root, tmp_path / 'masks'


class TestErrors:
    def score(self, tool, folder, root, *words, subset='s4'):
        return tool('score_masks', folder, '--subset', subset, '--data-root', root, *words)

    def test_missing_frames(self, tool, tmp_path):
        root, masks = s4_masks(tmp_path)
        (masks / 'dog_barking/d/d_3.png').unlink()
        finished = self.score(tool, masks, root)
        assert finished.code == 2 and '1 of 5 masks are missing: dog_barking/d/d_3' in finished.err
        assert not (masks / 'results').exists()
        finished = self.score(tool, masks, root, '--missing', 'background')
        assert finished.code == 0 and 'background was scored in their place' in finished.out
        entry, table = result_of(masks)
        assert entry['frames_missing'] == 1 and table.missing.tolist() == [0, 0, 0, 1, 0]

    def test_size(self, tool, tmp_path):
        root, masks = s4_masks(tmp_path, 255, (12, 16))
        finished = self.score(tool, masks, root)
        assert finished.code == 2 and '16 x 12 pixels, but the label' in finished.err
        assert '--at labels' in finished.err
        for at, size in (('labels', [24, 32]), ('masks', [12, 16])):
            assert self.score(tool, masks, root, '--at', at).code == 0
            table = result_of(masks)[1]
            assert table[['height', 'width']].drop_duplicates().values.tolist() == [size]
            assert (table.predicted == size[0] * size[1]).all()

    def test_class_past_70(self, tool, tmp_path):
        root = dataset_trees.make_avss(tmp_path)
        for number in range(5):
            constant(tmp_path / f'masks/v1m/four_0_5000/{number}.png', 71)
        finished = self.score(tool, tmp_path / 'masks', root, subset='avss')
        assert finished.code == 2 and 'class indices are 0 to 70' in finished.err
        assert '0.png' in finished.err and 'from the download' not in finished.err

    def test_names(self, tool, tmp_path):
        root, _ = s4_masks(tmp_path)
        constant(tmp_path / 'other/x.png', 0)
        finished = self.score(tool, tmp_path / 'other', root)
        assert finished.code == 2 and 'no PNG has the name of a mask' in finished.err
        constant(tmp_path / 'two/dog_barking/d/d_1.png', 0)
        finished = self.score(tool, tmp_path / 'two', root, '--missing', 'background')
        assert finished.code == 2 and 'can be understood as' in finished.err
        words = ('--missing', 'background', '--layout', '{clip_id}/{name}_{index}.png')
        assert self.score(tool, tmp_path / 'two', root, *words).code == 0
        assert result_of(tmp_path / 'two')[1].missing.tolist() == [1, 0, 1, 1, 1]
        finished = self.score(tool, tmp_path / 'two', root, '--layout', '{clip}/x.png')
        assert finished.code == 2 and 'no field clip; there are clip_id' in finished.err
        finished = self.score(tool, tmp_path / 'nowhere', root)
        assert finished.code == 2 and 'no such folder' in finished.err

    def test_greys_are_no_masks(self, tool, tmp_path):
        root, masks = s4_masks(tmp_path)
        ramp = np.arange(24 * 32, dtype=np.uint16).reshape(24, 32) // 3
        Image.fromarray(ramp.astype(np.uint8)).save(masks / 'dog_barking/d/d_2.png')
        finished = self.score(tool, masks, root)
        assert finished.code == 2 and '--probabilities' in finished.err

    def test_masks_of_tests_and_others_are_not_mixed(self, tool, tmp_path):
        root = dataset_trees.make_s4(tmp_path)
        run_test(dataset_of('s4', root), 's4', tmp_path / 'masks')
        constant(tmp_path / 'masks/dog_barking/d/d_4.png', 255)
        finished = self.score(tool, tmp_path / 'masks', root)
        assert finished.code == 2 and 'some masks say what test.sh has scored' in finished.err
        assert self.score(tool, tmp_path / 'masks', root, '--at', 'labels').code == 0


def test_probabilities_of_another_folder(tool, tmp_path):
    """8 bits hold all that F reads; a level is the number of thresholds that are reached."""
    root = dataset_trees.make_s4(tmp_path)
    metrics, _ = run_test(dataset_of('s4', root), 's4', tmp_path / 'masks')
    probs = predicted(
        dataset_of('s4', root)[0]['data_samples'], 0, False, torch.Generator().manual_seed(0)
    ).seg_logits.sigmoid()[:, 0]
    thresholds = np.arange(255) / 254
    thresholds = thresholds.astype(np.float32)
    maps, both = tmp_path / 'maps', tmp_path / 'both'
    for number, frame in enumerate(probs.nan_to_num(nan=0).numpy()):
        level = (frame[..., None] >= thresholds).sum(-1).astype(np.uint8)
        constant(maps / f'd/d_{number}.png', 0)
        Image.fromarray(level).save(maps / f'd/d_{number}.png')
    words = ('--subset', 's4', '--data-root', root)
    finished = tool('score_masks', tmp_path / 'masks', *words, '--probabilities', maps)
    assert finished.code == 0, finished.err
    entry = result_of(tmp_path / 'masks')[0]
    assert entry['protocol']['f_from'] == 'probabilities'
    nan = {'frames_nan'}  # is no probability in a PNG of others
    assert {k: v for k, v in entry['metrics'].items() if k not in nan} == pytest.approx(
        {k: v for k, v in metrics.items() if k not in nan}, abs=1e-12
    )
    shutil.copytree(maps, both)
    assert tool('score_masks', both, *words, '--probabilities').code == 0
    assert result_of(both)[0]['metrics']['F_all'] == entry['metrics']['F_all']


def test_colours_and_padding_of_avss(tool, tmp_path):
    root = dataset_trees.make_avss(tmp_path)
    folder = tmp_path / 'masks'
    labels = dataset_trees.avss_labels(5)
    for number in range(10):  # the published code saves the frames that it adds, too
        label = labels[number] if number < 5 else np.zeros_like(labels[0])
        path = folder / f'four_0_5000/four_0_5000_{number}.png'
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(palette()[label]).save(path)
    words = ('--subset', 'avss', '--data-root', root)
    finished = tool('score_masks', folder, *words)
    assert finished.code == 0, finished.err
    assert '5 other PNGs' in finished.out
    entry, table = result_of(folder)
    assert entry['metrics']['mIoU_present'] == pytest.approx(1)
    assert table.padded.tolist() == [0] * 5 + [1] * 5
    assert table.classes[1] == '0 2 70' and table.sources[1] == 2
    assert tool('score_masks', folder, *words, '--no-count-padded').code == 0
    assert result_of(folder)[1].padded.tolist() == [0] * 5

    mixed = palette()[labels[0]].astype(int)
    mixed[mixed > 0] -= 9
    Image.fromarray(mixed.astype(np.uint8)).save(folder / 'four_0_5000/four_0_5000_0.png')
    finished = tool('score_masks', folder, *words)
    assert finished.code == 2 and '--nearest-colour' in finished.err
    assert tool('score_masks', folder, *words, '--nearest-colour').code == 0
    assert result_of(folder)[0]['metrics'] == entry['metrics']
