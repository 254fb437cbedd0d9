"""Pack, check and repeat trainings: reproduction bundles.

    python tools/bundle.py pack work_dir/s4/demo --out demo.zip
    python tools/bundle.py check demo.zip --cfg-options data_root=data/mine
    python tools/bundle.py run demo.zip --work-dir work_dir/again

`train.sh` leaves a bundle in each work dir: resolved config, environment, seed, counts and hashes
of the data, curve. `pack` makes one archive of plain data of it; `check` says what differs on this
machine (exit code 1 if it is another training: other data or weights); `run` trains again with the
same seed, and compares the curves of loss and headline metric (exit code 1 if they differ by more
than the tolerance). docs/reproduce.md says what to expect.
"""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from mmengine.config import Config

from avsbench.analysis.curves import CurveDifference
from avsbench.engine.work_dir import training_files
from avsbench.reproduction.archive import pack, unpack
from avsbench.reproduction.bundle import Bundle, read_bundle
from avsbench.reproduction.checking import Findings, check_here, trusted_config
from avsbench.reproduction.repeating import compare_with, repeat
from avsbench.utils.cli import OverrideAction, run_command
from avsbench.utils.errors import ConfigError, DataError
from avsbench.utils.folders import check_writable


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest='command', required=True)
    packing = commands.add_parser('pack', help='make one archive of the bundle in a work dir')
    packing.add_argument('work_dir', type=Path)
    packing.add_argument('--out', type=Path, required=True, metavar='ZIP')
    packing.add_argument('--overwrite', action='store_true', help='replace the archive')
    packing.add_argument('--unfinished', action='store_true', help='pack half a training, too')
    checking = commands.add_parser('check', help='say what differs on this machine')
    running = commands.add_parser('run', help='train again, and compare the curves')
    for command in (checking, running):
        add = command.add_argument
        add('bundle', type=Path, help='an archive, or a work dir')
        add('--cfg-options', nargs='+', action=OverrideAction, default={}, metavar='KEY=VALUE')
        add(
            '--trust-config',
            action='store_true',
            help='let the config import modules, and name files outside of the current folder',
        )
    running.add_argument('--work-dir', type=Path, required=True, metavar='DIR')
    running.add_argument(
        '--tolerance',
        type=float,
        default=0.02,
        help='allowed difference of each point: of the loss as a share of its value, of the '
        'headline metric as it is (default: %(default)s)',
    )
    running.add_argument('--any-data', action='store_true', help='run with other data or weights')
    args = parser.parse_args()
    if args.command == 'run' and not 0 <= args.tolerance < 1:
        parser.error('--tolerance: expected 0 or more, below 1')
    return args


def main() -> int:
    args = parse_args()
    return {'pack': run_pack, 'check': run_check, 'run': run_run}[args.command](args)


def run_pack(args: argparse.Namespace) -> int:
    """Pack."""
    if args.out.suffix != '.zip':
        raise DataError(f'--out {args.out}: expected a name that ends in .zip')
    if args.out.exists() and not args.overwrite:
        raise DataError(f'{args.out}: exists; choose another name, or pass --overwrite')
    bundle = read_bundle(args.work_dir)
    if not bundle.run.get('finished') and not args.unfinished:
        raise DataError(
            f'{args.work_dir}: its training has not finished; go on with train.sh --resume, or '
            'pass --unfinished'
        )
    digest = pack(bundle, args.out)
    print(f'{args.out}: {args.out.stat().st_size} bytes, SHA-256 {digest}')
    commit = bundle.environment.get('git_commit')
    if commit is None or str(commit).endswith('+'):
        print('note: the code of this training has no commit, or had local changes')
    return 0


def run_check(args: argparse.Namespace) -> int:
    """Check."""
    bundle, cfg = load(args)
    findings = check_here(bundle, cfg)
    print(describe(bundle))
    print(report(findings))
    return 0 if findings.same_training else 1


def run_run(args: argparse.Namespace) -> int:
    """Train again."""
    bundle, cfg = load(args)
    check_writable(args.work_dir, 'work dir', 'choose another with --work-dir')
    if training_files(args.work_dir):
        raise ConfigError(f'{args.work_dir}: holds a training already; choose another --work-dir')
    findings = check_here(bundle, cfg)
    print(describe(bundle))
    print(report(findings), flush=True)
    if not findings.same_training and not args.any_data:
        raise DataError('other data or weights, see above; --any-data trains in spite of that')
    repeat(bundle, cfg, args.work_dir)
    found = compare_with(bundle, read_bundle(args.work_dir), args.tolerance)
    print('\n'.join(curve_line(difference, bundle.curves.unit) for difference in found))
    same = all(difference.same for difference in found)
    print(
        f'{"reproduced" if same else "NOT reproduced"}: tolerance {args.tolerance:g} (of the loss '
        'as a share of its value)'
    )
    return 0 if same else 1


def load(args: argparse.Namespace) -> tuple[Bundle, Config]:
    """The bundle of a command, and its config."""
    bundle = read_bundle(args.bundle) if args.bundle.is_dir() else unpack(args.bundle)
    return bundle, trusted_config(bundle, args.cfg_options, trust=args.trust_config)


def describe(bundle: Bundle) -> str:
    """What was trained."""
    run = bundle.run
    commits = ', '.join(
        str(session.get('git_commit')) for session in run.get('sessions') or () if session
    )
    lines = [
        f'{run["subset"]}, {run.get("config_file")}, seed {run["seed"]}, '
        f'{run["num_processes"]} process(es), commit {commits}',
        f'  {"finished" if run.get("finished") else "not finished"}, {run.get("epochs")} epochs, '
        f'{run.get("iterations")} iterations',
    ]
    for key, data in bundle.data.items():
        counts = ', '.join(
            f'{data[name]} {name}'
            for name in ('clips', 'frames', 'files', 'bytes')
            if data.get(name)
        )
        lines.append(f'  {key}: {counts}')
    return '\n'.join(lines)


def report(findings: Findings) -> str:
    """What differs here."""
    lines = []
    for title, found in (
        ('data', findings.data),
        ('weights', findings.weights),
        ('environment', findings.environment),
        ('can not be told', findings.unknown),
    ):
        if found:
            lines += [f'{title}:', *(f'  {line}' for line in found)]
        elif title != 'can not be told':
            lines.append(f'{title}: the same, as far as can be told')
    return '\n'.join(lines)


def curve_line(difference: CurveDifference, unit: str) -> str:
    """How a curve differs."""
    text = f'{difference.name}: {difference.points} points'
    if difference.missing:
        text += f', {difference.missing} missing'
    if difference.largest == 0:
        return f'{text}, equal to the last digit'
    text += f', largest difference {difference.largest:.2g} at {unit} {difference.largest_at}'
    if difference.left_at is not None:
        text += f', outside of the tolerance from {unit} {difference.left_at} on'
    return text


if __name__ == '__main__':
    run_command(main)
