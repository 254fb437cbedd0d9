"""MED-VT's label propagation: its modes, and the memory it takes."""

import pytest
import torch
import torch.nn.functional as F
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from avsbench.systems.medvt.label_propagation import LabelPropagation
from avsbench.systems.medvt.predictors import PropagatingPredictor
from avsbench.utils.errors import ConfigError


class LargestTensor(TorchDispatchMode):
    """Records the number of elements of the largest tensor that an operation returns."""

    elements = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        result = func(*args, **(kwargs or {}))
        sizes = [leaf.numel() for leaf in tree_leaves(result) if isinstance(leaf, torch.Tensor)]
        self.elements = max(self.elements, *sizes, 0)
        return result


class TestMemory:
    frames, side, channels = 6, 10, 24
    length = frames * side**2  # L = 600

    def test_no_matrix_of_all_pairs_of_tokens(self) -> None:
        torch.manual_seed(0)
        module = LabelPropagation(self.channels, 1, key_channels=16)
        labels = torch.randn(self.frames, 16, self.side, self.side, requires_grad=True)
        feature = torch.randn(self.frames, self.channels, self.side, self.side, requires_grad=True)
        with LargestTensor() as found:
            module.propagate(labels, feature).square().sum().backward()
        assert feature.grad is not None
        # The tokens themselves; a matrix of one frame's tokens and those of the others is larger.
        assert found.elements == self.channels * self.length
        assert found.elements < self.side**2 * (self.length - self.side**2) / 3

    def test_the_published_formulation_would_be_noticed(self) -> None:
        keys = torch.randn(self.length, self.channels)
        with LargestTensor() as found:
            F.softmax(keys @ keys.T, -1)
        assert found.elements == self.length**2


class TestLastFrameOnly:
    def propagation(self, **options) -> LabelPropagation:
        torch.manual_seed(0)
        return LabelPropagation(6, 2, label_scale=8, label_targets='last', **options).eval()

    def test_other_frames_keep_their_logits(self) -> None:
        module = self.propagation()
        logits, feature = torch.randn(3, 2, 6, 6), torch.randn(3, 6, 6, 6)
        with torch.no_grad():
            result = module(logits, feature, (3,))
        assert result.shape == logits.shape
        assert torch.equal(result[:2], logits[:2])
        assert not torch.allclose(result[2], logits[2])

    def test_its_encoded_label_is_averaged_with_that_of_the_others(self) -> None:
        module = self.propagation()
        logits, feature = torch.randn(4, 2, 6, 6), torch.randn(4, 6, 6, 6)
        with torch.no_grad():
            result = module(logits, feature, (4,))
            labels = module.encoder(F.interpolate(logits, scale_factor=8))
            mixed = module.propagate(labels, feature)
            everyone = LabelPropagation(6, 2).eval()
            everyone.load_state_dict(module.state_dict())
            # As the last one of all frames, whose other frames are those before it.
            torch.testing.assert_close(mixed, everyone.propagate(labels, feature)[-1:])
            decoded = module.decode((mixed + labels[-1:]) / 2)
        enlarged = F.interpolate(decoded, logits.shape[2:])
        torch.testing.assert_close(result[-1:], (logits[-1:] + enlarged) / 2)

    def test_it_is_an_option_of_the_predictor(self) -> None:
        torch.manual_seed(0)
        options = dict(in_channels=8, num_classes=1, channels=(8, 8, 8))
        predictor = PropagatingPredictor(**options, label_targets='last').eval()
        maps = torch.randn(5, 8, 6, 6)
        with torch.no_grad():
            direct, result = predictor.convolve(maps, (3, 2)), predictor(maps, (3, 2))
        unchanged = [torch.equal(a, b) for a, b in zip(direct, result, strict=True)]
        assert unchanged == [True, True, False, True, False]
        off = PropagatingPredictor(**options, label_scale=None)
        assert torch.equal(off(maps, (3, 2)), off.convolve(maps, (3, 2)))
        with pytest.raises(ConfigError, match="label_targets='lst'.*did you mean 'last'"):
            PropagatingPredictor(**options, label_targets='lst')
