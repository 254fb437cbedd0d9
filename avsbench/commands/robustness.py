"""The work of `avsbench robustness`."""

import argparse
from pathlib import Path

from avsbench.analysis.robustness import (
    Robustness,
    RobustnessSettings,
    evaluate_robustness,
    systems_table,
)
from avsbench.analysis.robustness.report import markdown
from avsbench.config.loading import default_work_dir, open_config
from avsbench.utils.errors import ConfigError, DataError
from avsbench.utils.files import write_text

TABLE = 'systems.md'
SETTINGS = ('delays', 'gains', 'noise_rms', 'seed', 'resamples', 'level')


def run(args: argparse.Namespace) -> None:
    """Run `avsbench robustness`."""
    given = {
        'groups': args.conditions,
        **{name: getattr(args, name) for name in SETTINGS},
    }
    settings = RobustnessSettings(**{k: value for k, value in given.items() if value is not None})
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
    """Measure one network."""
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
