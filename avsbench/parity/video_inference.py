"""Running our test-time augmentation, and whole tests on videos, on fixtures of the published ones.

The network is a stand-in that a fixture describes: a convolution, and a mean with the next frame.
"""

import csv
import re
import tempfile
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import torch
import torch.nn.functional as F
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.logging import MMLogger
from mmengine.model import BaseModule
from PIL import Image
from torch import Tensor, nn

from avsbench.config.paths import config_file
from avsbench.engine.hooks import MaskSavingHook
from avsbench.evaluation.video import VideoMetric
from avsbench.evaluation.video.video_metric import Frames, by_video
from avsbench.models import (
    AVSDecodeHead,
    AVSegmentor,
    AVSHeadOutput,
    FrameTargets,
    HeadSizes,
    TestTimeAugmentation,
)
from avsbench.parity.data import write_entry
from avsbench.parity.fixture import Computed, Fixture, Limit, Row, flat
from avsbench.registry import CHECKERS, DATASETS, METRICS
from avsbench.utils.errors import DataError
from avsbench.utils.maps import resize

PROBABILITY = Limit(1e-5)
LEVELS = Limit(
    0.0, share=0.995, others=1.0
)  # pixels of 8 bits, of which some are rounded otherwise
MASKS = Limit(0.0, share=0.995)
IOU = Limit(5e-3)  # single pixels have a probability of about one half

# What a fixture calls a data set -> its config, and the folder of its tree.
DATA_SETS = {
    'davis': ('davis/medvt_swinb.py', 'DAVIS'),
    'ytbo': ('youtube_objects/medvt_swinb.py', 'YTO'),
    'moca': ('moca/medvt_swinb.py', 'MoCA'),
}
JOINS = {'mean': 'mean', 'max': 'maximum'}


@CHECKERS.register_module(name='video_inference')
def run(fixture: Fixture) -> Computed:
    """Compute every output of a fixture of tests on videos.

    Args:
        fixture: Its `runs` are settings of the augmentation. Its `output_files` are those of tests
            on the tree of the fixture `video_data`, which lies beside it, with shorter sides of
            `val_size` pixels.
    """
    computed = Computed()
    for name, settings in fixture.content['runs'].items():
        computed.outputs[f'{name}.prob'] = _augmented(fixture, settings)
        computed.limits[f'{name}.prob'] = PROBABILITY
    with tempfile.TemporaryDirectory() as folder:
        _write_tree(fixture, Path(folder))
        for name in fixture.content['output_files']:
            _compare_test(fixture, name, Path(folder), computed)
    stored = flat(fixture.content['summary'])
    computed.limits |= {name: IOU for name in computed.metrics if name in stored}
    return computed


class PassedFrames(BaseModule):
    """A backbone that passes the frames on."""

    in_channels = 3
    out_channels = [3]

    def forward(self, frames: Tensor) -> list[Tensor]:
        """Frames (N, 3, H, W) as the only level."""
        return [frames]


@dataclass(frozen=True)
class StandIn:
    """The stand-in network, with its weights.

    Attributes:
        weight: (1, 3, k, k), already scaled.
        bias: (1,).
        stride: Of the convolution.
        padding: Of the convolution.
        shares: Of a frame and of the next one in a frame's logits.
    """

    weight: Tensor
    bias: Tensor
    stride: int
    padding: int
    shares: tuple[float, float]

    def __call__(self, clip: Tensor) -> Tensor:
        """Logits (T, 1, h, w) of a clip (T, 3, H, W)."""
        maps = F.conv2d(clip, self.weight, self.bias, self.stride, self.padding)
        own, following = self.shares
        return own * maps + following * maps.roll(-1, 0)


