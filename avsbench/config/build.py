"""Building parts of a config, with errors that name its file and the dotted path of the part."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from mmengine.config import Config
from mmengine.registry import Registry

from avsbench.registry import BuildError, describe, is_config_problem, type_name


def build_part(cfg: Config, registry: Registry, *keys: str) -> Any:
    """Build the part of a config at some keys: `build_part(cfg, MODELS, 'model')`.

    Raises:
        ConfigError: See `building`.
    """
    part: Any = cfg
    for key in keys:
        part = part[key]
    with building(cfg, *keys):
        return registry.build(part)


@contextmanager
def building(cfg: Config, *keys: str) -> Iterator[None]:
    """Tell what goes wrong while a part of a config is built in terms of the config.

    Args:
        cfg: The whole config.
        keys: Where the part is.

    Raises:
        ConfigError: Names the config file, the dotted path and type of the part that failed, and
            for a wrong name of an argument the nearest valid one.
    """
    try:
        yield
    except Exception as error:
        if not is_config_problem(error) or getattr(error, 'place', ''):
            raise
        problem = error.problem if isinstance(error, BuildError) else describe(error)
        path = _dotted_path(cfg, keys, getattr(error, 'parts', ()))
        place = ': '.join(filter(None, (cfg.filename, path)))
        raise BuildError(problem, place=place) from (error.__cause__ or error)


def _dotted_path(cfg: Config, keys: Sequence[str], parts: Sequence[Mapping]) -> str:
    """Where the innermost of the parts is in the config, and its type.

    One that can't be told from others in the config is named by the types around it.
    """
    path, node, found = list(keys), cfg._cfg_dict, None
    for key in keys:
        node = node.get(key) if isinstance(node, Mapping) else None
    for part in parts:
        found = _find(node, part)
        if found is not None:
            path, node = path + found[0], found[1]
    types = [type_name(part) for part in parts[-1 if found else 0 :] if 'type' in part]
    return '.'.join(path) + (f' ({" > ".join(types)})' if types else '')


def _find(node: Any, part: Mapping) -> tuple[list[str], Any] | None:
    """The config in or below `node` that a part was made from, as its path and itself.

    The one around it may have filled in or taken out some keys, so the most similar one of the
    same type is taken; None if there is none, or several alike.
    """
    scored = []
    for path, candidate in _dicts(node):
        if candidate.get('type') == part.get('type'):
            same = sum(key in part and _equal(part[key], candidate[key]) for key in candidate)
            scored.append((2 * same - len(candidate), path, candidate))
    scored.sort(key=lambda item: item[0], reverse=True)
    if not scored or (len(scored) > 1 and scored[0][0] == scored[1][0]):
        return None
    return scored[0][1:]


def _dicts(node: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[list[str], Mapping]]:
    if isinstance(node, Mapping):
        yield list(path), node
        items: Any = node.items()
    elif isinstance(node, list | tuple):
        items = enumerate(node)
    else:
        return
    for key, value in items:
        yield from _dicts(value, (*path, str(key)))


def _equal(one: Any, other: Any) -> bool:
    try:
        return bool(one == other)
    except (ValueError, RuntimeError):  # an array or tensor that the part around it filled in
        return False
