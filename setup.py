"""Puts configs and citations into a wheel; all else about the build is in pyproject.toml."""

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py


class BuildWithConfigs(build_py):
    """Copies config/ into the package, where `avsbench.config.paths` looks for it first.

    An editable install has no copy: it reads config/ itself, as a checkout does.
    """

    def run(self) -> None:
        """Build the package, then add the configs and what a model card cites."""
        super().run()
        if self.editable_mode:
            return
        target = Path(self.build_lib, 'avsbench', 'packaged_configs')
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree('config', target, ignore=shutil.ignore_patterns('__pycache__', '*.pyc'))
        shutil.copy('CITATION.cff', Path(self.build_lib, 'avsbench'))


setup(cmdclass={'build_py': BuildWithConfigs})
