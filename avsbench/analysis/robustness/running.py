"""Runs a network once for each condition, and leaves a result of each."""

import zlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from mmengine.hooks import Hook
from mmengine.runner import Runner

from avsbench.analysis.comparison.results import Result, read_result
from avsbench.analysis.robustness.conditions import Clip, Condition
from avsbench.config.build import building
from avsbench.config.loading import open_config
from avsbench.datasets import BaseAVSDataset
from avsbench.datasets.clip_info import AudioClipInfo
from avsbench.datasets.transforms.loading import LoadClip
from avsbench.datasets.transforms.log_mel_reader import LogMelReader
from avsbench.engine.hooks.report_hook import ReportHook
from avsbench.engine.seeded_dataset import SeededDataset
from avsbench.evaluation import AVSMetric
from avsbench.media.front_ends import FRONT_ENDS
from avsbench.media.log_mel import count_channels
from avsbench.registry import RUNNERS
from avsbench.structures import AVSDataSample
from avsbench.utils.errors import ConfigError
from avsbench.weights.locating import find_checkpoint


class ConditionReader:
    """Reads the sound of a clip under a condition, in place of `LogMelReader`.

    Args:
        condition: The sound that it gets.
        reader: The reader of the config's pipeline.
        from_files: Compute log-mel from audio files, also where it is stored.
    """

    def __init__(self, condition: Condition, reader: LogMelReader, from_files: bool) -> None:
        self.condition = condition
        self.from_files = from_files
        self.reader = reader
        if condition.front_end is not None:
            self.reader = LogMelReader(front_end=condition.front_end)
        self.front_end = self.reader.front_end

    def read_clip(self, info: AudioClipInfo) -> np.ndarray:
        """See `LogMelReader.read_clip`."""
        if self.from_files:
            info = {**info, 'log_mel_path': None}
        return self.condition.log_mel(info, self.reader)


@dataclass(frozen=True)
class Outcome:
    """A condition, and what came out.

    Attributes:
        condition: The sound that it got.
        result: Of the clips that can have it; None if none can.
        changes: Change of the prediction for each frame: clip, change.
        left_out: Reason -> number of clips.
    """

    condition: Condition
    result: Result | None
    changes: pd.DataFrame | None
    left_out: dict[str, int]


class ChangeHook(Hook):
    """Compares the masks of a test with those of the first one.

    The change of a frame is 1 - |A and B| / |A or B|, A and B being the pixels that are marked,
    and in the intersection marked with the same class; 0 where both are empty.
    """

    def __init__(self) -> None:
        self.first: dict[str, tuple[bytes, tuple[int, ...]]] = {}
        self.compares = False
        self.rows: list[tuple[str, float]] = []

    def before_test(self, runner: Runner) -> None:
        """Begin anew."""
        self.compares = bool(self.first)
        self.rows = []

    def after_test_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: Any = None,
        outputs: Sequence[AVSDataSample] | None = None,
    ) -> None:
        """Keep the masks of the first test, compare those of the others."""
        for sample in outputs or ():
            masks = sample.pred_masks[sample.frame_valid].to('cpu').numpy().astype(np.uint8)
            if not self.compares:
                self.first[sample.clip_id] = zlib.compress(masks.tobytes(), 1), masks.shape
            content, shape = self.first[sample.clip_id]
            before = np.frombuffer(zlib.decompress(content), np.uint8).reshape(shape)
            same = ((masks == before) & (masks > 0)).sum((1, 2))
            either = ((masks > 0) | (before > 0)).sum((1, 2))
            shares = np.divide(same, either, out=np.ones(len(same)), where=either > 0)
            self.rows += [(sample.clip_id, 1 - share) for share in shares.tolist()]

    def changes(self) -> pd.DataFrame:
        """One row for each frame of the last test."""
        return pd.DataFrame(self.rows, columns=['clip', 'change'])


