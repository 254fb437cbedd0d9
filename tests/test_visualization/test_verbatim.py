"""Names with dollar signs are names, not formulas, in every figure."""

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
import torch
from matplotlib.text import Text

from avsbench.analysis.run_logs import RunLog
from avsbench.structures import AVSDataSample
from avsbench.visualization import AVSLocalVisualizer, ClipView
from avsbench.visualization.curves import draw_curves
from avsbench.visualization.video_sheet import draw_areas

NAMES = ('A$AP_-_L$D_1', 'x_$_$', r'50$ and \$5$')


def clip_sheet(name: str) -> None:
    sample = AVSDataSample(metainfo={'clip_id': name})
    sample.pred_masks = torch.full((1, 16, 16), 2, dtype=torch.uint8)
    visualizer = AVSLocalVisualizer()
    visualizer.dataset_meta = dict(palette=np.eye(3) * 255, classes=('background', 'a', name))
    visualizer.draw([ClipView(np.zeros((1, 16, 16, 3), np.uint8), sample, labels=[name])])


def curves(name: str) -> None:
    table = pd.DataFrame({name: [1.0, 2.0], 'epoch': [1, 2]})
    run = RunLog(name, table, table, by_epoch=True)
    draw_curves([run], [name]).canvas.draw()


def areas(name: str) -> None:
    draw_areas([0], {name: [0.5]}, 1, colours={name: (1, 2, 3)})


@pytest.mark.parametrize('name', NAMES)
@pytest.mark.parametrize('draw', [clip_sheet, curves, areas])
def test_names_are_drawn_as_they_are(
    draw: Callable, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = []
    parse = Text._preprocess_math

    def keep(self: Text, text: str) -> tuple[str, object]:
        found.append(parse(self, text))
        return found[-1]

    monkeypatch.setattr(Text, '_preprocess_math', keep)
    draw(name)
    assert (name, False) in found  # whole, and no formula
    assert not any(formula is True for _, formula in found)
