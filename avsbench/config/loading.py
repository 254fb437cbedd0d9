"""Reading, overriding and checking text configs, with errors that name file, key and remedy."""

import copy
import inspect
import os
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from mmengine.config import Config
from mmengine.config import config as mmengine_config
from mmengine.registry import init_default_scope
from mmengine.runner import Runner

import avsbench.config.yaml_files  # noqa: F401  yaml is plain data from here on
from avsbench.config.front_ends import set_front_ends
from avsbench.config.paths import config_file, find_config
from avsbench.config.schema import accepted_at, check_arguments, kinds_at, nearest_key
from avsbench.config.sources import (
    SUFFIXES,
    check_sources,
    is_read_under_another_name,
    sources,
    unread_names,
)
from avsbench.config.values import check_kinds, check_values
from avsbench.utils.errors import ConfigError, nearest
from avsbench.utils.words import Word, read_word

# Keys that something reads at the top level of a config: the runner's arguments, what mmengine
# looks up in the config itself, and the four of this toolbox.
RUNNER_KEYS = (set(inspect.signature(Runner.__init__).parameters) - {'self', 'cfg'}) | {
    'runner_type',
    'custom_imports',
    'compile',
    'sync_bn',
    'find_unused_parameters',
    'model_wrapper_cfg',
    'activation_checkpointing',
    'efficient_conv_bn_eval',
}
KNOWN_KEYS = RUNNER_KEYS | {'subset', 'trained_on', 'num_classes', 'data_root'}

# What belongs to one run and not to a config that is written down for later ones.
_RUN_KEYS = ('work_dir', 'launcher', 'resume', 'load_from', 'experiment_name')


def load_config(path: str | Path) -> Config:
    """Read a text config and its bases.

    A top-level name must be one that the toolbox or mmengine reads, or a helper variable that one
    of the files reads itself; anything else is taken for a typo.

    Args:
        path: A `.py`, `.json`, `.yaml` or `.yml` file, or a short name, see `find_config`.

    Returns:
        The merged config, with `filename` set to its path.

    Raises:
        ConfigError: No such file, one that is no text in UTF-8, a syntax error, an error while it
            is executed, an unknown key.
    """
    path = find_config(path) or Path(path)
    if not path.is_absolute() and not path.is_dir():
        if not (path.suffix and path.parent.is_dir()):
            path = config_file(path)  # says which short name is near
    if path.suffix not in SUFFIXES:
        raise ConfigError(f'{path}: a config ends in {", ".join(SUFFIXES)}')
    if not path.is_file():
        what = 'a folder, not a config file' if path.is_dir() else 'no such config file'
        raise ConfigError(f'{path}: {what}{_nearest_file(path)}')
    check_sources(path)
    try:
        with _byte_order_marks_skipped():
            cfg = Config.fromfile(path)
    except (Exception, SystemExit) as error:
        raise ConfigError(_execution_message(path, error)) from error
    _check_top_level(cfg, path)
    return cfg


def open_config(config: str | Path | Config, overrides: Mapping[str, Any] | None = None) -> Config:
    """Read a config for use: with its overrides, checked, and with its default scope set.

    Its pipelines get the audio front end of its audio encoder, see `set_front_ends`.

    Args:
        config: Path of a file, or a config that `load_config` has read, which stays as it is.
        overrides: See `apply_overrides`.

    Raises:
        ConfigError: See `load_config`, `apply_overrides`, `check_arguments`, `check_values` and
            `set_front_ends`.
    """
    cfg = copy.deepcopy(config) if isinstance(config, Config) else load_config(config)
    apply_overrides(cfg, overrides or {})
    check_kinds(cfg)
    init_default_scope(cfg.get('default_scope', 'avsbench'))
    check_arguments(cfg)
    check_values(cfg)
    set_front_ends(cfg)
    return cfg


