"""The work of `avsbench config`."""

import argparse
from typing import Any

from mmengine.config import Config

from avsbench.config.comparing import differences
from avsbench.config.front_ends import set_front_ends
from avsbench.config.loading import apply_overrides, load_config, resolved_text
from avsbench.config.paths import config_file


def run(args: argparse.Namespace) -> int:
    """Run `avsbench config`."""
    first = _load(args.config, args.cfg_options)
    if args.other is None:
        print(resolved_text(first), end='')
        return 0
    lines = list(differences(first, _load(args.other, args.cfg_options)))
    print('\n'.join(lines) or 'no difference')
    return 1 if lines else 0


def _load(name: str, overrides: dict[str, Any]) -> Config:
    cfg = load_config(config_file(name))
    apply_overrides(cfg, overrides)
    set_front_ends(cfg)
    return cfg
