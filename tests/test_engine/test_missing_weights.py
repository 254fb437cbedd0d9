"""Pretrained weights that are not there: they stop a training, unless a checkpoint has them."""

from pathlib import Path

import pytest
from mmengine.model import BaseModule

from avsbench.checkpoint import pretrained
from avsbench.checkpoint.pretrained import PretrainedPart
from avsbench.utils.errors import CheckpointError


class Pretrained(PretrainedPart, BaseModule):
    """A part that starts from a file which is not there."""

    def __init__(self) -> None:
        super().__init__()
        self.weights, self.require_weights = 'pretrained/none.pth', True

    def init_weights(self) -> None:
        self.load_pretrained(self, 'part')


def test_a_checkpoint_stands_for_missing_pretrained_weights(build_toy, monkeypatch) -> None:
    printed: list[str] = []
    monkeypatch.setattr(pretrained, 'print_log', lambda text, *_, **__: printed.append(text))

    def run(name: str, **keys) -> None:
        runner = build_toy(name, **keys)
        runner.model.part = Pretrained()
        runner.train()

    with pytest.raises(CheckpointError, match=r"no file 'pretrained/none.pth'"):
        run('first')
    build_toy('first', overwrite=True).train()
    checkpoint = str(Path(build_toy('unused').work_dir).parent / 'first' / 'epoch_3.pth')
    run('second', load_from=checkpoint)
    run('second', resume=True)
    assert printed == ["part: no file 'pretrained/none.pth'; a checkpoint brings them"] * 2
