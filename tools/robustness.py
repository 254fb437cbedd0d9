"""Measure what a network marks when it hears something else than the sound of the clip.

    python tools/robustness.py config/s4/pvt2.py work_dir/s4/pvt2/best_mIoU.pth
    python tools/robustness.py --system A a.py a0.pth a1.pth --system B b.py b0.pth --out robustness

The sounds: silence, noise, the sound of something that is not in the image, that of another clip of
the same class, the clip's own sound later, quieter, louder, of one channel. All pass the front end
that the network was trained with; `published` takes AVSBench-Robust's instead, to reproduce its
numbers. Writes a table (Markdown, csv, json), an image, the pairs of clips (mapping.csv), and a
result of each condition that tools/compare_results.py reads. docs/robustness.md has the details.
"""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from avsbench.analysis.robustness import (
    GROUPS,
    Robustness,
    RobustnessSettings,
    evaluate_robustness,
    systems_table,
)
from avsbench.analysis.robustness.report import markdown
from avsbench.config.loading import default_work_dir, open_config
from avsbench.utils.cli import OverrideAction, run_command
from avsbench.utils.errors import ConfigError, DataError
from avsbench.utils.files import write_text

TABLE = 'systems.md'


def parse_args() -> argparse.Namespace:
    default = RobustnessSettings()
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('config', nargs='?', help='e.g. config/s4/pvt2.py')
    parser.add_argument('checkpoint', nargs='?', help='of this toolbox, or published')
    parser.add_argument(
        '--system',
        nargs='+',
        action='append',
        default=[],
        metavar=('NAME', 'PATH'),
        help='instead: a name, a config, and a checkpoint of each seed; the option may be repeated',
    )
    parser.add_argument(
        '--conditions',
        nargs='+',
        metavar='NAME',
        default=default.groups,
        help=f'of {", ".join(GROUPS)}; default: all without the word published',
    )
    parser.add_argument('--delays', nargs='+', type=float, default=default.delays, help='seconds')
    parser.add_argument('--gains', nargs='+', type=float, default=default.gains, help='decibels')
    parser.add_argument(
        '--noise-rms', type=float, default=default.noise_rms, help='of full scale; %(default)s'
    )
    parser.add_argument('--mapping', metavar='CSV', help='condition,video,replacement')
    parser.add_argument('--classes', metavar='CSV', help='video,classes of data that name none')
    parser.add_argument('--level', type=float, default=default.level, help='default: %(default)s')
    parser.add_argument('--resamples', type=int, default=default.resamples)
    parser.add_argument('--seed', type=int, default=default.seed, help='default: %(default)s')
    parser.add_argument(
        '--out', type=Path, metavar='DIR', help='default: robustness/ in the work dir of the config'
    )
    parser.add_argument('--overwrite', action='store_true', help='replace an earlier measurement')
    for option in ('--trust-checkpoint', '--any-subset'):
        parser.add_argument(option, action='store_true', help='see test.sh --help')
    parser.add_argument(
        '--cfg-options', nargs='+', action=OverrideAction, default={}, metavar='KEY=VALUE'
    )
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    settings = RobustnessSettings(
        groups=tuple(args.conditions),
        delays=tuple(args.delays),
        gains=tuple(args.gains),
        noise_rms=args.noise_rms,
        seed=args.seed,
        resamples=args.resamples,
        level=args.level,
    )
    if args.system:
        compare(args, settings)
        return
    if args.checkpoint is None:
        raise ConfigError('expected a config and a checkpoint, or --system NAME CONFIG CHECKPOINT')
    work_dir = Path(default_work_dir(open_config(args.config, args.cfg_options)))
    out = args.out or work_dir / 'robustness'
    print(markdown(measure(args.config, args.checkpoint, out, args, settings)))
    print(f'written to {out}')


def compare(args: argparse.Namespace, settings: RobustnessSettings) -> None:
    """Measure several systems; the pairs of clips are the same ones, since the seed is."""
    if args.config is not None:
        raise ConfigError(f'{args.config}: a config without --system NAME, beside those with it')
    if args.out is None:
        raise ConfigError('--system: the folder for all systems is needed, --out DIR')
    names = [name for name, *_ in args.system]
    if len(set(names)) < len(names) or any(Path(name).name != name for name in names):
        raise ConfigError(f'--system: names of folders, all different, are needed; got {names}')
    if (args.out / TABLE).exists() and not args.overwrite:
        raise DataError(
            f'{args.out}: holds {TABLE}; choose another folder with --out, or pass --overwrite'
        )
    short = [name for name, *paths in args.system if len(paths) < 2]
    if short:
        raise ConfigError(f'--system {short[0]}: expected a name, a config and a checkpoint')
    systems = {}
    for name, config, *checkpoints in args.system:
        systems[name] = []
        for number, checkpoint in enumerate(checkpoints):
            out = args.out / name / (f'{number}' if len(checkpoints) > 1 else '')
            print(f'{name}: {checkpoint}')
            systems[name].append(measure(config, checkpoint, out, args, settings))
    text = systems_table(systems)
    write_text(args.out / TABLE, text)
    print(f'\n{text}\nwritten to {args.out}')


def measure(
    config: str, checkpoint: str, out: Path, args: argparse.Namespace, settings: RobustnessSettings
) -> Robustness:
    return evaluate_robustness(
        config,
        checkpoint,
        out,
        settings,
        mapping=args.mapping,
        classes=args.classes,
        options=args.cfg_options,
        trust=args.trust_checkpoint,
        any_subset=args.any_subset,
        overwrite=args.overwrite,
    )


if __name__ == '__main__':
    run_command(main)
