"""The published systems, a folder each: head, its own parts, key names, parity.

Importing a folder registers its modules and the system itself, see `system.py`.
"""

import importlib
import pkgutil

from avsbench.systems.system import System

for _module in pkgutil.iter_modules(__path__):
    if _module.ispkg:
        importlib.import_module(f'{__name__}.{_module.name}')

__all__ = ['System']
