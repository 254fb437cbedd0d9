"""The work of `avsbench synthetic systems`."""

import argparse
from dataclasses import asdict, replace
from pathlib import Path

from avsbench.analysis.comparison import (
    Comparison,
    ComparisonSettings,
    Result,
    System,
    compare,
    read_result,
)
from avsbench.analysis.complexity import complexity
from avsbench.analysis.robustness import (
    Robustness,
    evaluate_robustness,
    read_robustness,
    systems_table,
)
from avsbench.commands.synthetic.listening import WITHOUT_AUDIO, Run, listen, test_training
from avsbench.commands.synthetic.networks import SmallNetwork, small_networks
from avsbench.commands.synthetic.scripts import check_trainings
from avsbench.commands.synthetic.system_tables import (
    SystemRow,
    replace_block,
    score_table,
    short_table,
    wins_table,
)
from avsbench.config.loading import load_config
from avsbench.config.paths import config_file
from avsbench.engine.work_dir import LOCK
from avsbench.evaluation.result_files import RESULTS
from avsbench.registry import SYSTEMS
from avsbench.synthetic import load_ceilings, load_truth
from avsbench.utils.checks import check_choice, check_seed
from avsbench.utils.errors import ConfigError
from avsbench.utils.files import write_json, write_text
from avsbench.utils.text import read_json

RECORD = 'listening.json'  # in the work dir of a training that is finished and tested
BEST = 'best_mIoU.pth'
ROBUSTNESS = 'robustness'  # folder in a work dir
ROBUSTNESS_NOTE = (
    'Other sounds than that of the clip (`avsbench robustness`; docs/robustness.md), mean of the '
    'seeds ± their standard deviation. The clips are synthetic: the sounds that the networks were '
    'trained with are as simple as these.'
)


def run(args: argparse.Namespace) -> None:
    """Run `avsbench synthetic systems`."""
    SYSTEMS.import_from_location()
    names = sorted(SYSTEMS.module_dict)
    systems = [check_choice('--systems', name, names) for name in args.systems or names]
    networks = small_networks(systems, args.backbones)
    if not args.finished:
        unfinished = [
            _work_dir(subset, network, seed, args)
            for subset in args.subset
            for network in networks
            for seed in args.seeds
            if not _is_finished(subset, network, seed, args)
        ]
        check_trainings(args.seeds, unfinished, again=args.again)
    for seed in args.seeds:
        check_seed('--seeds', seed)
    for subset in args.subset:
        for network in networks:
            network.write_config(subset, args.out, args.backbone_weights)
        runs = {network: _runs(subset, network, args) for network in networks}
        missing = [network.stem for network, done in runs.items() if not done]
        if missing:
            raise ConfigError(
                f'{args.out / subset}: no finished training of {", ".join(missing)} with the seeds '
                f'{", ".join(map(str, args.seeds))}; leave out --finished to train, or name others '
                'with --systems'
            )
        text, short = _tables(subset, runs, args)
        print(text)
        kind = f'{subset} backbones' if args.backbones else subset
        target = args.out / f'{kind.replace(" ", "_")}.md'
        write_text(target, text)
        print(f'written to {target}')
        for document in args.documents:
            replace_block(document, f'compare_systems {kind}', text, short)


def _runs(subset: str, network: SmallNetwork, args: argparse.Namespace) -> dict[int, Run]:
    """The record of each seed's training, which is trained and tested unless that is done."""
    runs = {}
    for seed in args.seeds:
        finished = _is_finished(subset, network, seed, args) and not args.again
        if args.finished and not finished:
            print(f'{subset}, {network.stem}, seed {seed}: not finished, left out', flush=True)
            continue
        work_dir = _work_dir(subset, network, seed, args)
        record, config = work_dir / RECORD, network.config(subset, args.out)
        known = Run(**read_json(record)) if finished and record.is_file() else None
        if known is not None and _is_tested(work_dir):
            run = known
        elif finished:
            run = test_training(subset, config, seed, work_dir, known and known.minutes)
        else:
            for stale in (record, work_dir / ROBUSTNESS / 'robustness.json'):
                stale.unlink(missing_ok=True)  # of a training that this one replaces
            run = listen(subset, config, seed, work_dir)
        if run is not known:
            write_json(record, asdict(run))
        print(run, flush=True)
        runs[seed] = run
    return runs


