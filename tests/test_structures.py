import pytest
import torch
from torch.utils.data._utils.pin_memory import pin_memory

from avsbench.structures import AVSDataSample


def test_masks_at_another_size_come_from_what_there_is() -> None:
    logits = torch.tensor([-3.0, 1.0]).view(1, 1, 1, 2)
    by_logits = AVSDataSample(seg_logits=logits, pred_masks=(logits[:, 0] > 0).byte())
    by_probs = AVSDataSample(seg_probs=logits.sigmoid(), pred_masks=(logits[:, 0] > 0).byte())
    # Between the centres, a weak foreground loses more of the logit's way than of the
    # probability's: 0.05 to 0.73 crosses one half earlier than -3 to 1 crosses zero.
    assert by_logits.masks_at((1, 20)).sum() < by_probs.masks_at((1, 20)).sum() < 10
    assert by_logits.masks_at((1, 2)) is by_logits.pred_masks
    several = AVSDataSample(
        seg_probs=torch.rand(1, 3, 1, 2), pred_masks=torch.tensor([[[2, 1]]]).byte()
    )
    assert several.masks_at((2, 4))[0].tolist() == [[2, 2, 1, 1]] * 2
    assert (by_probs.num_classes, several.num_classes) == (1, 3)


def test_loaders_pin_the_tensors_of_a_sample(monkeypatch: pytest.MonkeyPatch) -> None:
    """PyTorch's loader leaves what has no `pin_memory` as it is: copies to a GPU then wait."""
    pinned = []
    monkeypatch.setattr(torch.Tensor, 'pin_memory', lambda self: pinned.append(self) or self + 1)
    sample = AVSDataSample(gt_masks=torch.zeros(2, 4, 4), metainfo={'clip_id': 'a'})
    batch = pin_memory({'inputs': [torch.zeros(1)], 'data_samples': [sample]})
    (copy,) = batch['data_samples']
    assert isinstance(copy, AVSDataSample) and copy.clip_id == 'a'
    assert len(pinned) == 2 and copy.gt_masks.min() == 1 and sample.gt_masks.max() == 0
