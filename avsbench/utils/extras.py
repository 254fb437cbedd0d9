"""Packages of the toolbox's extras: imported when they are needed, with a hint if they are missing.

An extra is a group of optional dependencies of pyproject.toml, e.g. `pip install -e '.[video]'`.
"""

from importlib import import_module
from types import ModuleType
from typing import Any

from avsbench.utils.errors import ConfigError

# Package -> its name, what pip calls it, and the extra that installs it.
PACKAGES = {
    'av': ('PyAV', 'av', 'video'),
    'gradio': ('gradio', 'gradio', 'demo'),
    'skimage': ('scikit-image', 'scikit-image', 'maskiges'),
    'tensorboard': ('TensorBoard', 'tensorboard', 'tensorboard'),
    'wandb': ('Weights & Biases', 'wandb', 'wandb'),
    'shtab': ('shtab', 'shtab', 'completion'),
    'h5py': ('h5py', 'h5py', 'a2d'),
    'transformers': ('transformers', 'transformers', 'audio'),
    'huggingface_hub': ('huggingface_hub', 'huggingface_hub', 'hub'),
    'onnx': ('onnx', 'onnx', 'export'),
    'onnxscript': ('onnxscript', 'onnxscript', 'export'),
    'onnxruntime': ('onnxruntime', 'onnxruntime', 'export'),
    'pycocotools': ('pycocotools', 'pycocotools', 'maskiges'),
}


def require(module: str, purpose: str) -> ModuleType:
    """Import a module of a package in `PACKAGES`.

    Args:
        module: Its full name, e.g. 'skimage.segmentation'.
        purpose: What needs it, e.g. 'reading and writing video'; the error begins with it.

    Raises:
        ConfigError: The package is not installed; the message says how to install it.
    """
    name, package, extra = PACKAGES[module.partition('.')[0]]
    try:
        return import_module(module)
    except ImportError as error:
        raise ConfigError(
            f'{purpose} needs {name}: pip install {package}, or install the toolbox with its '
            f"extra: pip install -e '.[{extra}]'"
        ) from error


class OptionalModule:
    """Stands for a module that `require` imports once something in it is used.

    Args:
        module: See `require`.
        purpose: See `require`.
    """

    def __init__(self, module: str, purpose: str) -> None:
        self._module = module
        self._purpose = purpose

    def __getattr__(self, name: str) -> Any:
        return getattr(require(self._module, self._purpose), name)
