"""The model card of a published checkpoint, README.md with yaml in front, as hubs read it."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from avsbench.checkpoint.reading import sha256_of
from avsbench.registry import MODELS, SYSTEMS
from avsbench.systems.system import System
from avsbench.utils.errors import CheckpointError, DataError
from avsbench.utils.text import read_json
from avsbench.weights.citation import bibtex

SYNTHETIC = (
    '**This network was trained on generated clips. It knows drawn shapes with made-up sounds; '
    'what it marks in a real video means nothing, and its numbers do not compare with those of '
    'AVSBench.**'
)
_RESULTS = ('results/test.json', 'test.json')


def model_card(
    meta: Mapping[str, Any],
    *,
    repo: str,
    file: str,
    licence: str,
    result: Mapping[str, Any] | None = None,
) -> str:
    """The text of the card.

    Args:
        meta: Of the checkpoint, as `avsbench.checkpoint.publish` keeps it.
        repo: 'USER/REPO'.
        file: Name of the checkpoint in it.
        licence: As the hub calls it, e.g. 'apache-2.0'.
        result: Content of a test.json, see `read_test`.

    Raises:
        CheckpointError: The checkpoint doesn't say what it is, or holds no config.
    """
    missing = [key for key in ('head', 'subset', 'config') if not meta.get(key)]
    if missing:
        raise CheckpointError(
            f'the checkpoint has no {", ".join(missing)} in its metadata, without which nobody '
            'could load it from its repository alone; push one of a training of this toolbox'
        )
    system = system_of(json.loads(meta['config'])['model'])
    parts = [f'# {system.title} on {_data(meta)}', _what(meta, system)]
    if meta.get('synthetic'):
        parts.append(SYNTHETIC)
    parts += ['## Use', _use(repo, meta), '## Results', _results(result), '## Training']
    parts += [_training(meta, file), '## Citation', f'```bibtex\n{bibtex(system.paper)}\n```']
    return f'{_front(meta, repo, licence, result)}\n' + '\n\n'.join(parts) + '\n'


def system_of(model: Mapping[str, Any]) -> type[System]:
    """The system that a network is of, by the folders that the parts of its head are defined in.

    A system that takes parts of another one is registered after it, since it imports them; so the
    last of several is the one that the network is of.

    Args:
        model: Of the config.

    Raises:
        CheckpointError: It is that of no system of this toolbox.
    """
    SYSTEMS.import_from_location()
    head = model.get('decode_head', {})
    used = {_owner(kind) for kind in _types(head)}
    found = [system for system in SYSTEMS.module_dict.values() if system in used]
    if not found:
        raise CheckpointError(f'the decode head {head.get("type")!r} belongs to no system here')
    return found[-1]


def _owner(kind: str) -> type[System] | None:
    """The system in whose folder a class is defined."""
    module = getattr(MODELS.module_dict.get(kind), '__module__', '')
    systems = SYSTEMS.module_dict.values()
    return next((s for s in systems if module.startswith(f'{s.__module__}.')), None)


def _types(node: Any) -> Iterator[str]:
    """The classes that a config names."""
    if isinstance(node, Mapping):
        if isinstance(node.get('type'), str):
            yield node['type']
        node = list(node.values())
    for item in node if isinstance(node, list) else ():
        yield from _types(item)


def read_test(path: str | Path, checkpoint: str | Path) -> dict[str, Any]:
    """A result that test.sh has written, if it is that of a checkpoint.

    Args:
        path: A test.json, or the work dir that it is in.
        checkpoint: The file that was tested.

    Raises:
        DataError: There is none, or it is of another file.
    """
    path = Path(path)
    places = [path] if path.is_file() else [path / name for name in _RESULTS]
    file = next((place for place in places if place.is_file()), None)
    if file is None:
        raise DataError(f'{path}: no result of a test, expected {" or ".join(map(str, places))}')
    result = read_json(file)
    if not isinstance(result, dict) or not isinstance(result.get('metrics'), dict):
        raise DataError(f'{file}: no result of a test')
    if result.get('checkpoint_sha256') != sha256_of(checkpoint):
        raise DataError(
            f'{file}: the result of another checkpoint ({result.get("checkpoint")}) than '
            f'{checkpoint}; test this one first'
        )
    return result


def _front(
    meta: Mapping[str, Any], repo: str, licence: str, result: Mapping[str, Any] | None
) -> str:
    front: dict[str, Any] = {
        'license': licence,
        'library_name': 'avsbench',
        'tags': ['audio-visual-segmentation', 'image-segmentation'],
    }
    if meta.get('synthetic'):
        front['tags'].append('synthetic')
    front['datasets'] = [_data(meta)]
    if result:
        front['model-index'] = [
            {'name': repo.rpartition('/')[2], 'results': [_index(meta, result)]}
        ]
    return f'---\n{yaml.safe_dump(front, sort_keys=False, allow_unicode=True)}---'


def _index(meta: Mapping[str, Any], result: Mapping[str, Any]) -> dict[str, Any]:
    data = result.get('data') or {}
    metrics = [
        {'type': name, 'name': text, 'value': value} for name, text, value in _numbers(result)
    ]
    return {
        'task': {'type': 'image-segmentation', 'name': 'audio-visual segmentation'},
        'dataset': {
            'type': str(meta['subset']),
            'name': _data({**meta, 'synthetic': data.get('synthetic')}),
            'split': str(data.get('split')),
        },
        'metrics': metrics,
    }


def _numbers(result: Mapping[str, Any]) -> list[tuple[str, str, float]]:
    """(name, protocol, value) of each metric whose protocol is known."""
    texts = result.get('protocol_texts') or {}
    metrics = result['metrics']
    return [
        (name, texts[name], round(float(value), 4))
        for name, value in metrics.items()
        if name in texts and isinstance(value, int | float)
    ]


def _data(meta: Mapping[str, Any]) -> str:
    kind = ', generated clips' if meta.get('synthetic') else ''
    return f'{str(meta["subset"]).upper()}{kind}'


def _what(meta: Mapping[str, Any], system: type[System]) -> str:
    config = meta.get('config_file') or 'not named'
    return (
        f'Weights of the toolbox avsbench: {system.title} ({system.paper}), config '
        f' `{config}`, {meta.get("num_classes", "?")} class(es). The file is in safetensors, '
        'which holds no code, and carries its config as data.'
    )


def _use(repo: str, meta: Mapping[str, Any]) -> str:
    return (
        f'```python\nfrom avsbench.apis import AVSInferencer\n'
        f"masks = AVSInferencer('hf:{repo}')('clip.mp4')['predictions'][0]['masks']\n```\n\n"
        f'```bash\navsbench video clip.mp4 --weights hf:{repo} --out marked.mp4\n```'
    )


def _results(result: Mapping[str, Any] | None) -> str:
    if result is None:
        return 'None were given when the weights were pushed.'
    data = result.get('data') or {}
    kind = 'generated clips' if data.get('synthetic') else 'clips'
    rows = [f'| {name} | {value:.4f} | {text} |' for name, text, value in _numbers(result)]
    head = f'Split `{data.get("split")}`, {data.get("clips")} {kind}. Numbers with other protocols '
    return '\n'.join(
        [f'{head}do not compare.', '', '| metric | value | protocol |', '|---|---|---|', *rows]
    )


def _training(meta: Mapping[str, Any], file: str) -> str:
    facts = {
        'data': _data(meta),
        'epoch': meta.get('epoch'),
        'iteration': meta.get('iter'),
        'seed': meta.get('seed'),
        'avsbench': meta.get('avsbench_version'),
        'PyTorch': meta.get('torch_version'),
        'file': f'`{file}`, named by the first digits of its SHA-256',
    }
    lines = [f'* {name}: {value}' for name, value in facts.items() if value is not None]
    config = json.loads(meta['config'])
    settings = json.dumps(config.get('model', {}).get('backbone', {}))
    return '\n'.join([*lines, f'* backbone: `{settings}`'])