def _is_finished(subset: str, network: SmallNetwork, seed: int, args: argparse.Namespace) -> bool:
    """Whether the training has come to its end, and nothing trains in its folder."""
    work_dir = _work_dir(subset, network, seed, args)
    if not (work_dir / BEST).is_file() or (work_dir / LOCK).exists():
        return False
    if (work_dir / RECORD).is_file():
        return True
    config = config_file(f'{subset}/{network.system}_demo.py')  # the schedule is the system's
    epochs = load_config(config).train_cfg.max_epochs
    return (work_dir / f'epoch_{epochs}.pth').is_file()


def _is_tested(work_dir: Path) -> bool:
    """Whether both results are there; without the second, the first may be of muted audio."""
    folders = (work_dir, work_dir / WITHOUT_AUDIO)
    return all((folder / RESULTS / 'test.json').is_file() for folder in folders)


def _work_dir(subset: str, network: SmallNetwork, seed: int, args: argparse.Namespace) -> Path:
    return args.out / subset / f'{network.stem}_seed{seed}'


def _tables(
    subset: str, runs: dict[SmallNetwork, dict[int, Run]], args: argparse.Namespace
) -> tuple[str, str]:
    """The Markdown of a subset, and the short one."""
    root = load_config(config_file(f'{subset}/demo.py')).data_root
    scenes = {clip['clip_id']: clip['group'] for clip in load_truth(root)}
    results = [
        System(
            network.title,
            tuple(
                _by_scene(read_result(_work_dir(subset, network, seed, args)), scenes)
                for seed in done
            ),
        )
        for network, done in runs.items()
    ]
    comparison = compare(results, ComparisonSettings())
    rows = [_row(subset, network, list(done.values()), args) for network, done in runs.items()]
    heading = _heading(subset, runs, comparison, root)
    lines = [heading, '', *score_table(rows, comparison)]
    measured = None
    if len(runs) > 1:
        lines += ['', *wins_table(comparison)]
    if not args.no_robustness:
        measured = {
            network.title: [_robustness(subset, network, seed, args) for seed in done]
            for network, done in runs.items()
        }
        lines += ['', ROBUSTNESS_NOTE, '', systems_table(measured).strip()]
    short = [heading, '', *short_table(rows, comparison, measured)]
    return '\n'.join(lines) + '\n', '\n'.join(short) + '\n'


def _robustness(
    subset: str, network: SmallNetwork, seed: int, args: argparse.Namespace
) -> Robustness:
    """What a training marks with other sounds; measured unless that is done."""
    work_dir = _work_dir(subset, network, seed, args)
    folder = work_dir / ROBUSTNESS
    if (folder / 'robustness.json').is_file():
        return read_robustness(folder)
    config = network.config(subset, args.out)
    return evaluate_robustness(config, work_dir / BEST, folder, overwrite=True)


def _by_scene(result: Result, scenes: dict[str, str]) -> Result:
    """A result whose twins, which have the same images, are resampled together."""
    table = result.table.assign(clip=result.table['clip'].map(scenes))
    return replace(result, table=table)


def _row(
    subset: str, network: SmallNetwork, runs: list[Run], args: argparse.Namespace
) -> SystemRow:
    cost = complexity(load_config(network.config(subset, args.out)))
    minutes = [run.minutes for run in runs]
    return SystemRow(
        title=network.title,
        params=cost.params,
        flops=cost.flops,
        muted=sum(run.score_when_muted for run in runs) / len(runs),
        minutes=None if None in minutes else sum(minutes) / len(minutes),
    )


def _heading(
    subset: str, runs: dict[SmallNetwork, dict[int, Run]], comparison: Comparison, root: str
) -> str:
    """What the tables are of; what their intervals do not say, too."""
    test = load_ceilings(root)['test']
    deaf, timeless = (test[kind]['bound_J'] for kind in ('audio_blind', 'time_blind'))
    trained = [sorted(done) for done in runs.values()]
    seeds = ', '.join(map(str, sorted({seed for done in trained for seed in done})))
    level = f'{100 * comparison.level:g} % intervals ({comparison.interval})'
    if comparison.seeds:
        about = f'{level} over seeds and scenes'
    else:
        about = f'{level} over scenes alone, since a system has one seed: they do not say how '
        about += 'much another training would differ'
    uneven = '' if all(done == trained[0] for done in trained) else '; not every system has all'
    return (
        f'{subset}-like twin test split, {comparison.clips} scenes, seeds {seeds}{uneven}; '
        f'{about}. Ceilings of J: {deaf:.3f} without sound, {timeless:.3f} without time.'
    )
