"""Doing the training of a bundle again, and comparing its curve with the first one."""

import subprocess
from pathlib import Path

from mmengine.config import Config

from avsbench.analysis.curves import LOSS, CurveDifference, compare_curves
from avsbench.processes.program import command_of, environment_of
from avsbench.reproduction.bundle import Bundle, config_data, to_text
from avsbench.utils.errors import AVSBenchError, DataError
from avsbench.utils.files import write_text


def repeat(bundle: Bundle, cfg: Config, work_dir: Path) -> None:
    """Train as the bundle says: its config, seed, precision and number of processes.

    Args:
        bundle: The bundle.
        cfg: Its config, changed where the data are elsewhere.
        work_dir: Of the new training; `repeated.json` there is the config that it reads.

    Raises:
        AVSBenchError: The training failed.
    """
    path = work_dir / 'repeated.json'
    write_text(path, to_text(config_data(cfg)))
    words = [bundle.run['subset'], str(path), '--work-dir', str(work_dir)]
    if cfg.get('optim_wrapper', {}).get('type', 'OptimWrapper') == 'OptimWrapper':
        words += ['--amp', 'off']  # a GPU would choose bfloat16 by itself
    started_from = bundle.run.get('started_from')
    if started_from:
        words += ['--cfg-options', f'load_from={started_from["file"]}']
    processes = bundle.run['num_processes']
    environment = environment_of()
    if processes > 1:
        environment['GPUS'] = str(processes)
    done = subprocess.run(command_of('train', *words), env=environment, check=False)
    if done.returncode:
        raise AVSBenchError(f'{work_dir}: the training ended with exit code {done.returncode}')


def compare_with(bundle: Bundle, again: Bundle, tolerance: float) -> list[CurveDifference]:
    """The curves of loss and headline metric in both trainings.

    Args:
        bundle: The first.
        again: The second.
        tolerance: See `compare_curves`.

    Raises:
        DataError: The first has no curve.
    """
    headline = [name for name in bundle.run.get('headline') or () if isinstance(name, str)]
    names = [LOSS, *headline]
    if not bundle.curves.curves:
        raise DataError('the bundle has no curve: its training wrote no log as json')
    return compare_curves(bundle.curves, again.curves, names, tolerance)
