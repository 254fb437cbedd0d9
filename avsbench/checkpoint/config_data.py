"""The config that a checkpoint carries, without what belongs to the machine that trained."""

import json
from collections.abc import Mapping
from typing import Any

# Where a training found its files. A checkpoint holds all weights, and videos come from elsewhere.
PLACES = ('data_root', 'ann_file', 'split_list', 'weights', 'cache_dir')


def without_places(node: Any) -> Any:
    """A config as plain data whose files and folders are None."""
    if isinstance(node, Mapping):
        return {
            key: None if key in PLACES and isinstance(item, str) else without_places(item)
            for key, item in node.items()
        }
    return [without_places(item) for item in node] if isinstance(node, list) else node


def published_config(text: Any) -> str | None:
    """The config of a training checkpoint's `meta` as a published file carries it.

    Args:
        text: Json, or anything else.

    Returns:
        Json without places; None if the text is none.
    """
    try:
        data = json.loads(text)
    except (TypeError, ValueError):
        return None
    return json.dumps(without_places(data)) if isinstance(data, dict) else None
