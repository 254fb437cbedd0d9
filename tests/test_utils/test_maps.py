import pytest
import torch

from avsbench.utils.maps import argmax_classes, decide, foreground, probabilities, resize


def test_resizing_takes_the_mode_and_leaves_what_fits() -> None:
    maps = torch.tensor([[[[0.0, 4.0]]]])
    assert resize(maps, (1, 2)) is maps
    assert resize(maps, (1, 4)).flatten().tolist() == [0, 1, 3, 4]
    labels = torch.tensor([[[[1, 7]]]], dtype=torch.uint8)
    assert resize(labels, (2, 4), 'nearest')[0, 0].tolist() == [[1, 1, 7, 7]] * 2


def test_probabilities_of_one_class_and_of_several() -> None:
    logits = torch.randn(2, 3, 4, 5)
    torch.testing.assert_close(probabilities(logits).sum(1), torch.ones(2, 4, 5))
    torch.testing.assert_close(probabilities(logits[:, :1]), logits[:, :1].sigmoid())


def test_decision() -> None:
    one = torch.tensor([-1.0, 0.0, 1e-3, float('nan')]).view(1, 1, 1, 4)
    assert decide(one).dtype == torch.uint8
    assert decide(one).flatten().tolist() == [0, 0, 1, 0]  # 0.5 itself is not foreground
    several = torch.tensor([[0.2, 0.5], [0.7, 0.5], [0.1, 0.4]]).view(1, 3, 1, 2)
    assert decide(several).flatten().tolist() == [1, 0]
    assert foreground(torch.tensor([0.2, 0.3]), 0.25).tolist() == [0, 1]


def test_probabilities_are_decided_as_they_are_and_the_threshold_may_count() -> None:
    maps = torch.tensor([0.2, 0.5, 0.6]).view(1, 1, 1, 3)
    assert decide(maps, are_logits=False).flatten().tolist() == [0, 0, 1]
    assert decide(maps, are_logits=False, inclusive=True).flatten().tolist() == [0, 1, 1]
    assert decide(maps - 0.5, inclusive=True).flatten().tolist() == [0, 1, 1]


@pytest.mark.parametrize('dtype', [torch.float32, torch.float64, torch.bfloat16, torch.float16])
@pytest.mark.parametrize('shape', [(2, 71, 9, 11), (1, 1, 4, 4), (1, 256, 3, 3), (1, 5, 300, 400)])
def test_argmax_equals_torch(shape, dtype):
    logits = torch.randn(shape, generator=torch.Generator().manual_seed(0)).to(dtype)
    labels = argmax_classes(logits)
    assert labels.dtype == torch.uint8
    assert torch.equal(labels.long(), logits.argmax(1))


def test_argmax_of_ties_is_the_lowest_class():
    logits = torch.randint(0, 3, (3, 9, 16, 16), generator=torch.Generator().manual_seed(0)).float()
    first = (logits == logits.amax(1, keepdim=True)).int().argmax(1)
    assert torch.equal(argmax_classes(logits).long(), first)
    assert (argmax_classes(torch.zeros(2, 71, 4, 4)) == 0).all()


def test_argmax_of_infinities_and_nan_equals_torch():
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(4, 7, 16, 16, generator=generator)
    for value in (float('nan'), float('inf'), -float('inf')):
        logits[torch.rand(logits.shape, generator=generator) < 0.1] = value
    logits[3] = -float('inf')
    assert torch.equal(argmax_classes(logits).long(), logits.argmax(1))


@pytest.mark.parametrize('layout', ['channels_last', 'transposed', 'needs grad'])
def test_argmax_of_other_layouts(layout):
    logits = torch.randn(2, 7, 12, 16, generator=torch.Generator().manual_seed(0))
    if layout == 'channels_last':
        logits = logits.contiguous(memory_format=torch.channels_last)
    elif layout == 'transposed':
        logits = logits.transpose(2, 3)
    else:
        logits.requires_grad_()
    assert torch.equal(argmax_classes(logits).long(), logits.argmax(1))


def test_argmax_refuses_more_classes_than_fit():
    with pytest.raises(ValueError, match='257 classes'):
        argmax_classes(torch.zeros(1, 257, 2, 2))
