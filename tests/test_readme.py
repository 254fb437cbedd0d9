"""The commands of the README and of the documents it begins with run, in their order.

As far as they can, on tiny data, in a few minutes.
"""

import csv
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from avsbench.registry import SYSTEMS
from avsbench.synthetic import generate
from avsbench.utils.precision import cpu_computes_bf16
from avsbench.video import make_video

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / 'README.md').read_text()
SYSTEMS_PAGE = (ROOT / 'docs/systems.md').read_text()
PAGES = ('README.md', 'docs/install.md', 'docs/data.md', 'docs/training.md', 'docs/parity.md')
SHORT = (
    '--cfg-options train_cfg.max_epochs=1 train_dataloader.dataset.indices=2 '
    'val_dataloader.dataset.indices=1'
)
FULL_SIZE = (  # without the files of pretrained weights
    f'{SHORT} train_dataloader.batch_size=1 model.backbone.weights=None '
    'model.audio_encoder.weights=None'
)
# What a command gets in addition, or instead, to be over soon: pattern -> replacement.
SHORTCUTS = (
    (r'--preset default', '--preset tiny'),
    (r'^(bash train.sh \S+ config/\S+/demo.py)$', rf'\1 {SHORT}'),
    (r'^(.*bash train.sh \S+ config/\S+/(pvt2|res50).py.*)$', rf'\1 {FULL_SIZE}'),
    # Convolutions of a CPU without instructions for bfloat16 take minutes.
    *([] if cpu_computes_bf16() else [(r'--amp\b', '--amp off')]),
    (r'^(bash test.sh .*)$', r'\1 --cfg-options test_dataloader.dataset.indices=2'),
    (r'tests/parity/avsegformer_\*.json', 'tests/parity/metrics_*.json'),
    (r'^avsbench (data|parity|info)', r'python -m avsbench \1'),
    (
        r'^avsbench (.*) --weights avsegformer_s4_pvt2',
        r'python -m avsbench \1 s4/demo work_dir/s4/demo/best_mIoU.pth',
    ),
)
# Checked in another way: installing needs a network, and the targets run everything again.
NOT_RUN = {
    'make demo': ['make', '-n', 'demo'],
    'make test': ['make', '-n', 'test'],
    'python -m venv .venv && source .venv/bin/activate': ['python', '-m', 'venv', '--help'],
    'pip install -r requirements.txt': ['test', '-s', 'requirements.txt'],
    'pip install torch torchvision --index-url https://download.pytorch.org/whl/cpu': [
        *('grep', '-q', '^torch', 'requirements.txt')
    ],
    'bash ops/make.sh': ['bash', '-n', 'ops/make.sh'],
    "pip install -e '.[demo]'": ['grep', '-q', '^demo = ', 'pyproject.toml'],
    'avsbench page --weights avsegformer_s4_pvt2': ['python', '-m', 'avsbench', 'page', '--help'],
}


