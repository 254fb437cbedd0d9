"""The kinds of files that a network can be exported to: how each is written, and run again."""

import io
import json
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor
from torch.export import ExportedProgram

from avsbench.export.info import ExportInfo
from avsbench.export.runtime import OnnxProgram
from avsbench.utils.extras import require

METADATA_FILE = 'avsbench.json'
"""Of a `.pt2` file: the texts of `ExportInfo` as a json object."""

Outputs = tuple[Tensor, Tensor]
Run = Callable[[Mapping[str, Tensor]], Outputs]


@dataclass(frozen=True)
class Format:
    """A kind of file.

    Attributes:
        suffix: Of its name.
        packages: Of the toolbox's extras that writing it needs.
        write: Writes a program with its metadata to a path.
        open: Path -> a function that runs what was written.
    """

    suffix: str
    packages: tuple[str, ...]
    write: Callable[[ExportedProgram, ExportInfo, Path], None]
    open: Callable[[Path], Run]


def _write_onnx(program: ExportedProgram, info: ExportInfo, path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')  # of the exporter about its own parts
        written = torch.onnx.export(
            program, (), dynamo=True, verbose=False, output_names=[info.maps, 'masks']
        )
    written.model.metadata_props.update(info.as_texts())
    written.save(path, external_data=False)


def _open_onnx(path: Path) -> Run:
    return OnnxProgram(path).run


def _write_torch(program: ExportedProgram, info: ExportInfo, path: Path) -> None:
    buffer = io.BytesIO()  # a path would have to end in .pt2, and temporary ones don't
    torch.export.save(program, buffer, extra_files={METADATA_FILE: json.dumps(info.as_texts())})
    path.write_bytes(buffer.getbuffer())


def _open_torch(path: Path) -> Run:
    module = torch.export.load(io.BytesIO(path.read_bytes())).module()
    return lambda inputs: module(**inputs)


def check_packages(kind: Format) -> None:
    """Check that what a format needs is installed.

    Raises:
        ConfigError: It is not.
    """
    for package in kind.packages:
        require(package, f'exporting to {kind.suffix}')


FORMATS = {
    'onnx': Format('.onnx', ('onnx', 'onnxscript', 'onnxruntime'), _write_onnx, _open_onnx),
    'torch': Format('.pt2', (), _write_torch, _open_torch),
}
