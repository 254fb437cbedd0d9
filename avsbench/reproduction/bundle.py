"""A reproduction bundle: what a training was, and what came out, as a few files of plain data.

`train.sh` leaves it in `bundle/` of the work dir, see `BundleHook`:

* `run.json`: seed, number of processes, versions, weights it started from, whether it has finished;
* `config.json`: the resolved config; in this form reading it runs nothing;
* `environment.json`: versions, hardware, commit;
* `data.json`: counts and hashes of the data sets, see `avsbench.datasets.fingerprint`;
* `curve.json`: losses and metrics by epoch.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mmengine.config import Config

from avsbench.analysis.curves import Curves, curves_of
from avsbench.analysis.run_logs import read_run
from avsbench.config.loading import load_config, open_config, resolved
from avsbench.datasets.fingerprint import Fingerprint, fingerprint
from avsbench.registry import DATASETS
from avsbench.utils.errors import ConfigError, DataError
from avsbench.utils.files import write_text
from avsbench.utils.text import parse_json, read_json

FOLDER = 'bundle'
FORMAT = 1
FILES = ('run.json', 'config.json', 'environment.json', 'data.json', 'curve.json')
SPLITS = ('train_dataloader', 'val_dataloader')


@dataclass(frozen=True)
class Bundle:
    """What a training was, and what came out.

    Attributes:
        run: Content of `run.json`, see `BundleHook`.
        config: The resolved config as plain data.
        environment: From `collect_environment`.
        data: {key of the loader: fingerprint of its data set}.
        curves: Losses and metrics.
    """

    run: dict[str, Any]
    config: dict[str, Any]
    environment: dict[str, Any]
    data: dict[str, Fingerprint]
    curves: Curves

    def texts(self) -> dict[str, str]:
        """{file name: content}."""
        parts = (self.run, self.config, self.environment, self.data, self.curves.to_json())
        return {name: to_text(part) for name, part in zip(FILES, parts, strict=True)}


def to_text(content: Any) -> str:
    """Plain data as json; numbers keep every bit."""
    return json.dumps(content, indent=1) + '\n'


def config_data(cfg: Config) -> dict[str, Any]:
    """The resolved config as plain data: tuples are lists, classes are their names.

    Raises:
        ConfigError: It holds something else; the key is named.
    """
    return _plain(resolved(cfg), '')


def _plain(value: Any, key: str) -> Any:
    if isinstance(value, Mapping):
        odd = [name for name in value if not isinstance(name, str)]
        if odd:
            raise ConfigError(f'{key or "config"}: the key {odd[0]!r} is no text')
        return {
            name: _plain(item, f'{key}.{name}' if key else name) for name, item in value.items()
        }
    if isinstance(value, list | tuple):
        return [_plain(item, f'{key}.{index}') for index, item in enumerate(value)]
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, type) or callable(value):
        name = getattr(value, '__qualname__', '')
        if name.isidentifier():
            return f'{value.__module__}.{name}'
    raise ConfigError(f'{key}: {value!r} can not be written as data')


def bundle_from(texts: Mapping[str, str], source: str) -> Bundle:
    """Read the content of a bundle's files.

    Args:
        texts: {file name: content}.
        source: Where it comes from, for errors.

    Raises:
        DataError: A file is missing or malformed, or of a later format.
    """
    missing = [name for name in FILES if name not in texts]
    if missing:
        raise DataError(f'{source}: no whole bundle, {", ".join(missing)} missing')
    parts = [parse_json(texts[name], f'{source}: {name}') for name in FILES]
    for name, part in zip(FILES, parts, strict=True):
        if not isinstance(part, dict):
            raise DataError(f'{source}: {name}: expected an object, got {type(part).__name__}')
    run, config, environment, data, curves = parts
    if run.get('format') != FORMAT:
        raise DataError(
            f'{source}: a bundle of format {run.get("format")!r}, this version of the toolbox '
            f'reads format {FORMAT}'
        )
    for key, kind in (('seed', int), ('num_processes', int), ('subset', str)):
        if not isinstance(run.get(key), kind) or isinstance(run[key], bool):
            raise DataError(f'{source}: run.json: no {key!r}, expected {kind.__name__}')
    if not all(isinstance(item, dict) for item in data.values()):
        raise DataError(f'{source}: data.json: expected an object for each data set')
    return Bundle(run, config, environment, data, Curves.from_json(curves, f'{source}: curve.json'))


def read_bundle(work_dir: str | Path) -> Bundle:
    """Read the bundle that a training has left, with the curve of its logs as they are now.

    Raises:
        DataError: There is none, or it is malformed.
    """
    folder = Path(work_dir, FOLDER)
    if not folder.is_dir():
        raise DataError(
            f'{work_dir}: no folder {FOLDER} in it, as train.sh leaves one; name the work dir of a '
            'training'
        )
    texts = {}
    for name in FILES[:-1]:
        try:
            texts[name] = to_text(read_json(folder / name))
        except FileNotFoundError as error:
            raise DataError(f'{folder}: no whole bundle, {name} missing') from error
    texts[FILES[-1]] = to_text(curves_of(read_run(work_dir)).to_json())
    return bundle_from(texts, str(folder))


def write_part(work_dir: str | Path, name: str, content: Any) -> None:
    """Write one of `FILES` into the bundle of a work dir."""
    write_text(Path(work_dir, FOLDER, name), to_text(content))


def describe_work_dir(work_dir: str | Path) -> Bundle:
    """The bundle of a training; of one that has none, made of what it has left otherwise.

    Its config file is then executed, and its data sets are looked through as they are now.

    Raises:
        DataError: It is no training, or its data are not there.
    """
    work_dir = Path(work_dir)
    if (work_dir / FOLDER).is_dir():
        return read_bundle(work_dir)
    curves = curves_of(read_run(work_dir))
    try:
        environment = read_json(work_dir / 'env.json')
    except FileNotFoundError as error:
        raise DataError(f'{work_dir}: no env.json, as train.sh leaves one') from error
    config = config_of_work_dir(work_dir)
    cfg = load_config(work_dir / 'config.py')
    last = _last_validation(work_dir)
    run = {
        'format': FORMAT,
        'subset': cfg.subset,
        'seed': last.get('seed'),
        'num_processes': last.get('num_processes'),
        'config_file': config_name(last.get('config_file')),
    }
    return Bundle(run, config, environment, fingerprints(cfg), curves)


def config_of_work_dir(work_dir: str | Path) -> dict[str, Any]:
    """The config of a training as plain data.

    Of one that has no bundle the config file is executed.

    Raises:
        DataError: It has left neither.
    """
    for name, read in (
        (f'{FOLDER}/config.json', read_json),
        ('config.py', lambda path: config_data(load_config(path))),
    ):
        path = Path(work_dir, name)
        if path.is_file():
            return read(path)
    raise DataError(
        f'{work_dir}: neither {FOLDER}/config.json nor config.py, as train.sh leaves them; name '
        'the work dir of a training'
    )


def fingerprints(cfg: Config) -> dict[str, Fingerprint]:
    """The data sets of a training's config as they are now.

    Raises:
        DataError: They are not there.
    """
    cfg = open_config(cfg)
    found = {}
    for key in SPLITS:
        if cfg.get(key) is not None:
            found[key] = fingerprint(DATASETS.build({**cfg[key]['dataset']}))
    return found


def _last_validation(work_dir: Path) -> dict[str, Any]:
    try:
        entries = read_json(work_dir / 'results' / 'val.json')
    except FileNotFoundError:
        return {}
    return entries[-1] if isinstance(entries, list) and entries else {}


def config_name(path: str | None) -> str | None:
    """`s4/demo.py` of `/home/me/avsbench/config/s4/demo.py`."""
    return None if path is None else '/'.join(Path(path).parts[-2:])
