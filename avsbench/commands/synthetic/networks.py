"""The small networks that `avsbench synthetic systems` trains: a system, on an image encoder."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from avsbench.analysis.encoders import encoder_config
from avsbench.config.paths import config_file
from avsbench.registry import SYSTEMS
from avsbench.utils.files import write_text

_OWN = 'config'  # folder of the configs that are written, in that of the comparison


@dataclass(frozen=True)
class SmallNetwork:
    """A system of demo size.

    Attributes:
        system: Its name in `SYSTEMS`.
        backbone: Name of an image encoder in timm; None for that of the system's demo config.
    """

    system: str
    backbone: str | None = None

    @property
    def title(self) -> str:
        """As tables name it."""
        title = SYSTEMS.module_dict[self.system].title
        return title if self.backbone is None else f'{title}, {self.backbone}'

    @property
    def stem(self) -> str:
        """Of its config file, and of its work dirs."""
        own = '' if self.backbone is None else '_' + re.sub(r'[^\w.-]', '-', self.backbone)
        return f'{self.system}_demo{own}'

    def config(self, subset: str, out: Path) -> Path:
        """Its config file.

        Args:
            subset: 's4' or 'ms3'.
            out: Folder of the comparison, where `write_config` has put those with other encoders.
        """
        if self.backbone is None:
            return config_file(f'{subset}/{self.stem}.py')
        return out.absolute() / _OWN / subset / f'{self.stem}.py'

    def write_config(self, subset: str, out: Path, weights: str | None) -> None:
        """Write the config of a network with another encoder: its demo config, and that backbone.

        Raises:
            ConfigError: No network of timm has that name, or it gives no features.
        """
        if self.backbone is None:
            return
        base = config_file(f'{subset}/{self.system}_demo.py').resolve()
        backbone: dict[str, Any] = {'_delete_': True, **encoder_config(self.backbone, weights)}
        path = self.config(subset, out)
        path.parent.mkdir(parents=True, exist_ok=True)
        write_text(
            path,
            f'# {self.title}, written by `avsbench synthetic systems --backbones`.\n'
            f'_base_ = {str(base)!r}\nmodel = dict(backbone={backbone!r})\n',
        )


def small_networks(systems: list[str], backbones: list[str] | None) -> list[SmallNetwork]:
    """Each system on each encoder, or on the one of its demo config."""
    return [SmallNetwork(system, name) for system in systems for name in backbones or [None]]
