"""Parts of the export: log-mel as a graph, metadata, and what is said on mistakes."""

import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from export_cases import write_checkpoint

from avsbench.apis import AVSInferencer
from avsbench.apis.standalone import config_of
from avsbench.commands.arguments import export as arguments
from avsbench.export import writing
from avsbench.export.formats import FORMATS, Format
from avsbench.export.front_end import LogMel
from avsbench.export.info import ExportInfo
from avsbench.export.runtime import OnnxProgram
from avsbench.media.log_mel import log_mel_patches
from avsbench.utils.errors import CheckpointError, ConfigError, DataError

INFO = ExportInfo(
    config='demo.py',
    subset='s4',
    synthetic=True,
    classes=['background', 'object'],
    palette=[],
    background=True,
    num_classes=1,
    maps='logits',
    threshold=0.5,
    clip_frames=5,
    frame_size=[64, 64],
    mean=[1.0, 2.0, 3.0],
    std=[1.0, 1.0, 1.0],
    audio='none',
    front_end=None,
    sample_rate=None,
    checkpoint='a.pth',
    checkpoint_sha256='0' * 64,
    avsbench_version='0',
    network={'model': {'type': 'AVSegmentor'}},
)


@pytest.fixture(scope='module')
def checkpoint(tmp_path_factory) -> Path:
    return write_checkpoint('s4/tpavi_demo', tmp_path_factory.mktemp('weights'))


def test_log_mel_of_the_graph_is_that_of_the_toolbox() -> None:
    draw = np.random.default_rng(0)
    times = np.arange(2 * 16000) / 16000
    waves = np.stack([0.5 * np.sin(2 * np.pi * 440 * times), draw.uniform(-0.3, 0.3, len(times))])
    found = LogMel('vggish', 2)(torch.from_numpy(waves).float()).numpy()
    expected = np.stack([log_mel_patches(wave, 16000)[:2] for wave in waves])
    assert found.shape == (2, 2, 1, 96, 64)
    np.testing.assert_allclose(found, expected, atol=1e-3)
    with pytest.raises(ConfigError, match="'vggish' only, and this network reads 'ast'"):
        LogMel('ast', 2)


def test_metadata_is_read_as_it_was_written() -> None:
    texts = INFO.as_texts()
    assert texts['subset'] == 's4' and texts['frame_size'] == '[64, 64]'
    assert ExportInfo.from_texts({**texts, 'of': 'others'}, 'a.onnx') == INFO
    with pytest.raises(CheckpointError, match=r'a.onnx: lacks the metadata .*avsbench export'):
        ExportInfo.from_texts({'producer': 'x'}, 'a.onnx')
    for name, text in (('clip_frames', 'five'), ('classes', '7'), ('synthetic', '[]')):
        with pytest.raises(CheckpointError, match='a.onnx: its metadata is damaged'):
            ExportInfo.from_texts({**texts, name: text}, 'a.onnx')
    with pytest.raises(CheckpointError, match='of version 2, expected 1; export the network'):
        ExportInfo.from_texts({**texts, 'format_version': '2'}, 'a.onnx')


def test_foreign_files(tmp_path) -> None:
    pytest.importorskip('onnxruntime')
    onnx = pytest.importorskip('onnx')
    value = onnx.helper.make_tensor_value_info('x', onnx.TensorProto.FLOAT, [1])
    other = onnx.helper.make_tensor_value_info('y', onnx.TensorProto.FLOAT, [1])
    graph = onnx.helper.make_graph(
        [onnx.helper.make_node('Identity', ['x'], ['y'])], 'g', [value], [other]
    )
    opset = [onnx.helper.make_opsetid('', 17)]
    onnx.save(onnx.helper.make_model(graph, opset_imports=opset, ir_version=8), tmp_path / 'a.onnx')
    with pytest.raises(CheckpointError, match=r'a.onnx: lacks the metadata of the toolbox'):
        AVSInferencer(tmp_path / 'a.onnx')
    (tmp_path / 'b.onnx').write_bytes(b'no network at all')
    with pytest.raises(CheckpointError, match=r'b.onnx: not an ONNX file, or damaged'):
        AVSInferencer(tmp_path / 'b.onnx')
    with pytest.raises(CheckpointError, match=r'c.onnx: no such checkpoint file'):
        AVSInferencer(tmp_path / 'c.onnx')


def test_a_missing_runtime_is_named(tmp_path, monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, 'onnxruntime', None)
    (tmp_path / 'a.onnx').write_bytes(b'anything')
    with pytest.raises(ConfigError, match=r'needs onnxruntime: pip install onnxruntime.*\[export'):
        AVSInferencer(tmp_path / 'a.onnx')


