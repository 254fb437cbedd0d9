import torch

from avsbench.models import BinaryCrossEntropyLoss, CrossEntropyLoss, DiceLoss


def test_dice_by_hand() -> None:
    logits = torch.tensor([[[[0.0, 20.0]]]])
    targets = torch.tensor([[[0, 1]]])
    expected = 1 - 2 * 1.0 / (0.25 + 1.0 + 1e-3 + 1.0 + 1e-3)
    torch.testing.assert_close(float(DiceLoss()(logits, targets)), expected, atol=1e-6, rtol=0)
    torch.testing.assert_close(
        float(DiceLoss(loss_weight=0.1)(logits, targets)), expected / 10, atol=1e-6, rtol=0
    )


def test_dice_is_a_mean_over_pictures_not_over_the_batch() -> None:
    torch.manual_seed(0)
    logits, targets = torch.randn(3, 1, 4, 4), torch.randint(0, 2, (3, 4, 4))
    each = torch.stack([DiceLoss()(logits[i : i + 1], targets[i : i + 1]) for i in range(3)])
    torch.testing.assert_close(DiceLoss()(logits, targets), each.mean())


def test_dice_of_an_empty_target_is_one_without_gradient() -> None:
    logits = torch.randn(1, 1, 4, 4, requires_grad=True)
    loss = DiceLoss()(logits, torch.zeros(1, 4, 4))
    loss.backward()
    assert float(loss.detach()) == 1
    assert logits.grad.abs().max() == 0


def test_binary_cross_entropy_by_hand() -> None:
    loss = BinaryCrossEntropyLoss(loss_weight=2.0)(torch.zeros(1, 1, 2, 2), torch.ones(1, 2, 2))
    torch.testing.assert_close(float(loss), 2 * 0.6931472, atol=1e-6, rtol=0)


def test_cross_entropy_weighs_classes() -> None:
    logits = torch.zeros(1, 2, 1, 2)
    logits[0, 1, 0, 0] = 3.0
    targets = torch.tensor([[[0, 1]]])
    plain = torch.nn.functional.cross_entropy(logits, targets)
    torch.testing.assert_close(CrossEntropyLoss()(logits, targets), plain)
    weighted = CrossEntropyLoss(class_weight=[1.0, 0.0])(logits, targets)
    torch.testing.assert_close(weighted, logits[0, :, 0, 0].logsumexp(0))
