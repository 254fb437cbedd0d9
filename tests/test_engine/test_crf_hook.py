"""The hook that refines the masks of a test: where its maps are, and what it adds."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from mmengine.logging import MMLogger
from PIL import Image

from avsbench.engine.hooks import CRFHook, MaskSavingHook
from avsbench.evaluation import DAVISMetric, MoCAMetric
from avsbench.structures import AVSDataSample
from avsbench.utils.errors import ConfigError

SIZE = (10, 14)


class Frames:
    """A data set of the frames of one video."""

    metainfo = {'result_layout': 'avos'}

    def __init__(self, root: Path) -> None:
        self.infos, self.samples = [], []
        rng = np.random.default_rng(1)
        for index in range(3):
            image, mask = root / f'{index:05d}.jpg', root / f'{index:05d}.png'
            pixels = rng.integers(0, 60, (*SIZE, 3), dtype=np.uint8)
            pixels[:, :6] += 150
            Image.fromarray(pixels).save(image, format='PNG')
            truth = np.zeros(SIZE, np.uint8)
            truth[:, :6] = 255
            Image.fromarray(truth).save(mask)
            meta = dict(video='bear', frame_idx=[index], frame_paths=[str(image)])
            self.infos.append(meta | dict(mask_paths=[str(mask)], kept=None))
            meta |= dict(clip_id=f'bear/{index}', sample_idx=index, ori_shape=SIZE)
            sample = AVSDataSample(metainfo=meta)
            every = torch.ones(1, dtype=torch.bool)
            sample.frame_valid, sample.gt_valid = every, every.clone()
            sample.seg_probs = torch.from_numpy(truth / 400 + 0.3 * rng.random(SIZE))[None, None]
            sample.pred_masks = (sample.seg_probs[:, 0] > 0.5).byte()
            self.samples.append(sample)

    def __len__(self) -> int:
        return len(self.infos)

    def get_data_info(self, index: int) -> dict:
        return self.infos[index]


@pytest.fixture
def runner(tmp_path):
    dataset = Frames(tmp_path)
    return SimpleNamespace(
        test_dataloader=SimpleNamespace(dataset=dataset),
        test_loop=SimpleNamespace(evaluator=SimpleNamespace(metrics=[DAVISMetric()])),
        logger=MMLogger.get_current_instance(),
        hooks=[],
    )


def run(runner, *hooks) -> dict[str, float]:
    """A test with one sample in each step."""
    runner.hooks = list(hooks)
    metrics = {'mIoU': 0.5}
    for hook in hooks:
        hook.before_test(runner)
    for step, sample in enumerate(runner.test_dataloader.dataset.samples):
        for hook in hooks:
            hook.after_test_iter(runner, step, None, [sample])
    for hook in hooks:
        hook.after_test_epoch(runner, metrics)
    for hook in hooks:
        hook.after_test(runner)
    return metrics


def test_scores_join_those_of_the_test_and_masks_lie_beside_the_maps(runner, tmp_path) -> None:
    out = tmp_path / 'out'
    kept = run(runner, MaskSavingHook(str(out)), CRFHook(str(out), workers=1))
    assert kept['mIoU'] == 0.5 and 0.9 < kept['crf/mIoU'] <= 1 and kept['crf/frames'] == 3
    assert {'crf/J_mean', 'crf/F_mean'} <= set(kept)
    masks = sorted(path.name for path in (out / 'crf_mask' / 'bear').iterdir())
    assert masks == ['00000.png', '00001.png', '00002.png']
    hook = CRFHook(workers=1, prefix='refined')
    removed = run(runner, hook)
    assert removed['refined/mIoU'] == kept['crf/mIoU']
    assert not Path(hook._saver.out_dir).exists()


def test_mistakes_show_before_the_test(runner, tmp_path) -> None:
    with pytest.raises(ConfigError, match='no MaskSavingHook writes to'):
        run(runner, CRFHook(str(tmp_path / 'out')))
    runner.test_dataloader.dataset.metainfo = {'result_layout': 'moca'}
    with pytest.raises(ConfigError, match="has no images of the kind 'probability'"):
        run(runner, CRFHook())
    runner.test_loop.evaluator.metrics = [MoCAMetric()]
    with pytest.raises(ConfigError, match=r'CRFHook \(--crf\).*no DAVISMetric'):
        run(runner, CRFHook())
