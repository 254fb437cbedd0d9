"""Rows of measured figures, each with the machine, the versions and the commit it was taken on."""

import datetime
import json
from pathlib import Path
from typing import Any

import torch

from avsbench.utils.env import collect_environment


def describe(device: str) -> dict[str, Any]:
    """Where and when a row is measured: card or CPU, threads, versions, commit, date."""
    environment = collect_environment()
    name = torch.cuda.get_device_name() if device == 'cuda' else environment['cpu']
    return {
        'device': name,
        'threads': None if device == 'cuda' else torch.get_num_threads(),
        'torch': torch.__version__,
        'commit': environment['git_commit'],
        'date': datetime.date.today().isoformat(),
    }


def append_row(path: Path | None, row: dict[str, Any]) -> None:
    """Append a row to a file of json lines, if there is one."""
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open('a', encoding='utf-8') as file:
            file.write(json.dumps(row) + '\n')


def read_rows(paths: list[Path]) -> list[dict[str, Any]]:
    """The rows of several files of json lines."""
    lines = [line for path in paths for line in path.read_text(encoding='utf-8').splitlines()]
    return [json.loads(line) for line in lines if line.strip()]
