"""The work of `avsbench compare`."""

import argparse
from pathlib import Path

from avsbench.analysis.comparison import (
    ComparisonSettings,
    System,
    compare,
    group_rows,
    read_result,
)
from avsbench.analysis.comparison.report import markdown
from avsbench.utils.errors import ConfigError, DataError
from avsbench.utils.files import write_text
from avsbench.visualization.comparison_figure import draw_comparison

FILES = ('comparison.md', 'scores.csv', 'differences.csv', 'groups.csv', 'comparison.png')


def run(args: argparse.Namespace) -> None:
    """Run `avsbench compare`."""
    there = [name for name in FILES if (args.out / name).exists()]
    if there and not args.overwrite:
        raise DataError(
            f'{args.out}: holds {there[0]}; choose another folder with --out, or pass --overwrite'
        )
    systems = systems_of(args)
    settings = ComparisonSettings(
        resamples=args.resamples,
        level=args.level,
        interval=args.interval,
        seeds=args.seeds,
        seed=args.seed,
    )
    comparison = compare(systems, settings)
    groups = group_rows(systems)
    text = markdown(systems, comparison, groups)
    print(text.split('\n## By ')[0])
    write_text(args.out / FILES[0], text)
    for name, table in zip(
        FILES[1:], (comparison.scores, comparison.differences, groups), strict=False
    ):
        write_text(args.out / name, table.to_csv(index=False))
    draw_comparison(comparison, groups).savefig(args.out / FILES[-1], dpi=110)
    print(f'written to {args.out}: {", ".join(FILES)}')


def systems_of(args: argparse.Namespace) -> list[System]:
    """The systems of the command line."""
    if args.names and len(args.names) != len(args.results):
        raise ConfigError(f'--names: {len(args.names)} names for {len(args.results)} results')
    pairs = [(name, [path]) for name, path in zip(names_of(args), args.results, strict=True)]
    for name, *paths in args.system:
        if not paths:
            raise ConfigError(f'--system {name}: expected a name and at least one result')
        pairs.append((name, paths))
    if len(pairs) < 2:
        raise ConfigError(f'{len(pairs)} system to compare, expected at least two results')
    names = [name for name, _ in pairs]
    if len(set(names)) < len(names):
        raise ConfigError(f'systems need different names, got {", ".join(names)}: use --names')
    return [System(name, tuple(map(read_result, paths))) for name, paths in pairs]


def names_of(args: argparse.Namespace) -> list[str]:
    """Names of single results: the last folders by which they differ."""
    if args.names:
        return args.names
    parts = [
        [part for part in Path(path).absolute().parts if part not in ('results', 'test.json')]
        for path in args.results
    ]
    for count in range(1, 1 + max(map(len, parts), default=0)):
        names = ['/'.join(part[-count:]) for part in parts]
        if len(set(names)) == len(names):
            return names
    return [str(path) for path in args.results]