class Session:
    """A network and its test split.

    Args:
        config: Path of the config.
        checkpoint: Path of the weights.
        out: Folder that each condition gets a folder of results in.
        options: Changes of the config, dotted key -> value.
        trust: See `avsbench.checkpoint.reading`.
        any_subset: Accept weights that were trained on another subset.

    Attributes:
        clips: Of the test split.
        from_files: Whether log-mel is computed from audio files, since every clip has one.

    Raises:
        ConfigError: The config can't be used, or it has no test on clips with sound.
        CheckpointError: The checkpoint is no file of weights.
    """

    def __init__(
        self,
        config: str | Path,
        checkpoint: str | Path,
        out: Path,
        *,
        options: Mapping[str, Any] | None = None,
        trust: bool = False,
        any_subset: bool = False,
    ) -> None:
        cfg = open_config(config, options)
        cfg.launcher, cfg.work_dir = 'none', str(out / 'runs')
        cfg.resume, cfg.load_from = False, str(find_checkpoint(checkpoint, trust=trust))
        cfg.trust_checkpoint, cfg.any_subset, cfg.log_level = trust, any_subset, 'WARNING'
        with building(cfg):
            self.runner: Runner = RUNNERS.build(cfg)
        self.out, self.cfg = out, cfg
        self.dataset = self._dataset()
        self.reader = _load_step(self.dataset, cfg.filename).log_mel
        self.changes = ChangeHook()
        self.report = ReportHook()
        self.runner.hooks[:] = [h for h in self.runner.hooks if not isinstance(h, ReportHook)]
        for hook in (self.report, self.changes):
            self.runner.register_hook(hook)
        infos = list(self.dataset.clip_infos())
        self.from_files = all(info['audio_path'] is not None for info in infos)
        self.clips = [
            Clip(info, count_channels(info['audio_path']) if self.from_files else None)
            for info in infos
        ]

    def run(self, condition: Condition) -> Outcome:
        """Test the network under a condition, on the clips that can have it."""
        lacks = [self._lack(condition, clip) for clip in self.clips]
        reasons = Counter(lack for lack in lacks if lack is not None)
        indices = [index for index, lack in enumerate(lacks) if lack is None]
        if not indices:
            return Outcome(condition, None, None, reasons)
        dataset = self.dataset.get_subset(indices)
        step = _load_step(dataset, self.cfg.filename)
        step.log_mel = ConditionReader(condition, self.reader, self.from_files)
        loader = {**self.cfg.test_dataloader, 'dataset': dataset}
        self.runner.test_loop.dataloader = self.runner.build_dataloader(
            loader, seed=self.runner.seed
        )
        self.report.folder = self.out / condition.name
        self.report.facts = {'audio_condition': condition.name}
        self.runner.test()
        result = read_result(self.report.folder)
        return Outcome(condition, result, self.changes.changes(), reasons)

    def _lack(self, condition: Condition, clip: Clip) -> str | None:
        ours = self.reader.front_end
        other = FRONT_ENDS[condition.front_end or ours.name]
        if other.shape != ours.shape:
            return (
                f'its spectrograms have the shape {other.shape}, and the network reads {ours.shape}'
            )
        return condition.lack(clip)

    def _dataset(self) -> BaseAVSDataset:
        name, loop = self.cfg.filename, self.runner.test_loop
        dataset = loop.dataloader.dataset
        if isinstance(dataset, SeededDataset):
            dataset = dataset.dataset
        metrics = loop.evaluator.metrics
        if not isinstance(dataset, BaseAVSDataset):
            raise ConfigError(
                f'{name}: test_dataloader.dataset is a {type(dataset).__name__}; robustness is '
                'measured on clips with sound (s4, ms3, avss, own)'
            )
        if not any(isinstance(metric, AVSMetric) for metric in metrics):
            raise ConfigError(f'{name}: test_evaluator has no AVSMetric, which counts the pixels')
        return dataset


def _load_step(dataset: BaseAVSDataset, name: str) -> LoadClip:
    """The step of the pipeline that reads the sound."""
    for step in dataset.pipeline.transforms:
        if isinstance(step, LoadClip):
            return step
    raise ConfigError(f'{name}: the pipeline of test_dataloader.dataset has no LoadClip')
