from pathlib import Path

import pytest
from dataset_trees import make_avss, make_ms3, make_s4
from mmengine.registry import init_default_scope


@pytest.fixture(autouse=True)
def _scope() -> None:
    init_default_scope('avsbench')


@pytest.fixture
def s4_root(tmp_path: Path) -> Path:
    """S4 in its layout: four clips, audio as wav."""
    return make_s4(tmp_path)


@pytest.fixture
def ms3_root(tmp_path: Path) -> Path:
    """MS3 in its layout: three clips, audio as wav."""
    return make_ms3(tmp_path)


@pytest.fixture
def avss_root(tmp_path: Path) -> Path:
    """AVSS in its layout: four clips of 5 or 10 frames, labels as colours and as indices."""
    return make_avss(tmp_path)
