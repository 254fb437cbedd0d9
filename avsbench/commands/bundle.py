"""The work of `avsbench bundle`."""

import argparse

from mmengine.config import Config

from avsbench.analysis.curves import CurveDifference
from avsbench.engine.work_dir import training_files
from avsbench.reproduction.archive import pack, unpack
from avsbench.reproduction.bundle import Bundle, read_bundle
from avsbench.reproduction.checking import Findings, check_here, trusted_config
from avsbench.reproduction.repeating import compare_with, repeat
from avsbench.utils.errors import ConfigError, DataError
from avsbench.utils.folders import check_writable


def run(args: argparse.Namespace) -> int:
    """Run `avsbench bundle`."""
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
