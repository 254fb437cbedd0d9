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
        device: 'cpu', 'cuda' or 'cuda:N'; None for CUDA where this onnxruntime has it.
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
        kind = _device(runtime.get_available_providers(), device, path)
        options = runtime.SessionOptions()
        options.intra_op_num_threads = torch.get_num_threads()
        options.log_severity_level = 3  # errors; warnings are about the exporter's graph
        if for_metadata:
            options.graph_optimization_level = runtime.GraphOptimizationLevel.ORT_DISABLE_ALL
        try:
            self._session = runtime.InferenceSession(
                str(path), options, providers=[_provider(kind, device)]
            )
        except Exception as error:  # of many kinds, which share no other base
            reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
            raise CheckpointError(f'{path}: not an ONNX file, or damaged ({reason})') from error
        # onnxruntime goes on without a provider that it can't start, such as CUDA without cuDNN.
        self.device = kind if _PROVIDERS[kind] in self._session.get_providers() else 'cpu'
        if device is not None and self.device != kind:
            raise ConfigError(
                f'{path}: device={device!r}, but onnxruntime could not start '
                f'{_PROVIDERS[kind]} and would compute on the CPU; install the versions of CUDA '
                "and cuDNN that it was built for, or take 'cpu'"
            )
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


def _provider(kind: str, device: str | None) -> str | tuple[str, dict[str, int]]:
    """What onnxruntime is asked for: of CUDA, the card as well."""
    index = None if device is None else torch.device(device).index
    if kind == 'cpu' or index is None:
        return _PROVIDERS[kind]
    return _PROVIDERS[kind], {'device_id': index}


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
