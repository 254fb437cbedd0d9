"""Makes synthetic data in AVSBench's layout, with ceilings for models that do not listen.

python tools/make_synthetic.py --subset all --preset default --out data/synthetic --workers 2
"""

import argparse
import os
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from avsbench.synthetic import PRESETS, SIZES, SUBSETS, TIERS, Settings, generate_tree
from avsbench.synthetic.generator import read_record
from avsbench.synthetic.settings import GRIDS
from avsbench.utils.errors import AVSBenchError


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('--subset', required=True, choices=(*SUBSETS, 'all'))
    parser.add_argument('--out', required=True, help='each subset gets its own folder in this one')
    parser.add_argument('--preset', default='tiny', choices=PRESETS, help='default: %(default)s')
    parser.add_argument(
        '--size', type=int, default=64, choices=SIZES, help='side of the pictures, %(default)s'
    )
    parser.add_argument('--seed', type=int, default=0)
    parser.add_argument(
        '--state-seed', type=int, help='another seed for the sounds: same pictures, other masks'
    )
    parser.add_argument(
        '--tier',
        action='append',
        choices=TIERS,
        help='T1 base; T2 two sizes of two classes; T3 a switch every second; T4 nothing visible '
        'sounds in the test clips; may be given several times (default: T1)',
    )
    parser.add_argument(
        '--tell', action='store_true', help='control: sounding objects light up, no need to listen'
    )
    parser.add_argument(
        '--grid', type=float, default=1.0, choices=GRIDS, help='length of a state in seconds'
    )
    parser.add_argument(
        '--snr',
        type=float,
        default=30.0,
        metavar='DB',
        help='level of the white noise below a source, or inf (default: 30)',
    )
    parser.add_argument('--decoys', type=int, default=0, help='objects that never sound')
    for split, what in (('train', 'clips'), ('val', 'clips'), ('test', 'scenes')):
        parser.add_argument(
            f'--{split}', type=int, metavar='N', help=f'{what} instead of the preset (AVSS: of v2)'
        )
    parser.add_argument(
        '--write-log-mel', action='store_true', help='also write the log-mel pickles'
    )
    parser.add_argument(
        '--workers', type=int, default=os.cpu_count(), help='processes (default: %(default)s)'
    )
    parser.add_argument(
        '--overwrite',
        action='store_true',
        help='replace an earlier synthetic tree, or write beside foreign files; deletes nothing '
        'that it has not made',
    )
    return parser.parse_args()


def main() -> int:
    args = parse_args()
    names = tuple(SUBSETS) if args.subset == 'all' else (args.subset,)
    values = {
        name: getattr(args, name)
        for name in (
            *('preset', 'size', 'seed', 'state_seed', 'tell', 'grid', 'snr', 'decoys'),
            *('train', 'val', 'test', 'write_log_mel'),
        )
    }
    tiers = tuple(args.tier or ['T1'])
    try:
        for settings in [Settings(subset=name, tiers=tiers, **values) for name in names]:
            start = time.perf_counter()
            root = generate_tree(
                settings, args.out, workers=args.workers, overwrite=args.overwrite, progress=True
            )
            print(_summary(settings, root, time.perf_counter() - start))
    except (AVSBenchError, OSError) as error:  # OSError: no space, no permission; names the file
        print(f'error: {error}', file=sys.stderr)
        return 2
    return 0


def _summary(settings: Settings, root: Path, seconds: float) -> str:
    ceilings = read_record(root, 'ceilings.json')
    clips = len(read_record(root, 'truth.json'))
    line = f'{root}: {clips} clips, {seconds:.1f} s'
    best = ceilings.get('test', {}).get('audio_blind', {}).get('J')
    if settings.tell:
        return f'{line}; sounding objects light up, so the ceilings do not hold for this tree'
    return line if best is None else f'{line}; best J in test without listening: {best:.4f}'


if __name__ == '__main__':
    sys.exit(main())
