"""The environment report."""

import json
from importlib import metadata

import torch

from avsbench.utils import env


def test_report_is_plain_and_complete():
    report = json.loads(json.dumps(env.collect_environment()))
    assert report['torch'] == str(torch.__version__)
    assert report['packages']['timm'] == metadata.version('timm')
    assert {'opencv-python', 'av', 'gradio', 'tensorboard', 'matplotlib'} <= set(report['packages'])
    assert report['mm_packages']['set'] in ('fork', 'original')
    assert report['cpu_cores'] >= 1 and report['torch_threads'] >= 1


def test_package_sets(monkeypatch):
    installed = {}
    monkeypatch.setattr(env, '_version', installed.get)
    installed.update({'onedl-mmengine': '0.10.12', 'onedl-mmcv': '2.3.6'})
    assert env.mm_packages() == {
        'mmengine': 'onedl-mmengine 0.10.12',
        'mmcv': 'onedl-mmcv 2.3.6',
        'mmseg': None,
        'set': 'fork',
    }
    installed['mmengine'] = '0.11.0rc3'
    report = env.mm_packages()
    assert report['set'] == 'mixed'
    assert report['mmengine'] == 'onedl-mmengine 0.10.12 and mmengine 0.11.0rc3'
    installed.clear()
    installed.update({'mmengine': '0.11.0rc3', 'mmcv-lite': '2.1.0', 'mmsegmentation': '1.2.2'})
    assert env.mm_packages()['set'] == 'original'


def test_command_prints_json(run_script):
    finished = run_script('python', '-m', 'avsbench.utils.env')
    assert finished.returncode == 0, finished.stderr
    assert json.loads(finished.stdout)['avsbench']