def apply_overrides(cfg: Config, options: Mapping[str, Any]) -> None:
    """Merge `--cfg-options` into a config, in place.

    The key must exist, or be an argument of the class that its parent names. A helper variable
    at the top level (`data_root`) is set wherever a key of that name has its old value, because
    nothing else would see the change.

    Args:
        cfg: Config as read by `load_config`.
        options: Dotted key -> value; list items by their index (`param_scheduler.0.end`). A `Word`
            is read as the kind of value that the key has.

    Raises:
        ConfigError: An unknown key or a value of another kind.
    """
    for dotted, value in options.items():
        parts = tuple(dotted.split('.'))
        old, value = _check_override(cfg, parts, value)
        if parts[0] not in RUNNER_KEYS | {'subset', 'trained_on'}:
            whole = len(parts) == 1
            count = _replace_everywhere(cfg._cfg_dict, dotted, old, value) if whole else 0
            if not count or is_read_under_another_name(cfg.filename, dotted):
                raise ConfigError(
                    f'{cfg.filename}: --cfg-options {dotted}: nothing reads this variable once '
                    'the config is loaded; override the keys that were computed from it'
                )
        cfg.merge_from_dict({dotted: value}, allow_list_keys=True)


def check_subset(cfg: Config, subset: str) -> None:
    """Compare the first word of a command with the `subset` of its config.

    Raises:
        ConfigError: They differ, or the config has none.
    """
    declared = cfg.get('subset')
    if declared is None:
        raise ConfigError(f"{cfg.filename}: no 'subset' at the top level, e.g. subset = 's4'")
    if declared != subset:
        raise ConfigError(
            f'the command says {subset!r}, but {cfg.filename} is a config for {declared!r}: '
            f'write {declared!r}, or choose a config of {subset!r}'
        )


def default_work_dir(cfg: Config) -> str:
    """`work_dir/<subset>/<config stem>`, relative to the current directory."""
    return str(Path('work_dir', cfg.subset, Path(cfg.filename).stem))


def resolved(cfg: Config) -> dict[str, Any]:
    """The final values of a config, as one dict.

    Helper variables and what belongs to one run (its directory, launcher, checkpoint) are left
    out.
    """
    return {
        key: copy.deepcopy(value)
        for key, value in cfg.items()
        if key in KNOWN_KEYS and key not in _RUN_KEYS
    }


def resolved_text(cfg: Config) -> str:
    """`resolved` as the text of a file without bases, that `load_config` reads again."""
    return Config(resolved(cfg)).pretty_text


def _nearest_file(path: Path) -> str:
    folder = path.parent
    if not folder.is_dir():
        return f'; the folder {folder} does not exist either'
    return nearest(path.name, sorted(p.name for p in folder.iterdir() if p.suffix == path.suffix))


@contextmanager
def _byte_order_marks_skipped() -> Iterator[None]:
    """Let mmengine read files with a byte order mark, which it takes for a part of the text."""

    def open_text(file: str, mode: str = 'r', encoding: str | None = None) -> IO:
        return open(file, mode, encoding='utf-8-sig' if mode == 'r' else encoding)

    mmengine_config.open = open_text
    try:
        yield
    finally:
        del mmengine_config.open


def _execution_message(path: Path, error: BaseException) -> str:
    files = [str(source.resolve()) for source in sources(path)]
    where, traceback = str(path), error.__traceback__
    while traceback is not None:
        name = traceback.tb_frame.f_code.co_filename
        if str(Path(name).resolve()) in files:
            where = f'{name}, line {traceback.tb_lineno}'
        traceback = traceback.tb_next
    text = error.args[0] if isinstance(error, KeyError) and error.args else error
    return f'{where}: {type(error).__name__}: {text}'


def _check_top_level(cfg: Config, path: Path) -> None:
    """Every name must be known, or be read by the file that sets it or one that builds on it.

    A base has been executed before the file that names it, so it can't see what that one sets.
    """
    for source, names in unread_names(path).items():
        _refuse(source, names - KNOWN_KEYS)
    root, used = cfg.get('data_root'), list(_values_of(cfg._cfg_dict, 'data_root'))
    if root is not None and len(used) > 1 and root not in used[1:]:
        raise ConfigError(
            f'{path}: data_root = {root!r} changes nothing, since the data sets of a base have '
            f'theirs already ({used[1]!r}); set train_dataloader.dataset.data_root and so on'
        )


