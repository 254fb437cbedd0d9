"""Scores of trained checkpoints in mixed precision against those in float32.

Tests each checkpoint once in each precision, by test.py, and prints the differences; `--out` writes
them as a table.

python tools/benchmark.py amp --pair config/s4/demo.py work_dir/s4/demo/best_mIoU.pth
"""

import argparse
import json
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import torch

from avsbench.config.loading import load_config
from avsbench.utils.errors import DataError
from avsbench.utils.files import write_text
from benchmarks import harness

TEST = Path(__file__).resolve().parents[2] / 'test.py'
HEAD = """# Mixed precision against float32

What `python tools/benchmark.py amp` printed on {device}, torch {torch}. Each checkpoint was trained
by its config and is tested in each precision; scores in percent, as float32 and the difference.

"""


@dataclass(frozen=True)
class Row:
    """Scores of one checkpoint: by precision, then by name, in percent."""

    config: str
    frames: int
    scores: dict[str, dict[str, float]]

    def cells(self, precisions: list[str], names: list[str]) -> list[str]:
        """Float32's scores and the differences from them, precision after precision."""
        full = self.scores['off']
        cells = [self.config, str(self.frames), *(f'{full[name]:.2f}' for name in names)]
        for precision in precisions:
            found = self.scores[precision]
            cells += [f'{found[name] - full[name]:+.2f}' for name in names]
        return cells


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of `tools/benchmark.py amp`."""
    parser.add_argument(
        '--pair', nargs=2, action='append', required=True, metavar=('CONFIG', 'CHECKPOINT')
    )
    parser.add_argument('--data-root', help="default: the config's")
    parser.add_argument('--metric', nargs='+', default=['mIoU', 'F_b1'], help='default: mIoU F_b1')
    parser.add_argument('--out', type=Path, help='write the table there, in Markdown')


def run(args: argparse.Namespace) -> int:
    """Test every checkpoint in every precision and print the table."""
    on_gpu = torch.cuda.is_available()
    halves = ['bf16', 'fp16'] if on_gpu else ['bf16']
    rows = []
    for config, checkpoint in args.pair:
        results = {name: _test(config, checkpoint, name, args) for name in ('off', *halves)}
        scores = {name: _percent(result, args.metric) for name, result in results.items()}
        frames = results['off']['data'].get('frames', 0)
        rows.append(Row(Path(config).stem, frames, scores))
        print(' '.join(rows[-1].cells(halves, args.metric)), flush=True)
    table = as_table(rows, halves, args.metric)
    print(table)
    if args.out is not None:
        device = torch.cuda.get_device_name() if on_gpu else f'a CPU ({harness.cpu_model()})'
        write_text(args.out, HEAD.format(device=device, torch=torch.__version__) + table)
    return 0


def as_table(rows: list[Row], precisions: list[str], names: list[str]) -> str:
    """The rows in Markdown."""
    titles = ['config', 'frames', *(f'{name}, float32' for name in names)]
    titles += [f'{name}, {precision}' for precision in precisions for name in names]
    lines = [titles, ['---'] * len(titles), *(row.cells(precisions, names) for row in rows)]
    return ''.join(f'| {" | ".join(line)} |\n' for line in lines)


def _test(config: str, checkpoint: str, precision: str, args: argparse.Namespace) -> dict:
    """What results/test.json says.

    Raises:
        DataError: The test failed.
    """
    subset = load_config(config).subset
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, str(TEST), subset, config, checkpoint]
        command += ['--work-dir', folder, '--amp', precision]
        if args.data_root:
            command += ['--cfg-options', f'data_root={args.data_root}']
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise DataError(
                f'{config} with --amp {precision}: the test failed: {done.stderr.strip()[-500:]}'
            )
        return json.loads(Path(folder, 'results', 'test.json').read_text())


def _percent(result: dict, names: list[str]) -> dict[str, float]:
    """Scores by name.

    Raises:
        DataError: The result has no such score.
    """
    metrics = result['metrics']
    if missing := [name for name in names if name not in metrics]:
        raise DataError(f'no {", ".join(missing)} in the result; it has {", ".join(metrics)}')
    return {name: 100 * metrics[name] for name in names}
