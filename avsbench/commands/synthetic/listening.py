"""The work of `avsbench synthetic listening`."""

import argparse
import statistics
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from avsbench.commands.synthetic.scripts import check_trainings, run_script
from avsbench.config.loading import load_config
from avsbench.config.paths import config_file
from avsbench.evaluation.result_files import RESULTS
from avsbench.synthetic import load_ceilings
from avsbench.utils.files import write_json
from avsbench.utils.text import read_json

MARGINS = {'s4': 0.20, 'ms3': 0.10}  # above the ceiling of a model that does not listen
NUMERICAL = 1e-6  # the bound itself may be met
MUTE = 'model.data_preprocessor.mute_audio=True'
WITHOUT_AUDIO = 'without_audio'  # folder in a work dir: the test with the audio zeroed


@dataclass
class Run:
    """One training and its tests.

    Attributes:
        subset: 's4' or 'ms3'.
        config: File name below `config/<subset>/`.
        seed: Of the training.
        muted: Whether it was trained without audio.
        minutes: Wall time of the training; None where it was not measured.
        score: J on the twin test split, mean IoU of the frames.
        f_score: F on it.
        score_when_muted: J with the audio zeroed in the test.
        ceiling: The J that a model can't exceed without listening.
    """

    subset: str
    config: str
    seed: int
    muted: bool
    minutes: float | None
    score: float
    f_score: float
    score_when_muted: float
    ceiling: float


def run(args: argparse.Namespace) -> int:
    """Run `avsbench synthetic listening`."""
    planned = [(False, seed) for seed in args.seeds] + [(True, seed) for seed in args.muted_seeds]
    folders = [args.out / subset / _name(*one) for subset in args.subset for one in planned]
    check_trainings([seed for _, seed in planned], folders, again=args.again)
    runs: dict[str, list[Run]] = {subset: [] for subset in args.subset}
    for subset, done in runs.items():
        for muted, seed in planned:
            work_dir = args.out / subset / _name(muted, seed)
            done.append(listen(subset, args.config, seed, work_dir, muted=muted))
            print(done[-1], flush=True)
    everything = [run for done in runs.values() for run in done]
    _print_table(everything)
    passed = True
    for subset, done in runs.items():
        margin = MARGINS[subset] if args.margin is None else args.margin
        good = _passed(done, margin)
        passed &= good
        print(
            f'{subset}: mean J {_mean_score(done):.4f}, wanted {done[0].ceiling + margin:.4f}: '
            f'{"passed" if good else "NOT passed"}'
        )
    report = args.out / 'listening.json'
    write_json(report, [asdict(run) for run in everything])
    print(f'written to {report}')
    return 0 if passed else 1


def listen(subset: str, name: str | Path, seed: int, work_dir: Path, *, muted: bool = False) -> Run:
    """Train a config, then test its best checkpoint with and without audio.

    An earlier training in the work dir is replaced, see `check_trainings`. For the results, see
    `test_training`.

    Args:
        subset: 's4' or 'ms3'.
        name: File name below `config/<subset>/`, or a whole path.
        seed: Of the training.
        work_dir: Where logs, checkpoints and results go.
        muted: Train without audio.

    Raises:
        AVSBenchError: A command failed; the end of its log is in the message.
    """
    words = [subset, str(_config(subset, name)), '--work-dir', str(work_dir)]
    options = ['--cfg-options', f'randomness.seed={seed}', *([MUTE] if muted else [])]
    start = time.monotonic()
    # In float32 on every machine, so that tables and reference curves of several compare.
    words += ['--amp', 'off']
    run_script('train', *words, '--overwrite', *options, log=work_dir / 'train.log')
    minutes = (time.monotonic() - start) / 60
    return test_training(subset, name, seed, work_dir, minutes, muted=muted)


def test_training(
    subset: str,
    name: str | Path,
    seed: int,
    work_dir: Path,
    minutes: float | None,
    *,
    muted: bool = False,
) -> Run:
    """Test the best checkpoint of a training with and without audio.

    The result is in `results/` of the work dir, that of the test without audio in
    `without_audio/results/`.

    Args:
        subset: 's4' or 'ms3'.
        name: File name below `config/<subset>/`, or a whole path.
        seed: Of the training.
        work_dir: Of the training.
        minutes: That it took, for the record.
        muted: Whether it was without audio.

    Raises:
        AVSBenchError: A command failed; the end of its log is in the message.
    """
    config = _config(subset, name)
    ceiling = load_ceilings(load_config(config).data_root)['test']['audio_blind']['bound_J']
    words = [subset, str(config), str(work_dir / 'best_mIoU.pth')]
    metrics = []
    for folder, without_audio in ((work_dir, muted), (work_dir / WITHOUT_AUDIO, True)):
        options = ['--cfg-options', MUTE] if without_audio else []
        run_script('test', *words, '--work-dir', str(folder), *options, log=folder / 'test.log')
        metrics.append(read_json(folder / RESULTS / 'test.json')['metrics'])
    return Run(
        subset=subset,
        config=Path(name).name,
        seed=seed,
        muted=muted,
        minutes=minutes,
        score=metrics[0]['mIoU'],
        f_score=metrics[0]['F_all'],
        score_when_muted=metrics[1]['mIoU'],
        ceiling=ceiling,
    )


def _config(subset: str, name: str | Path) -> Path:
    return Path(name) if Path(name).is_absolute() else config_file(f'{subset}/{name}')


def _name(muted: bool, seed: int) -> str:
    """Of the folder of one training."""
    return f'{"muted" if muted else "with_audio"}_seed{seed}'


def _passed(runs: list[Run], margin: float) -> bool:
    """Whether runs of a subset reach the margin, and those without audio stay below the ceiling."""
    ceiling = runs[0].ceiling
    without = [run.score for run in runs if run.muted] + [run.score_when_muted for run in runs]
    return _mean_score(runs) >= ceiling + margin and all(
        score <= ceiling + NUMERICAL for score in without
    )


def _mean_score(runs: list[Run]) -> float:
    """J of the runs with audio."""
    return statistics.mean(run.score for run in runs if not run.muted)


def _print_table(runs: list[Run]) -> None:
    columns = ('subset', 'trained', 'seed', 'minutes', 'J', 'J when muted in the test', 'ceiling')
    table = Table(*columns, title='J on the twin test split')
    for run in runs:
        table.add_row(
            run.subset,
            'muted' if run.muted else 'with audio',
            str(run.seed),
            f'{run.minutes:.1f}',
            f'{run.score:.4f}',
            f'{run.score_when_muted:.4f}',
            f'{run.ceiling:.4f}',
        )
    Console().print(table)