def _refuse(source: Path, names: set[str]) -> None:
    if names:
        lines = [f'unknown key {name!r}{nearest(name, KNOWN_KEYS)}' for name in sorted(names)]
        raise ConfigError(
            f'{source}: ' + '; '.join(lines) + '. Neither the toolbox nor a config file reads it '
            '(a base can not read what the file above it sets)'
        )


def _values_of(node: Any, name: str) -> Iterator[Any]:
    """Values of all keys called `name`, from the top."""
    items = node.items() if isinstance(node, dict) else enumerate(node)
    for key, value in items:
        if key == name:
            yield value
    for value in node.values() if isinstance(node, dict) else node:
        if isinstance(value, dict | list | tuple):
            yield from _values_of(value, name)


def _check_override(cfg: Config, parts: tuple[str, ...], value: Any) -> tuple[Any, Any]:
    """Walk to the key; return its old value, None where it is new and allowed, and the new one."""
    node: Any = cfg._cfg_dict
    for depth, part in enumerate(parts):
        where = f'{cfg.filename}: --cfg-options {".".join(parts)}'
        here = '.'.join(parts[:depth]) or 'the top level'
        if isinstance(node, dict):
            if part not in node:
                accepted = KNOWN_KEYS if depth == 0 else accepted_at(cfg, parts[:depth])
                if accepted is None or part not in accepted:
                    valid = set(node) | (accepted or set())
                    near = nearest_key(part, valid, node, parts[:depth])
                    raise ConfigError(f'{where}: {here} has no key {part!r}{near}')
                node = None
                break
            node = node[part]
        elif isinstance(node, list | tuple):
            if not part.isdigit() or int(part) >= len(node):
                raise ConfigError(
                    f'{where}: {here} is a list of {len(node)} items, so the next word is an '
                    f'index from 0 to {len(node) - 1}, not {part!r}'
                )
            node = node[int(part)]
        else:
            raise ConfigError(f'{where}: {here} is {node!r} and has no keys')
    return node, _read_value(cfg, parts, node, value, where)


def _read_value(cfg: Config, parts: tuple[str, ...], old: Any, value: Any, where: str) -> Any:
    """The new value as the key's kind, whether it was given as a `Word` or as it is."""
    kinds = kinds_at(cfg, parts)
    if isinstance(value, Word):
        try:
            value = read_word(value, old, kinds)
        except ConfigError as error:
            raise ConfigError(f'{where}: {error}') from error
    if isinstance(value, os.PathLike):
        value = os.fspath(value)  # a config is text
    _check_kind(f'{where}: ', old, value, kinds)
    return value


def _check_kind(where: str, old: Any, new: Any, accepted: Collection[type] | None) -> None:
    """A number stays a number, a flag a flag, a dict a dict, a text a text, unless the reader of
    the key takes others too; None is always allowed."""
    kinds = ((bool, (bool,), 'True or False'), ((int, float), (int, float), 'a number'))
    kinds += ((dict, (dict,), 'a dict; name one of its keys'),)
    kinds += (((list, tuple), (list, tuple), 'a list, e.g. [1,2]'), (str, (str, type), 'a text'))
    for is_kind, allowed, name in kinds:
        if isinstance(old, is_kind):
            fits = isinstance(new, allowed) and (isinstance(new, bool) == isinstance(old, bool))
            if new is not None and not fits and type(new) not in (accepted or ()):
                raise ConfigError(f'{where}the value {new!r} should be {name} (it was {old!r})')
            return


def _replace_everywhere(node: Any, name: str, old: Any, new: Any, depth: int = 0) -> int:
    """Set nested keys called `name` from `old` to `new`; return how many."""
    count = 0
    if isinstance(node, dict):
        for key, value in node.items():
            if depth and key == name and value == old:
                node[key] = new
                count += 1
            else:
                count += _replace_everywhere(value, name, old, new, depth + 1)
    elif isinstance(node, list | tuple):
        for item in node:
            count += _replace_everywhere(item, name, old, new, depth + 1)
    return count
