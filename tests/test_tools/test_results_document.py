"""The commands of docs/results.md run, one after the other, on made-up results and masks."""

import json
import re
import shlex
import shutil
from pathlib import Path

import dataset_trees
from test_analyze_results import write_semantic
from test_compare_results import write_result

DOCS = Path(__file__).resolve().parents[2] / 'docs'
MORE = {'leaderboard': ('--data', 'board', '--out', 'pages'), 'compare_results': ('--overwrite',)}

SCRIPTS = {'score': 'score_masks', 'analyze': 'analyze_results', 'compare': 'compare_results'}


def commands() -> list[list[str]]:
    text = (DOCS / 'results.md').read_text()
    blocks = re.findall(r'```bash\n(.*?)```', text, re.DOTALL)
    return [shlex.split(line) for block in blocks for line in block.splitlines()]


def make_everything(folder: Path) -> None:
    """What the commands read, where they look for it."""
    root = dataset_trees.make_s4(folder)
    shutil.copytree(root / 's4_data/gt_masks/test', folder / 'DIR')
    (folder / 'data').mkdir()
    root.rename(folder / 'data' / 'Single-source')
    names = (
        'work_dir/s4/pvt2',
        'work_dir/s4/res50',
        *(f'runs/{s}_seed{n}' for s in 'ab' for n in '01'),
    )
    for seed, name in enumerate(names):
        write_result(folder / name, 0.7 + 0.01 * seed, seed=seed)
    path = folder / names[0] / 'results' / 'test.json'
    entry = json.loads(path.read_text())
    entry['data'] |= dict(clips=30, synthetic=True)
    path.write_text(json.dumps(entry))
    write_semantic(folder / 'work_dir/avss/pvt2')
    shutil.copytree(DOCS / 'leaderboard', folder / 'board')


def test_commands_run(tool, tmp_path, monkeypatch):
    make_everything(tmp_path)
    monkeypatch.chdir(tmp_path)
    found = commands()
    assert len(found) >= 5
    for program, word, *words in found:
        name = Path(word).stem if program == 'python' else SCRIPTS[word]
        finished = tool(name, *words, *MORE.get(name, ()))
        assert finished.code == 0, f'{name}: {finished.err}'
    made = {
        *('DIR/results/scores.csv', 'comparison/comparison.png', 'pages/leaderboard.html'),
        *('work_dir/avss/pvt2/results/breakdown/confusion.png',),
    }
    assert all((tmp_path / name).is_file() for name in made)
