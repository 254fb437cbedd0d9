"""What a result was made with: `python -m avsbench.utils.env` prints it."""

import json
import os
import platform
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

import torch

from avsbench.utils import ops
from avsbench.version import __version__

# Import name -> distributions that provide it, the maintained fork first.
_MM_PACKAGES = {
    'mmengine': ('onedl-mmengine', 'mmengine'),
    'mmcv': ('onedl-mmcv', 'mmcv', 'mmcv-lite'),
    'mmseg': ('onedl-mmsegmentation', 'mmsegmentation'),
}
# What the toolbox imports besides, the extras last; None where it is not installed.
_PACKAGES = (
    'torchvision',
    'timm',
    'numpy',
    'pandas',
    'pillow',
    'opencv-python',
    'opencv-python-headless',
    'soundfile',
    'resampy',
    'soxr',
    'librosa',
    'matplotlib',
    'rich',
    'av',
    'gradio',
    'tensorboard',
    'scikit-image',
    'pycocotools',
)


def collect_environment() -> dict[str, Any]:
    """Versions, hardware, threads and the commit of the checkout, as plain data."""
    return {
        'avsbench': __version__,
        'git_commit': _git_commit(),
        'python': sys.version.split()[0],
        'platform': platform.platform(),
        'torch': torch.__version__,
        'cuda': torch.version.cuda if torch.cuda.is_available() else None,
        'cudnn': torch.backends.cudnn.version() if torch.cuda.is_available() else None,
        'gpus': [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())],
        'cpu': _cpu_name(),
        'cpu_cores': os.cpu_count(),
        'torch_threads': torch.get_num_threads(),
        'omp_num_threads': os.environ.get('OMP_NUM_THREADS'),
        'omp_wait_policy': os.environ.get('OMP_WAIT_POLICY'),
        'deformable_attention': ops.describe(),
        'mm_packages': mm_packages(),
        'packages': {name: _version(name) for name in _PACKAGES},
    }


def mm_packages() -> dict[str, Any]:
    """Which distributions provide mmengine, mmcv and mmseg.

    Returns:
        {import name: 'distribution version'} and `set`: 'fork' (onedl), 'original', or 'mixed',
        which includes both in one environment, where the one installed last wins.
    """
    found: dict[str, Any] = {}
    kinds = set()
    for module, names in _MM_PACKAGES.items():
        present = [name for name in names if _version(name) is not None]
        found[module] = ' and '.join(f'{name} {_version(name)}' for name in present) or None
        kinds |= {'fork' if name.startswith('onedl-') else 'original' for name in present}
    found['set'] = kinds.pop() if len(kinds) == 1 else 'mixed' if kinds else None
    return found


def _version(distribution: str) -> str | None:
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return None


def _git_commit() -> str | None:
    """Commit of the checkout that the package is imported from, with '+' for local changes."""
    root = Path(__file__).resolve().parents[2]
    if not (root / '.git').exists():
        return None
    try:
        commit = _git(root, 'rev-parse', 'HEAD')
        return commit + ('+' if _git(root, 'status', '--porcelain', '-uno') else '')
    except (OSError, subprocess.SubprocessError):  # no git, or a repository without a commit
        return None


def _git(root: Path, *arguments: str) -> str:
    command = ['git', '-C', str(root), *arguments]
    finished = subprocess.run(command, capture_output=True, text=True, check=True, timeout=10)
    return finished.stdout.strip()


def _cpu_name() -> str:
    try:
        lines = Path('/proc/cpuinfo').read_text(encoding='utf-8').splitlines()
    except OSError:
        return platform.processor()
    names = [line.split(':', 1)[1].strip() for line in lines if line.startswith('model name')]
    return names[0] if names else platform.processor()


if __name__ == '__main__':
    print(json.dumps(collect_environment(), indent=2))
