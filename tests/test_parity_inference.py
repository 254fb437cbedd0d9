"""The check of tests on videos reads everything from its fixture, and fails where it should."""

import json
import shutil
from pathlib import Path

import pytest
import torch

from avsbench.models import TestTimeAugmentation
from avsbench.parity import check_fixture, video_inference
from avsbench.parity.fixture import Fixture
from avsbench.utils.errors import DataError

FOLDER = Path(__file__).parent / 'parity'
NAME = 'video_inference'


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    """The fixture, beside that of its tree, where it may be changed."""
    for name in (f'{NAME}.json', f'{NAME}.npz', 'video_data.json', 'video_data.npz', 'seeded.py'):
        shutil.copy(FOLDER / name, tmp_path)
    return tmp_path / f'{NAME}.json'


def failures(path: Path, content: dict) -> set[str]:
    path.write_text(json.dumps(content))
    return {row.name for row in check_fixture(path) if not row.passed}


def test_the_network_gets_the_recorded_sizes(monkeypatch) -> None:
    fixture = Fixture(FOLDER / f'{NAME}.json')
    seen = []
    call = video_inference.StandIn.__call__

    def recording(network: video_inference.StandIn, clip: torch.Tensor) -> torch.Tensor:
        seen.append(list(clip.shape[-2:]))
        return call(network, clip)

    monkeypatch.setattr(video_inference.StandIn, '__call__', recording)
    for settings in fixture.content['runs'].values():
        seen.clear()
        video_inference._augmented(fixture, settings)
        # The record of the last run goes on with the sizes of the whole tests.
        assert seen and settings['network_input_sizes'][: len(seen)] == seen


def test_entries_are_read(copied) -> None:
    content = json.loads(copied.read_text())
    content['runs']['moca'] |= {'flip_gather': 'mean'}
    content['runs']['davis_resnet']['scales'][0] = 0.7
    content['runs']['davis_single_scale']['target_size'] = [33, 234]
    content['output_files']['davis'].remove('bin_mask/beta/00003.png')
    content['summary']['ytbo_csv'][1][0] = '0.192'
    content['summary']['moca_csv'][1][-1] = '2'
    content['summary']['davis']['gamma'] = 0.5
    assert failures(copied, content) == {
        'moca.prob',
        'davis_resnet.prob',
        'davis_single_scale.prob (shape [6, 33, 234], stored [6, 66, 117])',
        'davis: names',
        'ytbo: youtube_objects_results.csv: cells',
        'moca: MoCA_results.csv: cells',
        'davis.gamma (not computed)',
    }


def test_the_size_of_frames_is_read(copied) -> None:
    content = json.loads(copied.read_text())
    content['val_size'] -= 4
    failed = failures(copied, content)
    assert {'davis.file.logits/alpha/00000.png (99.5%)', 'moca.file.crab_1/00000.png'} <= {
        name.split(' (shape')[0] for name in failed
    }
    assert not any(name.endswith('.prob') for name in failed)


def test_a_wrong_join_fails(copied, monkeypatch) -> None:
    init = TestTimeAugmentation.__init__

    def only_mean(self: TestTimeAugmentation, *args, **kwargs) -> None:
        init(self, *args, **kwargs | {'flip_join': 'mean'})

    monkeypatch.setattr(TestTimeAugmentation, '__init__', only_mean)
    failed = {row.name.split(' (')[0] for row in check_fixture(copied) if not row.passed}
    assert {'youtube_objects.prob', 'moca.prob', 'moca_msc_main.prob'} <= failed
    assert 'ytbo.file.logits/cat/data/0007/shots/001/frame0001.png' in failed
    assert not any(name.startswith('davis') for name in failed)


def test_a_network_in_other_words_is_an_error(copied) -> None:
    content = json.loads(copied.read_text())
    content['stand_in_network'] = 'y = x'
    with pytest.raises(DataError, match="stand_in_network is not understood: 'y = x'"):
        failures(copied, content)
