"""The whole network of every system as ONNX, beside PyTorch; PyTorch's own files without us."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from export_cases import batch, demo_leaves, write_checkpoint

from avsbench.apis.model import load_model
from avsbench.apis.standalone import config_of
from avsbench.checkpoint.reading import sha256_of
from avsbench.export.info import ExportInfo
from avsbench.export.writing import export_network
from avsbench.structures import AVSDataSample

onnxruntime = pytest.importorskip('onnxruntime')
pytest.importorskip('onnxscript')


def test_a_kind_of_network_of_every_system_is_exported() -> None:
    from system_cases import system_names

    systems = {name.partition('/')[2].removesuffix('_demo') for name in demo_leaves()}
    assert systems == set(system_names())


@pytest.mark.slow
@pytest.mark.parametrize('name', demo_leaves())
def test_onnx_equals_pytorch(name: str, tmp_path: Path) -> None:
    checkpoint = write_checkpoint(name, tmp_path)
    file = tmp_path / 'network.onnx'
    cfg = config_of(checkpoint)
    cfg.model.pop('test_cfg', None)
    report = export_network(cfg, checkpoint, file)  # compares batches of one and three
    assert report.relative < 1e-3 and report.pixels < 0.01

    session = onnxruntime.InferenceSession(file, providers=['CPUExecutionProvider'])
    info = ExportInfo.from_texts(session.get_modelmeta().custom_metadata_map, str(file))
    assert info.checkpoint_sha256 == sha256_of(checkpoint) and info.synthetic
    assert info.num_classes == cfg.model.decode_head.num_classes and info.subset == cfg.subset
    assert [part.name for part in session.get_outputs()] == [info.maps, 'masks']
    described = {part.name: part.shape[1:] for part in session.get_inputs()}
    inputs, draw = {}, torch.Generator().manual_seed(5)
    for part, shape in described.items():
        values = torch.rand(2, *shape, generator=draw)
        inputs[part] = 8 * values - 5 if part == 'audio' else (255 * values).byte()
    assert described['frames'] == [info.clip_frames, 3, *info.frame_size]
    maps, masks = session.run(None, {key: value.numpy() for key, value in inputs.items()})

    model = load_model(cfg, str(checkpoint))
    exists = torch.ones(info.clip_frames, dtype=torch.bool)
    samples = [AVSDataSample(frame_valid=exists) for _ in range(2)]
    with torch.inference_mode():
        found = model.test_step({'inputs': batch(model, inputs), 'data_samples': samples})
    key = 'seg_logits' if info.maps == 'logits' else 'seg_probs'
    expected = torch.stack([sample.get(key) for sample in found]).numpy()
    assert maps.shape == expected.shape
    assert np.abs(maps - expected).max() < 1e-3 * np.abs(expected).max()
    assert (masks != torch.stack([sample.pred_masks for sample in found]).numpy()).mean() < 0.01


WITHOUT_US = """
import json, sys
sys.modules['avsbench'] = sys.modules['mmengine'] = None
import torch
about = {'avsbench.json': ''}
network = torch.export.load(sys.argv[1], extra_files=about).module()
inputs = torch.load(sys.argv[2])
torch.save(network(**inputs), sys.argv[3])
print(json.loads(about['avsbench.json'])['clip_frames'])
"""


@pytest.mark.slow
@pytest.mark.parametrize('name', ['s4/tpavi_demo', 's4/avsegformer_demo'])
def test_files_of_torch_run_without_the_toolbox(name: str, tmp_path: Path) -> None:
    checkpoint = write_checkpoint(name, tmp_path)
    cfg, file = config_of(checkpoint), tmp_path / 'network.pt2'
    report = export_network(cfg, checkpoint, file, file_format='torch')
    assert report.relative < 1e-4
    draw = torch.Generator().manual_seed(5)
    frames = (255 * torch.rand(2, 5, 3, *cfg.test_dataloader.dataset.pipeline[1].size)).byte()
    inputs = {'frames': frames, 'audio': 8 * torch.rand(2, 5, 1, 96, 64, generator=draw) - 5}
    places = [str(tmp_path / 'inputs.pt'), str(tmp_path / 'outputs.pt')]
    torch.save(inputs, places[0])
    done = subprocess.run(
        [sys.executable, '-c', WITHOUT_US, str(file), *places],
        check=True,
        capture_output=True,
        text=True,
        cwd=tmp_path,
    )
    assert json.loads(done.stdout) == 5
    maps, masks = torch.load(places[1])
    model = load_model(cfg, str(checkpoint))
    samples = [AVSDataSample(frame_valid=torch.ones(5, dtype=torch.bool)) for _ in range(2)]
    with torch.inference_mode():
        found = model.test_step({'inputs': batch(model, inputs), 'data_samples': samples})
    torch.testing.assert_close(maps, torch.stack([s.seg_logits for s in found]), rtol=0, atol=1e-4)
    assert masks.dtype == torch.uint8 and masks.shape == maps[:, :, 0].shape
