"""Show that our code equals the published one on parity fixtures.

    python tools/check_parity.py tests/parity/avsegformer_*.json
    python tools/check_parity.py FIXTURE.json --config CONFIG.py    # of a system of your own

Prints a line for each stored output, loss and gradient norm; exit code 0 only if all pass.
"""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from avsbench.parity import check_fixture
from avsbench.utils.cli import run_command


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split('\n', 1)[0])
    parser.add_argument('fixtures', nargs='+', metavar='FIXTURE.json')
    parser.add_argument(
        '--config',
        help='config to build the network from; its custom_imports may register the system',
    )
    return parser.parse_args()


def main() -> int:
    args = parse_args()
    failed = 0
    for path in args.fixtures:
        rows = check_fixture(path, args.config)
        bad = sum(not row.passed for row in rows)
        failed += bad + (not rows)
        print(*rows, sep='\n')
        print(f'{path}: {len(rows) - bad} of {len(rows)} pass\n', flush=True)
    return 1 if failed else 0


if __name__ == '__main__':
    run_command(main)
