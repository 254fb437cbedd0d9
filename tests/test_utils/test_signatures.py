from dataclasses import dataclass

import pytest

from avsbench.utils.signatures import GatheringMeta, arguments, required_arguments


@dataclass(frozen=True)
class Size:
    height: int
    width: int = 3


class Part(metaclass=GatheringMeta):
    def __init__(self, size: Size, *, mode: str = 'a') -> None:
        self.size, self.mode = size, mode


def test_flat_keywords_are_gathered_into_the_dataclass() -> None:
    assert (Part(height=2).size, Part(height=2).mode) == (Size(2, 3), 'a')
    assert Part(height=2, width=5, mode='b').size == Size(2, 5)
    size = Size(1)
    assert Part(size).size is Part(size=size).size is size


class Later(metaclass=GatheringMeta):
    def __init__(self, size: 'Size') -> None:  # as after `from __future__ import annotations`
        self.size = size


def test_annotations_may_be_text() -> None:
    assert Later(height=2).size == Size(2)
    assert arguments(Later) == ({'height', 'width'}, False)


def test_wrong_keywords_stay_errors() -> None:
    with pytest.raises(TypeError, match="unexpected keyword argument 'hight'"):
        Part(height=2, hight=2)
    with pytest.raises(TypeError, match="missing 1 required positional argument: 'height'"):
        Part(mode='b')
    with pytest.raises(TypeError, match="unexpected keyword argument 'height'"):
        Part(Size(1), height=2)


def test_arguments_are_named_as_a_config_names_them() -> None:
    assert arguments(Part) == ({'height', 'width', 'mode'}, False)
    assert required_arguments(Part) == ['height']
