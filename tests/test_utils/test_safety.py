"""No file of the project can run what a checkpoint, a pickle or a command line brings along."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = ('', 'avsbench/**/', 'tools/**/', 'demo/')
SOURCES = sorted(path for folder in FOLDERS for path in ROOT.glob(f'{folder}*.py'))
FORBIDDEN = {
    'eval',
    'exec',
    'os.system',
    'os.popen',
    'pickle.load',
    'pickle.loads',
    'Config.fromstring',
    'load_checkpoint',  # mmengine's falls back to unrestricted unpickling
    '_load_checkpoint',
    'CheckpointLoader.load_checkpoint',
    'load_state_dict_from_url',
    'joblib.load',
    'torch.hub.load',
}


def _name(node: ast.expr) -> str:
    if isinstance(node, ast.Attribute):
        return f'{_name(node.value)}.{node.attr}'
    return node.id if isinstance(node, ast.Name) else '?'


def unsafe_calls(source: str) -> Iterator[str]:
    """'line N: what' for each call that could run what a file contains."""
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call):
            continue
        name = _name(node.func)
        words = {word.arg: ast.unparse(word.value) for word in node.keywords}
        if name in FORBIDDEN:
            yield f'line {node.lineno}: {name}'
        if name == 'torch.load' and words.get('weights_only') not in ('True', 'not trust'):
            yield f'line {node.lineno}: torch.load without weights_only=True'
        if name == 'np.load' and words.get('allow_pickle', 'False') != 'False':
            yield f'line {node.lineno}: np.load with pickles'
        if words.get('shell', 'False') != 'False':
            yield f'line {node.lineno}: {name} through a shell'


@pytest.mark.parametrize(
    'source',
    [
        'torch.load(path)',
        'torch.load(path, weights_only=False)',
        'pickle.load(file)',
        'eval(text)',
        'os.system(line)',
        'subprocess.run(line, shell=True)',
        'np.load(path, allow_pickle=True)',
    ],
)
def test_the_test_sees_them(source):
    assert len(list(unsafe_calls(source))) == 1


def test_no_unsafe_call_in_the_project():
    assert len(SOURCES) > 50
    found = {str(path.relative_to(ROOT)): list(unsafe_calls(path.read_text())) for path in SOURCES}
    assert {path: calls for path, calls in found.items() if calls} == {}


def test_only_one_place_may_trust():
    places = [path for path in SOURCES if 'weights_only=not trust' in path.read_text()]
    assert places == [ROOT / 'avsbench' / 'checkpoint' / 'reading.py']
