"""An exported network in onnxruntime, and its metadata; the toolbox's networks take no part."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from mmengine.config import Config
from torch import Tensor

from avsbench.checkpoint.reading import check_file
from avsbench.export.info import ExportInfo
from avsbench.reproduction.strangers import distrusted
from avsbench.utils.errors import CheckpointError, ConfigError
from avsbench.utils.extras import require

SUFFIX = '.onnx'
_PROVIDERS = {'cpu': 'CPUExecutionProvider', 'cuda': 'CUDAExecutionProvider'}


def is_exported(path: str | Path) -> bool:
    """Whether a file is an exported network, by its name."""
    return Path(path).suffix == SUFFIX


class OnnxProgram:
    """An exported network that is ready to run.

    Args:
        path: Of the file.
        device: 'cpu' or 'cuda'; None for CUDA where this onnxruntime has it.
        for_metadata: Whether only the metadata is wanted, so that the graph need not be optimised.

    Attributes:
        info: What the file says about the network.
        device: Where it runs.

    Raises:
        CheckpointError: The file is missing, no network, or not exported by this toolbox.
        ConfigError: No onnxruntime is installed, or none for this device.
    """

    def __init__(
        self, path: str | Path, device: str | None = 'cpu', *, for_metadata: bool = False
    ) -> None:
        check_file(path)
        runtime = require('onnxruntime', f'running {path}')
        self.device = _device(runtime.get_available_providers(), device, path)
        options = runtime.SessionOptions()
        options.intra_op_num_threads = torch.get_num_threads()
        options.log_severity_level = 3  # errors; warnings are about the exporter's graph
        if for_metadata:
            options.graph_optimization_level = runtime.GraphOptimizationLevel.ORT_DISABLE_ALL
        try:
            self._session = runtime.InferenceSession(
                str(path), options, providers=[_PROVIDERS[self.device]]
            )
        except Exception as error:  # of many kinds, which share no other base
            reason = str(error).strip().splitlines()[0]
            raise CheckpointError(f'{path}: not an ONNX file, or damaged ({reason})') from error
        texts = self._session.get_modelmeta().custom_metadata_map
        self.info = ExportInfo.from_texts(texts, str(path))

    @property
    def input_names(self) -> list[str]:
        """Of the graph."""
        return [part.name for part in self._session.get_inputs()]

    def run(self, inputs: Mapping[str, Tensor]) -> tuple[Tensor, Tensor]:
        """Maps and masks, see `ExportableNetwork`.

        Args:
            inputs: By name.
        """
        feeds = {name: values.contiguous().numpy() for name, values in inputs.items()}
        maps, masks = self._session.run(None, feeds)
        return torch.from_numpy(maps), torch.from_numpy(masks)


def exported_config(path: str | Path, *, trust: bool = False) -> Config:
    """The config that an exported network holds.

    Args:
        path: Of the file.
        trust: Also take one that names classes of other packages.

    Raises:
        CheckpointError: See `OnnxProgram`; or the config asks for trust.
    """
    config: dict[str, Any] = OnnxProgram(path, for_metadata=True).info.network
    lines = [] if trust else distrusted(config)
    if lines:
        raise CheckpointError(
            f'{path}: its config asks for trust:\n  ' + '\n  '.join(lines) + '\nPass '
            '--trust-checkpoint if you know who made the file'
        )
    return Config(config, cfg_text=json.dumps(config), filename=str(path))


def _device(providers: list[str], device: str | None, path: str | Path) -> str:
    """The device, if onnxruntime has it."""
    if device is None:
        return 'cuda' if _PROVIDERS['cuda'] in providers else 'cpu'
    kind = torch.device(device).type
    if _PROVIDERS.get(kind) not in providers:
        raise ConfigError(
            f'{path}: device={device!r}, but the installed onnxruntime has '
            f"{', '.join(providers)}; take 'cpu', or install onnxruntime-gpu for 'cuda'"
        )
    return kind
