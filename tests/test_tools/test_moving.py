"""tools/synthetic.py moving: what it runs, and when it is content."""

import json
from pathlib import Path

import pytest

from avsbench.commands.synthetic import moving
from avsbench.commands.synthetic.moving import Run

CEILINGS = {
    'single_frame': {'mIoU': 0.3, 'bound_mIoU': 0.4},
    'order_blind': {'mIoU': 0.7},
}


@pytest.fixture
def commands(monkeypatch) -> list[tuple[str, ...]]:
    """The commands, which write made-up results instead of running."""
    called: list[tuple[str, ...]] = []

    def run_script(verb: str, *arguments: str, log: Path) -> None:
        called.append((verb, *arguments))
        if verb == 'test':
            results = Path(arguments[arguments.index('--work-dir') + 1], 'results')
            results.mkdir(parents=True)
            order = log.parent.name
            score = {'natural': 0.8, 'frozen': 0.35, 'shuffled': 0.6}[order]
            (results / 'test.json').write_text(json.dumps({'metrics': {'mIoU': score}}))

    monkeypatch.setattr(moving, 'run_script', run_script)
    monkeypatch.setattr(
        moving, 'load_ceilings', lambda root: dict.fromkeys(('val', 'test'), CEILINGS)
    )
    return called


def test_trains_once_and_tests_wherever_the_weights_are_tested(commands, tmp_path) -> None:
    runs = list(moving.move('davis', 'medvt_demo.py', 3, tmp_path))
    assert [run.subset for run in runs] == ['davis', 'moca', 'youtube_objects']
    assert [call[0] for call in commands] == ['train', *['test'] * 9]
    assert 'randomness.seed=3' in commands[0]
    orders = [
        word.rpartition('=')[2] for call in commands for word in call if 'frame_order' in word
    ]
    assert orders == ['natural', 'frozen', 'shuffled'] * 3
    assert runs[0].scores == {'natural': 0.8, 'frozen': 0.35, 'shuffled': 0.6}
    assert runs[0].ceilings == {'frozen': 0.4, 'shuffled': 0.7}


def test_vspw_is_tested_on_a_window_of_each_frame(commands, tmp_path) -> None:
    list(moving.move('vspw', 'medvt_demo.py', 0, tmp_path))
    tests = [call for call in commands if call[0] == 'test']
    assert all('test_dataloader.dataset.windows=centre' in call for call in tests)


@pytest.mark.parametrize(
    ('natural', 'frozen', 'shuffled', 'passed'),
    [
        (0.5, 0.4, 0.7, True),
        (0.49, 0.4, 0.7, False),
        (0.9, 0.41, 0.7, False),
        (0.9, 0, 0.71, False),
    ],
)
def test_passes_above_the_ceiling_and_not_without_motion(natural, frozen, shuffled, passed) -> None:
    scores = {'natural': natural, 'frozen': frozen, 'shuffled': shuffled}
    run = Run('a2d', 'a2d', 0, 1.0, scores, {'frozen': 0.4, 'shuffled': 0.7})
    assert moving._passed(run) == passed
