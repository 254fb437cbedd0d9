"""The work of `avsbench parity`."""

import argparse

from avsbench.parity import check_fixture


def run(args: argparse.Namespace) -> int:
    """Run `avsbench parity`."""
    failed = 0
    for path in args.fixtures:
        rows = check_fixture(path, args.config)
        bad = sum(not row.passed for row in rows)
        failed += bad + (not rows)
        print(*rows, sep='\n')
        print(f'{path}: {len(rows) - bad} of {len(rows)} pass\n', flush=True)
    return 1 if failed else 0