class StandInHead(AVSDecodeHead):
    """Runs a stand-in network on each clip.

    Args:
        sizes: See `AVSDecodeHead`.
        network: The network.
    """

    def __init__(self, sizes: HeadSizes, network: StandIn) -> None:
        super().__init__(sizes)
        self.network = network
        self.anchor = nn.Parameter(torch.zeros(0))  # tells the device

    def forward(
        self,
        features: list[Tensor],
        audio: Tensor | None,
        clip_lengths: tuple[int, ...],
        frame_valid: Tensor | None = None,
    ) -> AVSHeadOutput:
        """Logits of each clip."""
        logits = torch.cat([self.network(clip) for clip in features[0].split(clip_lengths)])
        return AVSHeadOutput(logits=logits, clip_lengths=clip_lengths)

    def loss(self, output: AVSHeadOutput, targets: FrameTargets) -> dict[str, Tensor]:
        """Nothing is trained."""
        return {}

    def predict(self, output: AVSHeadOutput, img_shape: tuple[int, int]) -> Tensor:
        """Logits (N, 1, H, W)."""
        return resize(output.logits, img_shape)


def stand_in(fixture: Fixture) -> StandIn:
    """The network that a fixture describes in words.

    Raises:
        DataError: The words are not those of any known one.
    """
    text = fixture.content['stand_in_network']
    convolution = re.search(
        r'conv2d\(x, ([\d.]+) \* weight, bias, stride (\d+), padding (\d+)\)', text
    )
    mean = re.search(r't = ([\d.]+) y\[t\] \+ ([\d.]+) y\[\(t \+ 1\) mod T\]', text)
    if convolution is None or mean is None:
        raise DataError(f'{fixture.path}: stand_in_network is not understood: {text!r}')
    factor, stride, padding = convolution.groups()
    state = {key.rpartition('.')[2]: value for key, value in fixture.state_dict().items()}
    return StandIn(
        float(factor) * state['weight'],
        state['bias'],
        int(stride),
        int(padding),
        (float(mean[1]), float(mean[2])),
    )


def _augmented(fixture: Fixture, settings: dict) -> Tensor:
    """Joined probabilities (T, H, W) of the clip of a run."""
    network, size = stand_in(fixture), tuple(settings['target_size'])
    augmentation = TestTimeAugmentation(
        settings['scales'] if settings['ms'] else [1],
        settings['flip'],
        scales_join=JOINS[settings['scales_gather']],
        flip_join=JOINS[settings['flip_gather']],
    )
    clip = torch.from_numpy(fixture.input('clip'))
    return augmentation(clip, lambda frames, _masks: resize(network(frames), size).sigmoid())[:, 0]


def _write_tree(fixture: Fixture, root: Path) -> None:
    """Write the files of the data sets that are tested on."""
    path = fixture.path.with_name(fixture.path.name.replace('inference', 'data'))
    tree = Fixture(path if path.is_file() else fixture.path.with_name('video_data.json'))
    folders = tuple(f'{DATA_SETS[name][1]}/' for name in fixture.content['output_files'])
    for name, kind, *values in tree.content['files']:
        if name.startswith(folders):
            target = root / name
            target.parent.mkdir(parents=True, exist_ok=True)
            write_entry(target, kind, values, tree.seeded)


def _compare_test(fixture: Fixture, name: str, root: Path, computed: Computed) -> None:
    """Run a test on one data set, and add what it gave."""
    out = root / 'out' / name
    videos, metrics = _test(fixture, name, root, out)
    wanted = fixture.content['output_files'][name]
    found = {str(path.relative_to(out)) for path in out.rglob('*') if path.is_file()}
    differing = len(found.symmetric_difference(wanted))
    computed.rows.append(Row('files', f'{name}: names', differing, len(wanted), 0.0))
    for output in fixture.stored:
        path = out / output.removeprefix(f'{name}.file.')
        if output.startswith(f'{name}.file.') and path.is_file():
            pixels = np.asarray(Image.open(path))
            computed.outputs[output] = pixels
            computed.limits[output] = MASKS if set(np.unique(pixels)) <= {0, 255} else LEVELS
    ious = {
        video: [getattr(frame, 'iou', frame) for frame in frames.values()]
        for video, frames in videos.items()
    }
    computed.outputs[f'{name}.iou'] = np.concatenate(list(ious.values()))
    computed.limits[f'{name}.iou'] = IOU
    computed.metrics |= _summary(fixture, name, ious, metrics)
    table = fixture.content['summary'][f'{name}_csv']
    (file,) = out.glob('*.csv')
    computed.rows.append(_table_row(f'{name}: {file.name}', file, table))


