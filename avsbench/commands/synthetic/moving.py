"""The work of `avsbench synthetic moving`."""

import argparse
import json
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from avsbench.commands.synthetic.scripts import check_trainings, run_script
from avsbench.config.loading import load_config
from avsbench.config.paths import CONFIG_ROOT, config_file
from avsbench.synthetic.video import SUBSETS, load_ceilings
from avsbench.utils.files import write_json

MARGIN = 0.1  # above the ceiling of a model that sees one frame
NUMERICAL = 1e-6  # the bound itself may be met
# Of clips in random order nothing is proved without classes that differ by the direction.
ORDERS = {'single_frame': 'frozen', 'order_blind': 'shuffled'}


@dataclass
class Run:
    """The tests of one network on one data set.

    Attributes:
        subset: Tested on.
        trained_on: Trained on.
        seed: Of the training.
        minutes: Wall time of the training.
        scores: The mIoU by the order of the frames: 'natural', 'frozen' and 'shuffled'.
        ceilings: Of models that see one frame ('frozen'), or no order ('shuffled').
    """

    subset: str
    trained_on: str
    seed: int
    minutes: float
    scores: dict[str, float]
    ceilings: dict[str, float]


def run(args: argparse.Namespace) -> int:
    """Run `avsbench synthetic moving`."""
    folders = {subset: args.out / f'{subset}_seed{args.seed}' for subset in args.subset}
    check_trainings([args.seed], folders.values(), again=args.again)
    runs: list[Run] = []
    for subset, work_dir in folders.items():
        for done in move(subset, args.config, args.seed, work_dir):
            print(done, flush=True)
            runs.append(done)
    _print_table(runs)
    report = args.out / 'moving.json'
    write_json(report, [asdict(run) for run in runs])
    print(f'written to {report}')
    failed = [run.subset for run in runs if not _passed(run)]
    print(f'NOT passed: {", ".join(failed)}' if failed else 'passed')
    return 1 if failed else 0


def move(subset: str, name: str, seed: int, work_dir: Path) -> Iterator[Run]:
    """Train a config, then test its last checkpoint wherever such weights are tested.

    An earlier training in the work dir is replaced, see `check_trainings`.

    Args:
        subset: Trained on.
        name: File name below `config/<subset>/`.
        seed: Of the training.
        work_dir: Where logs, checkpoints and results go.

    Raises:
        AVSBenchError: A command failed; the end of its log is in the message.
    """
    config = config_file(f'{subset}/{name}')
    start = time.monotonic()
    train = [subset, str(config), '--work-dir', str(work_dir), '--overwrite']
    train += ['--amp', 'off']  # in float32 on every machine, so that results of several compare
    options = ['--cfg-options', f'randomness.seed={seed}']
    run_script('train', *train, *options, log=work_dir / 'train.log')
    minutes = (time.monotonic() - start) / 60
    checkpoint = work_dir / f'epoch_{load_config(config).train_cfg.max_epochs}.pth'
    for tested in (subset, *_others(subset, name)):
        ceilings = _ceilings(tested, name)
        scores = {
            order: _test(tested, name, checkpoint, work_dir / tested, order)
            for order in ('natural', *ceilings)
        }
        yield Run(tested, subset, seed, minutes, scores, ceilings)


def _others(subset: str, name: str) -> list[str]:
    """Subsets that are tested with weights trained on this one."""
    leaves = [path for path in CONFIG_ROOT.glob(f'*/{name}') if path.parent.name in SUBSETS]
    configs = [load_config(path) for path in sorted(leaves)]
    return [cfg.subset for cfg in configs if cfg.get('trained_on') == subset]


def _ceilings(subset: str, name: str) -> dict[str, float]:
    """The ceiling of each order of the frames that has one below 1."""
    root = load_config(config_file(f'{subset}/{name}')).data_root
    found = load_ceilings(root)[SUBSETS[subset].tested]
    values = {
        order: found[kind].get('bound_mIoU', found[kind]['mIoU']) for kind, order in ORDERS.items()
    }
    return {order: value for order, value in values.items() if value < 1 - NUMERICAL}


def _test(subset: str, name: str, checkpoint: Path, work_dir: Path, order: str) -> float:
    cfg = load_config(config_file(f'{subset}/{name}'))
    options = [f'model.data_preprocessor.frame_order={order}']
    if cfg.test_dataloader.dataset.get('windows') is not None:
        options.append('test_dataloader.dataset.windows=centre')
    test = [subset, cfg.filename, str(checkpoint), '--work-dir', str(work_dir / order)]
    run_script('test', *test, '--cfg-options', *options, log=work_dir / order / 'test.log')
    result = json.loads((work_dir / order / 'results' / 'test.json').read_text())
    return result['metrics']['mIoU']


def _passed(run: Run) -> bool:
    """Whether the network uses motion, and no test exceeds what its frames can tell."""
    return run.scores['natural'] >= run.ceilings['frozen'] + MARGIN and all(
        run.scores[order] <= ceiling + NUMERICAL for order, ceiling in run.ceilings.items()
    )


def _print_table(runs: list[Run]) -> None:
    columns = ('tested on', 'trained on', 'minutes', 'mIoU', 'one frame', 'ceiling')
    table = Table(*columns, 'random order', 'ceiling', title='mIoU with and without motion')
    for run in runs:
        cells = [f'{run.minutes:.1f}', f'{run.scores["natural"]:.4f}']
        for order in ORDERS.values():
            for values in (run.scores, run.ceilings):
                cells.append(f'{values[order]:.4f}' if order in values else '')
        table.add_row(run.subset, run.trained_on, *cells)
    Console().print(table)