def commands() -> list[str]:
    """All of them, each once."""
    text = '\n'.join((ROOT / page).read_text() for page in PAGES)
    blocks = re.findall(r'```bash\n(.*?)```', text, re.DOTALL)
    lines = [re.sub(r'\s+#.*', '', line) for block in blocks for line in block.splitlines()]
    found = dict.fromkeys(line.strip() for line in lines if line.strip())
    return sorted(found, key=lambda line: 'IN.mp4' in line)  # with a network that is trained before


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A folder that looks like a checkout, with tiny data where the configs expect it."""
    for entry in ROOT.iterdir():
        if entry.name not in ('data', 'work_dir', '.git'):
            (tmp_path / entry.name).symlink_to(entry)
    for subset in ('s4', 'ms3'):
        generate(subset, tmp_path / 'data', size=224)
    frames = np.random.default_rng(0).integers(0, 256, (20, 48, 64, 3), np.uint8)
    make_video(tmp_path / 'IN.mp4', frames, 10, np.zeros(32000), 16000)
    return tmp_path


@pytest.mark.slow
def test_commands_run(checkout: Path) -> None:
    environment = os.environ | {
        'OMP_NUM_THREADS': '1',
        'PATH': f'{Path(sys.executable).parent}{os.pathsep}{os.environ["PATH"]}',
    }
    found = commands()
    assert len(found) >= 10
    for command in found:
        words = NOT_RUN.get(command)
        if words is None:
            for pattern, replacement in SHORTCUTS:
                command = re.sub(pattern, replacement, command)
            words = ['bash', '-c', command]
        done = subprocess.run(
            words, cwd=checkout, env=environment, capture_output=True, text=True, timeout=900
        )
        assert done.returncode == 0, f'{command}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}'
    assert list((checkout / 'masks').rglob('*.png'))
    assert (checkout / 'OUT.mp4').is_file() and (checkout / 'OUT.csv').is_file()
    assert (checkout / 'work_dir/s4/pvt2/results/test.json').is_file()


def test_every_path_in_the_readme_exists() -> None:
    named = re.findall(r'[`(]((?:tools|config|avsbench|tests|docs)/[\w./-]+)[`)]', README)
    pictures = re.findall(r'\]\(([\w./]+)\)', README)
    words = [word for command in commands() for word in shlex.split(command)]
    scripts = [word for word in words if word.startswith(('tools/', 'config/', 'tests/'))]
    assert named and pictures and scripts
    for path in {*named, *pictures, *scripts}:
        assert list(ROOT.glob(path)), path


def test_every_system_can_be_cited() -> None:
    SYSTEMS.import_from_location()
    text = (ROOT / 'CITATION.cff').read_text()
    papers = {system.paper for system in SYSTEMS.module_dict.values()}
    assert len(papers) == 8 and all(paper in text for paper in papers)
    assert all(paper in text for paper in ('arXiv 2207.05042', 'arXiv 2301.13190'))  # the data


def test_the_tables_of_systems_are_those_of_the_registered_ones() -> None:
    SYSTEMS.import_from_location()
    systems = sorted(SYSTEMS.module_dict.items())
    files = {name: f'config/*/{name}_*.py' for name, _ in systems}
    row = r'^\| (.+) \| (.+) \| (\w+) \| `(config/.+\.py)` \|.*\|$'
    assert re.findall(row, SYSTEMS_PAGE, re.MULTILINE) == [
        (s.title, s.paper, s.frame_context.replace('none', 'independent'), files[name])
        for name, s in systems
    ]
    rows = results_in_readme()
    assert [row[:2] for row in rows] == [(s.title, s.paper) for _, s in systems]
    for (name, _), (*_, path) in zip(systems, rows, strict=True):  # those of the size published
        sizes = dict(avsegformer='_512')
        assert path == f'config/*/{name}_*{sizes.get(name, "")}.py'
        assert list(ROOT.glob(path)) and list(ROOT.glob(files[name]))


def results_in_readme() -> list[tuple[str, ...]]:
    """(title, paper, encoder, S4, MS3, AVSS, configs) of each row."""
    cells = r' \| '.join([r'(.+)'] * 3 + [r'([\d.]+|–)'] * 3)
    return re.findall(rf'^\| {cells} \| `(config/.+\.py)` \|$', README, re.MULTILINE)


def test_results_in_the_readme_are_those_of_the_leaderboard() -> None:
    with (ROOT / 'docs/leaderboard/published.csv').open() as file:
        known = {
            (row['subset'], row['system'], row['backbone'], row['J'])
            for row in csv.DictReader(file)
        }
    for title, _, encoder, *scores, _ in results_in_readme():
        for subset, score in zip(('s4', 'ms3', 'avss'), scores, strict=True):
            if score != '–':
                assert (subset, title, encoder, score) in known


def test_the_readme_is_short() -> None:
    assert len(README.split()) <= 900