@pytest.mark.parametrize(
    ('device', 'starts', 'asked', 'used'),
    [
        (None, True, 'CUDAExecutionProvider', 'cuda'),
        (None, False, 'CUDAExecutionProvider', 'cpu'),
        ('cuda:1', True, ('CUDAExecutionProvider', {'device_id': 1}), 'cuda'),
        ('cuda', False, 'CUDAExecutionProvider', None),
        ('cpu', True, 'CPUExecutionProvider', 'cpu'),
    ],
)
def test_devices(tmp_path, monkeypatch, device, starts, asked, used) -> None:
    """With a card, and with an onnxruntime that falls back to the CPU without a word."""
    requests = []

    class Session:
        def __init__(self, path: str, options: object, providers: list) -> None:
            requests.extend(providers)

        def get_providers(self) -> list[str]:
            on_card = starts and 'CPU' not in requests[0]
            return ['CUDAExecutionProvider'] * on_card + ['CPUExecutionProvider']

        def get_modelmeta(self) -> SimpleNamespace:
            return SimpleNamespace(custom_metadata_map=INFO.as_texts())

    runtime = SimpleNamespace(
        get_available_providers=lambda: ['CUDAExecutionProvider', 'CPUExecutionProvider'],
        SessionOptions=SimpleNamespace,
        InferenceSession=Session,
    )
    monkeypatch.setitem(sys.modules, 'onnxruntime', runtime)
    (tmp_path / 'a.onnx').write_bytes(b'a graph')
    if used is None:
        with pytest.raises(ConfigError, match="device='cuda', but onnxruntime could not start"):
            OnnxProgram(tmp_path / 'a.onnx', device)
    else:
        assert OnnxProgram(tmp_path / 'a.onnx', device).device == used
    assert requests == [asked]


def test_names_of_files(checkpoint, tmp_path) -> None:
    cfg = config_of(checkpoint)
    with pytest.raises(ConfigError, match=r'network.pt2: a name that ends in .onnx'):
        writing.export_network(cfg, checkpoint, tmp_path / 'network.pt2')
    (tmp_path / 'network.onnx').write_bytes(b'older')
    with pytest.raises(DataError, match='exists already.*--overwrite'):
        writing.export_network(cfg, checkpoint, tmp_path / 'network.onnx')
    with pytest.raises(CheckpointError, match='no such checkpoint'):
        writing.export_network(cfg, tmp_path / 'none.pth', tmp_path / 'other.onnx')


@pytest.mark.parametrize('error', [0.1, float('nan')])
def test_a_file_that_computes_something_else_is_not_left(
    error: float, checkpoint, tmp_path, monkeypatch
) -> None:
    made = []

    def opened(path: Path):
        assert path.read_bytes() == b'a graph'

        def run(inputs: dict) -> tuple[torch.Tensor, torch.Tensor]:
            maps, masks = made[0](**inputs)
            return maps + error * maps.abs().max(), masks

        return run

    def written(program: object, info: ExportInfo, path: Path) -> None:
        path.write_bytes(b'a graph')

    monkeypatch.setattr(writing, '_program', lambda network, cfg: made.append(network))
    monkeypatch.setitem(FORMATS, 'onnx', Format('.onnx', (), written, opened))
    cfg, file = config_of(checkpoint), tmp_path / 'network.onnx'
    with pytest.raises(DataError, match='not written: its maps differ.*more than 0.001 of'):
        writing.export_network(cfg, checkpoint, file)
    assert list(tmp_path.iterdir()) == []
    if error == error:
        report = writing.export_network(cfg, checkpoint, file, tolerance=0.2)
        assert file.read_bytes() == b'a graph' and 0.09 < report.relative < 0.11


def test_a_checkpoint_alone_is_one_that_holds_its_config(capsys) -> None:
    import argparse

    parser = argparse.ArgumentParser()
    arguments.add_arguments(parser)
    args = parser.parse_args(['best.pth', '--out', 'a.onnx'])
    arguments.check(parser, args)
    assert (args.config, args.checkpoint, args.weights) == (None, 'best.pth', 'best.pth')
    args = parser.parse_args(['s4/pvt2', 'best.pth', '--out', 'a.onnx'])
    arguments.check(parser, args)
    assert (args.config, args.checkpoint, args.weights) == ('s4/pvt2', 'best.pth', None)
    with pytest.raises(SystemExit):
        arguments.check(parser, parser.parse_args(['s4/pvt2', '--out', 'a.onnx']))
    assert 'CHECKPOINT' in capsys.readouterr().err
