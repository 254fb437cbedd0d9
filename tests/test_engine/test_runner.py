"""Loading and saving through the runner, mixed precision, plain data."""

import json
import os
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.logging import HistoryBuffer
from torch.utils.data import TensorDataset

from avsbench.config.loading import load_config
from avsbench.engine import BFloat16OptimWrapper, build_amp_wrapper, use_amp
from avsbench.engine.amp import CountingAmpOptimWrapper
from avsbench.engine.training_state import pack_message_hub, to_plain, unpack_message_hub
from avsbench.utils.errors import CheckpointError, ConfigError


class Payload:
    """Touches a file when it is unpickled."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self):
        return os.mkdir, (str(self.marker),)


@pytest.fixture
def trained(build_toy, tmp_path) -> Path:
    build_toy('run', {'train_cfg.max_epochs': 1}).train()
    return tmp_path / 'run' / 'epoch_1.pth'


def test_checkpoint_is_plain_and_says_what_it_is(trained):
    checkpoint = torch.load(trained, weights_only=True)
    assert set(checkpoint) == {
        'meta',
        'state_dict',
        'message_hub',
        'optimizer',
        'rng_states',
        'param_schedulers',
    }
    meta = checkpoint['meta']
    assert (meta['head'], meta['subset'], meta['num_classes']) == ('ToyHead', 's4', 1)
    assert (meta['epoch'], meta['iter'], meta['config_file']) == (1, 4, 'toy.py')
    assert json.loads(meta['config'])['model']['decode_head']['type'] == 'ToyHead'


def test_checkpoint_says_what_its_weights_scored(build_toy, tmp_path):
    runner = build_toy('run', {'train_cfg.max_epochs': 1})
    runner.train()
    scored = pytest.approx(runner.val()['mIoU'])
    for name in ('best_mIoU_epoch_1', 'epoch_1'):
        meta = torch.load(tmp_path / 'run' / f'{name}.pth', weights_only=True)['meta']
        assert meta['metrics']['mIoU'] == scored
    runner.save_checkpoint(str(tmp_path), 'later.pth', meta=dict(epoch=1, iter=5))
    later = torch.load(tmp_path / 'later.pth', weights_only=True)['meta']
    assert 'metrics' not in later  # those were of other weights


class TestLoading:
    def test_weights_arrive(self, build_toy, trained):
        runner = build_toy('test', load_from=str(trained))
        runner.test()
        state = torch.load(trained, weights_only=True)['state_dict']
        for key, value in runner.model.state_dict().items():
            assert torch.equal(value, state[key])

    @pytest.mark.parametrize('resume', [False, True])
    def test_malicious_file(self, build_toy, trained, tmp_path, resume):
        checkpoint = torch.load(trained, weights_only=True)
        checkpoint['extra'] = Payload(tmp_path / 'marker')
        torch.save(checkpoint, trained)
        name = 'run' if resume else 'new'
        runner = build_toy(name, load_from=str(trained), resume=resume)
        with pytest.raises(CheckpointError, match='posix.mkdir.*--trust-checkpoint'):
            runner.train()
        assert not (tmp_path / 'marker').exists()

    def test_trusted_file(self, build_toy, trained, tmp_path):
        checkpoint = torch.load(trained, weights_only=True)
        checkpoint['extra'] = Payload(tmp_path / 'marker')
        torch.save(checkpoint, trained)
        build_toy('test', load_from=str(trained), trust_checkpoint=True).test()
        assert (tmp_path / 'marker').exists()

    def test_another_head(self, build_toy, trained):
        model = dict(type='ToyNet', decode_head=dict(type='OtherHead', num_classes=1))
        runner = build_toy('test', model=model, load_from=str(trained))
        with pytest.raises(CheckpointError, match="'ToyHead', that of the config 'OtherHead'"):
            runner.test()

    def test_another_subset(self, build_toy, trained):
        runner = build_toy('test', subset='ms3', load_from=str(trained))
        with pytest.raises(CheckpointError, match="subset .* 's4', that of the config 'ms3'"):
            runner.test()
        runner = build_toy('test', subset='ms3', load_from=str(trained), any_subset=True)
        assert 'mIoU' in runner.test()

    def test_weights_of_the_subset_that_the_config_names(self, build_toy, trained):
        runner = build_toy('test', subset='ms3', trained_on='s4', load_from=str(trained))
        assert 'mIoU' in runner.test()
        runner = build_toy('test', subset='s4', trained_on='ms3', load_from=str(trained))
        with pytest.raises(CheckpointError, match="subset .* 's4', that of the config 'ms3'"):
            runner.test()

    def test_a_config_that_only_tests_says_where_to_train(self, build_toy):
        nothing = dict(train_dataloader=None, train_cfg=None, optim_wrapper=None)
        runner = build_toy('test', whole=nothing | dict(param_scheduler=None), trained_on='ms3')
        with pytest.raises(ConfigError, match='it only tests; .* below config/ms3/'):
            runner.train()

    def test_another_class_count(self, build_toy, trained):
        model = dict(decode_head=dict(num_classes=2))
        runner = build_toy('test', model=model, load_from=str(trained))
        with pytest.raises(CheckpointError, match='number of classes .* is 1, .* config 2'):
            runner.test()

    def test_missing_keys(self, build_toy, trained):
        checkpoint = torch.load(trained, weights_only=True)
        del checkpoint['state_dict']['backbone.0.weight']
        torch.save(checkpoint, trained)
        with pytest.raises(CheckpointError, match=r'1 keys .* missing .*: backbone\.0 \(1\)'):
            build_toy('test', load_from=str(trained)).test()


class TestSaving:
    def test_weights_that_are_no_numbers(self, build_toy, tmp_path):
        runner = build_toy('run')
        loop = runner._train_loop = runner.build_train_loop(runner._train_loop)
        run_iter = loop.run_iter

        def poison(index, batch):
            run_iter(index, batch)
            if loop.epoch == 1:
                runner.model.unused.weight.data.fill_(float('nan'))

        loop.run_iter = poison
        with pytest.raises(CheckpointError, match="not saved.*'unused.weight'"):
            runner.train()
        assert [p.name for p in (tmp_path / 'run').glob('epoch_*')] == ['epoch_1.pth']

    def test_remote_storage(self, build_toy, tmp_path):
        runner = build_toy('run')
        with pytest.raises(ConfigError, match='local files'):
            runner.save_checkpoint(str(tmp_path), 'a.pth', backend_args=dict(backend='petrel'))

    def test_vanished_directory(self, build_toy, tmp_path):
        runner = build_toy('run', {'train_cfg.max_epochs': 1})
        runner.train()
        with pytest.raises(CheckpointError, match='could not be saved .*No such file'):
            runner.save_checkpoint(str(tmp_path / 'nowhere'), 'a.pth')


@pytest.mark.parametrize('count', [3, 71])
def test_a_network_with_other_classes_than_its_data(build_toy, count):
    runner = build_toy('run', {'model.decode_head.num_classes': count})
    runner.build_dataloader(with_classes(count), seed=0)
    with pytest.raises(ConfigError, match=f'num_classes={count}, and the data .* 2 classes'):
        runner.build_dataloader(with_classes(2), seed=0)


def with_classes(count: int) -> dict:
    data = TensorDataset(torch.zeros(4))
    data.metainfo = {'classes': tuple('abc' * 30)[:count]}
    return dict(dataset=data, batch_size=2, num_workers=0, sampler=dict(type='DefaultSampler'))


class TestAmp:
    def test_forward_runs_in_bfloat16(self, build_toy):
        runner = build_toy('amp', {'optim_wrapper.type': 'BFloat16OptimWrapper'})
        runner.train()
        # Training steps in bfloat16, validation in float32.
        assert runner.model.dtypes == {torch.bfloat16, torch.float32}
        assert runner.model.decode_head.layers[1].weight.dtype == torch.float32

    def test_flag_chooses_the_precision(self, toy_config, monkeypatch, capsys):
        def chosen(choice):
            cfg = load_config(toy_config)
            use_amp(cfg, choice)
            wrapper = cfg.optim_wrapper
            return wrapper.type, wrapper.get('precision'), cfg.env_cfg.eval_amp

        amp, full = 'DeviceAmpOptimWrapper', ('OptimWrapper', None, 'off')
        # On a CPU it stays float32 where that is faster, unless asked.
        monkeypatch.setattr('avsbench.engine.amp.cpu_computes_bf16', lambda: False)
        assert chosen(None) == chosen('off') == full and not capsys.readouterr().out
        assert chosen('bf16') == (amp, 'bf16', 'bf16')
        assert 'no instructions for bfloat16: --amp off is faster' in capsys.readouterr().out
        monkeypatch.setattr('avsbench.engine.amp.cpu_computes_bf16', lambda: True)
        assert chosen(None) == (amp, 'bf16', 'bf16') and chosen('off') == full
        assert 'this CPU trains and validates in bfloat16; --amp off' in capsys.readouterr().out
        assert chosen('auto') == chosen('bf16') == (amp, 'bf16', 'bf16')
        assert 'bfloat16 autocast of the CPU' in capsys.readouterr().out
        with pytest.raises(ConfigError, match='float16 needs a GPU.*--amp bf16'):
            chosen('fp16')
        monkeypatch.setattr('torch.cuda.is_available', lambda: True)
        monkeypatch.setattr('torch.cuda.get_device_name', lambda: 'Card')
        monkeypatch.setattr('torch.cuda.is_bf16_supported', lambda including_emulation: True)
        assert chosen(None) == chosen('auto') == (amp, 'bf16', 'bf16')
        assert 'this GPU trains and validates in bfloat16; --amp off' in capsys.readouterr().out
        assert chosen('fp16') == (amp, 'fp16', 'fp16') and chosen('off') == full
        monkeypatch.setattr('torch.cuda.is_bf16_supported', lambda including_emulation: False)
        assert chosen(None) == full and chosen('auto') == (amp, 'fp16', 'fp16')
        assert 'Card has no bfloat16, so float16 is used' in capsys.readouterr().out
        with pytest.raises(ConfigError, match='Card computes no bfloat16.*--amp fp16'):
            chosen('bf16')

    def test_amp_can_be_switched_off_where_the_config_has_it(self, toy_config):
        cfg = load_config(toy_config)
        use_amp(cfg, 'bf16')
        use_amp(cfg, 'off')
        assert cfg.optim_wrapper.type == 'OptimWrapper' and 'precision' not in cfg.optim_wrapper

    @pytest.mark.parametrize('amp', ['bf16', 'off'])
    def test_validation_and_test_run_in_the_precision_of_the_config(self, build_toy, amp):
        runner = build_toy('eval', {'env_cfg.eval_amp': amp})
        before = torch.get_autocast_dtype('cpu')
        for evaluate in (runner.val, runner.test):
            runner.model.dtypes.clear()
            assert 0 <= evaluate()['mIoU'] <= 1
            assert runner.model.dtypes == {torch.bfloat16 if amp == 'bf16' else torch.float32}
        assert torch.get_autocast_dtype('cpu') == before

    @pytest.mark.parametrize('tf32', [True, False])
    def test_tf32_is_as_the_config_says(self, build_toy, monkeypatch, tf32):
        allowed = []
        monkeypatch.setattr('avsbench.engine.runner.set_tf32', allowed.append)
        build_toy('tf32', {'env_cfg.tf32': tf32})
        assert allowed == [tf32]

    def test_the_wrapper_is_that_of_the_machine(self, monkeypatch):
        optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
        wrapper = build_amp_wrapper(optimizer, clip_grad=dict(max_norm=0.01))
        assert type(wrapper) is BFloat16OptimWrapper
        assert wrapper.clip_grad_kwargs == {'max_norm': 0.01}
        with pytest.raises(ConfigError, match="'half'"):
            build_amp_wrapper(optimizer, precision='half')
        made = []
        monkeypatch.setattr('torch.cuda.is_available', lambda: True)
        monkeypatch.setattr('torch.cuda.is_bf16_supported', lambda including_emulation: True)
        name = 'avsbench.engine.amp.CountingAmpOptimWrapper'
        monkeypatch.setattr(name, lambda **keys: made.append(keys))
        build_amp_wrapper(optimizer, accumulative_counts=2, precision='fp16')
        assert made == [dict(optimizer=optimizer, accumulative_counts=2, clip_grad=None)]

    @pytest.mark.parametrize('fused', [False, True])
    def test_steps_that_overflow_are_left_out_and_counted(self, monkeypatch, fused):
        monkeypatch.setattr(
            'mmengine.optim.optimizer.amp_optimizer_wrapper.is_cuda_available', lambda: True
        )
        weight = torch.nn.Parameter(torch.ones(1))
        wrapper = CountingAmpOptimWrapper(torch.optim.SGD([weight], lr=0.5, fused=fused))
        wrapper.loss_scaler = torch.amp.GradScaler('cpu', init_scale=8.0)
        for loss, expected, skipped, scale in (
            (weight.sum(), 0.5, 0, 8),
            (weight.sum() * float('inf'), 0.5, 1, 4),
            (weight.sum(), 0.0, 1, 4),
        ):
            wrapper.update_params(loss)
            assert (weight.item(), wrapper.skipped) == (expected, skipped)
            assert wrapper.loss_scaler.get_scale() == scale
        log = wrapper.message_hub.get_scalar('train/amp_skipped')
        assert log.current() == 1

    def test_unknown_wrapper(self, toy_config):
        cfg = load_config(toy_config)
        cfg.optim_wrapper.type = 'ApexOptimWrapper'
        with pytest.raises(ConfigError, match='ApexOptimWrapper'):
            use_amp(cfg, 'auto')


class TestPlainData:
    def test_numpy_and_subclasses(self, tmp_path):
        value = {
            'scalar': np.float64(1.5),
            'flag': np.bool_(True),
            'array': np.arange(3),
            'version': torch.__version__,
            'path': Path('a/b'),
            'nested': [(np.int32(2), None), {'x': b'y'}],
        }
        plain = to_plain(value)
        torch.save(plain, tmp_path / 'plain.pth')
        again = torch.load(tmp_path / 'plain.pth', weights_only=True)
        assert torch.equal(again.pop('array'), torch.arange(3))
        assert again == {
            'scalar': 1.5,
            'flag': True,
            'version': str(torch.__version__),
            'path': 'a/b',
            'nested': [(2, None), {'x': b'y'}],
        }

    def test_what_can_not_be_held(self):
        with pytest.raises(TypeError, match=r'meta\.a\[1\] is a object'):
            to_plain({'a': [1, object()]}, 'meta')

    def test_message_hub(self):
        buffer = HistoryBuffer([1.0, 2.0], [1, 1], max_length=5)
        state = dict(
            log_scalars={'train/loss': buffer},
            runtime_info={'best_score': np.float32(0.5)},
            resumed_keys={'train/loss': True, 'best_score': True},
        )
        again = unpack_message_hub(pack_message_hub(state))
        restored = again['log_scalars']['train/loss']
        assert restored.mean() == 1.5 and restored.max_length == 5
        assert again['runtime_info'] == {'best_score': 0.5}
        assert again['resumed_keys'] == state['resumed_keys']
