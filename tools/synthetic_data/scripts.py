"""Running train.py and test.py from a tool."""

import subprocess
import sys
from pathlib import Path

from avsbench.utils.errors import AVSBenchError

ROOT = Path(__file__).resolve().parents[2]


def run_script(script: str, *arguments: str, log: Path) -> None:
    """Run a script of the project's root, and write what it prints to a file.

    Raises:
        AVSBenchError: It failed; the end of the file is in the message.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open('w') as file:
        command = [sys.executable, str(ROOT / script), *arguments]
        done = subprocess.run(command, stdout=file, stderr=subprocess.STDOUT, check=False)
    if done.returncode:
        tail = '\n'.join(log.read_text().splitlines()[-5:])
        raise AVSBenchError(f'{script} {" ".join(arguments)} failed, see {log}:\n{tail}')