def _test(
    fixture: Fixture, name: str, root: Path, out: Path
) -> tuple[dict[str, Frames], dict[str, float]]:
    """Test the stand-in network with the settings of a config; write the files.

    Returns:
        Scores of the frames of each video, and the numbers of the metric.
    """
    config, folder = DATA_SETS[name]
    cfg = Config.fromfile(config_file(config))
    settings = cfg.test_dataloader.dataset
    settings.data_root = str(root / folder)
    _set_size(settings.pipeline, fixture.content['val_size'])
    dataset = DATASETS.build(settings)
    model = _segmentor(stand_in(fixture), cfg.model.get('test_cfg'))
    (csv_file,) = (path for path in fixture.content['output_files'][name] if path.endswith('.csv'))
    metric: VideoMetric = METRICS.build({**cfg.test_evaluator, 'result_file': csv_file})
    metric.out_dir = out
    runner = SimpleNamespace(
        test_dataloader=SimpleNamespace(dataset=dataset), logger=MMLogger.get_current_instance()
    )
    hook = MaskSavingHook(str(out))
    hook.before_test(runner)
    for index in range(len(dataset)):
        samples = model.test_step(pseudo_collate([dataset[index]]))
        metric.process(None, [sample.to_dict() for sample in samples])
        hook.after_test_iter(runner, index, None, samples)
    hook.after_run(runner)
    return by_video(metric.results), metric.evaluate(len(dataset))


def _set_size(pipeline: list[dict], shorter: int) -> None:
    """Set the shorter side, and the longest one in the same published ratio of two decimals."""
    (step,) = (step for step in pipeline if step.type == 'ClipResizeShorter')
    ratio = np.ceil(100 * step.longest / step.shorter) / 100
    step.longest = int(ratio * shorter)
    step.shorter = shorter


def _segmentor(network: StandIn, test_cfg: dict | None) -> AVSegmentor:
    model = AVSegmentor(
        backbone=dict(type=PassedFrames),
        audio_encoder=None,
        decode_head=dict(type=StandInHead, num_classes=1, network=network),
        data_preprocessor=dict(type='AVSDataPreprocessor', clip_policy='pack'),
        test_cfg=test_cfg,
    )
    return model.eval()


def _summary(
    fixture: Fixture, name: str, ious: dict[str, list[float]], metrics: dict[str, float]
) -> dict[str, float | None]:
    """The numbers of a data set that a fixture stores, under its names; None for unknown ones."""
    means = {video: float(np.mean(values)) for video, values in ious.items()}
    classes = {key.removeprefix('IoU_'): value for key, value in metrics.items()}
    headline = dict.fromkeys(('video_mean', 'overall', 'mean_iou'), metrics['mIoU'])
    known = means | classes | headline
    return {f'{name}.{key}': known.get(key) for key in fixture.content['summary'][name]}


def _table_row(name: str, file: Path, table: list[list[str]]) -> Row:
    """Compare a csv file cell by cell; texts must be equal."""
    with open(file, newline='') as lines:
        found = list(csv.reader(lines))
    if [len(row) for row in found] != [len(row) for row in table]:
        return Row('files', f'{name} (shape)', float('nan'), len(table), IOU.difference)
    pairs = zip(sum(found, []), sum(table, []), strict=True)
    largest = max(_cell_difference(*pair) for pair in pairs)
    return Row('files', f'{name}: cells', largest, 1.0, IOU.difference)


def _cell_difference(ours: str, stored: str) -> float:
    if ours == stored:
        return 0.0
    try:
        return abs(float(ours) - float(stored))
    except ValueError:
        return float('inf')
