"""The work of `avsbench parity`."""

import argparse
import time

from avsbench.parity import Fixture, check_fixture
from avsbench.parity.coverage import document_row, update_document
from avsbench.utils.parallel import show_progress


def run(args: argparse.Namespace) -> int:
    """Run `avsbench parity`."""
    failed, count = 0, len(args.fixtures)
    for path in show_progress(args.fixtures, count, 'fixtures'):
        start = time.perf_counter()
        rows = check_fixture(path, args.config)
        seconds = time.perf_counter() - start
        bad = sum(not row.passed for row in rows)
        failed += bool(bad or not rows)
        print(*rows, sep='\n')
        print(f'{path}: {len(rows) - bad} of {len(rows)} pass\n', flush=True)
        if args.document and rows:
            fixture = Fixture(path)
            row = document_row(fixture, rows, seconds)
            update_document(args.document, row, fixture.path.parent)
    fixtures = 'fixture' if count == 1 else 'fixtures'
    print(f'{count} {fixtures}, {f"{failed} FAIL" if failed else "all pass"}')
    return 1 if failed else 0
