"""tools/benchmark.py video_inference at a small size."""

import importlib
import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from avsbench.systems.medvt.label_propagation import LabelPropagation

ROOT = Path(__file__).resolve().parents[2]


@torch.no_grad()
def test_the_published_formulation_computes_the_same(monkeypatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT / 'tools'))
    published_form = importlib.import_module('benchmarks.video_inference').published_form
    torch.manual_seed(0)
    ours = LabelPropagation(12, 2).eval()
    logits, feature = torch.randn(4, 2, 6, 8), torch.randn(4, 12, 6, 8)
    theirs = published_form(ours)(logits, feature, (4,))
    torch.testing.assert_close(theirs, ours(logits, feature, (4,)), rtol=1e-4, atol=1e-5)
    assert type(ours.self_attn) is not type(published_form(ours).self_attn)


@pytest.mark.slow
def test_time_and_memory_are_printed() -> None:
    small = '--frames 3 --size 64 96 --scales 0.75 1 --flip --threads 1'.split()
    config = '_base_/models/medvt_swinb_avos.py'
    command = [
        sys.executable,
        str(ROOT / 'tools/benchmark.py'),
        'video_inference',
        '--config',
        config,
    ]
    done = subprocess.run([*command, *small], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    sizes = re.findall(
        r'^  (\d+ x \d+): [\d.]+ s \([\d.]+ s of processors\), [\d.]+ GiB$', done.stdout, re.M
    )
    assert sizes == ['48 x 72', '64 x 96'] * 2
    assert re.search(r'all 4 passes: .*, [\d.]+ GiB at the peak,', done.stdout)
    assert re.search(r'L = 72 tokens: published [\d.]+ GiB, here', done.stdout)
