"""Which command train.sh and test.sh run."""

import signal
import sys
import time

import pytest

from avsbench.processes.group import init_distributed
from avsbench.processes.launch import command_for, launch_verb, main
from avsbench.processes.local import LocalProcesses
from avsbench.utils.errors import ConfigError

PREAMBLE = """
import json, os, signal, sys, time
rank = int(os.environ['RANK'])
def fail(message):
    with open(os.environ['AVSBENCH_ERROR_RECORD'], 'w') as file:
        json.dump({'message': message, 'traceback': '', 'time': time.time()}, file)
    sys.exit(2)
"""
SCRIPT, ARGUMENTS = 'train.py', ['s4', 'a config.py', '--work-dir', 'x; rm -rf y']
PLAIN = [sys.executable, '-u', SCRIPT, *ARGUMENTS]


def test_one_process():
    assert command_for(SCRIPT, ARGUMENTS, {}) == (PLAIN, 1)
    assert command_for(SCRIPT, ARGUMENTS, {'GPUS': '1'}) == (PLAIN, 1)


def test_several_processes():
    expected = [*PLAIN, '--launcher', 'pytorch']
    assert command_for(SCRIPT, ARGUMENTS, {'GPUS': '3'}) == (expected, 3)


def test_slurm():
    environment = {'PARTITION': 'gpu', 'GPUS': '16', 'SRUN_ARGS': '--mem=8G --time=10'}
    command, count = command_for(SCRIPT, ARGUMENTS, environment)
    assert command[0] == 'srun' and '--partition=gpu' in command and count == 1
    assert '--ntasks=16' in command and '--ntasks-per-node=8' in command
    assert '--mem=8G' in command and '--time=10' in command
    assert command[-len(PLAIN) - 2 :] == [*PLAIN, '--launcher', 'slurm']


SHELL = {'SLURM_JOB_ID': '1', 'SLURM_PROCID': '0', 'SLURM_NTASKS': '1', 'SLURM_STEP_NUM_TASKS': '1'}
BATCH = {'SLURM_JOB_ID': '1', 'SLURM_PROCID': '0', 'SLURM_NTASKS': '4'}
STEP = {'SLURM_JOB_ID': '1', 'SLURM_PROCID': '0', 'SLURM_STEP_NUM_TASKS': '4'}


class TestInsideSlurm:
    def test_each_task_is_a_process(self):
        expected = [*PLAIN, '--launcher', 'slurm'], 1
        for more in ({}, {'GPUS': '4'}, {'GPUS': '4', 'PARTITION': 'gpu'}):
            assert command_for(SCRIPT, ARGUMENTS, STEP | more) == expected
        assert command_for(SCRIPT, ARGUMENTS, {'SLURM_PROCID': '3', 'GPUS': '16'}) == expected

    @pytest.mark.parametrize('environment', [SHELL, BATCH])
    def test_a_step_of_one_task_is_a_machine(self, environment):
        """`srun --pty bash`, or the script of an sbatch."""
        assert command_for(SCRIPT, ARGUMENTS, environment) == (PLAIN, 1)
        expected = [*PLAIN, '--launcher', 'pytorch'], 2
        assert command_for(SCRIPT, ARGUMENTS, environment | {'GPUS': '2'}) == expected

    @pytest.mark.parametrize(
        ('environment', 'message'),
        [
            (STEP | {'GPUS': '2'}, 'GPUS=2, but this is a job step of SLURM with 4 tasks'),
            (STEP | {'GPUS': '1'}, 'GPUS=1, but'),
            (SHELL | {'PARTITION': 'gpu', 'GPUS': '2'}, 'PARTITION=gpu asks for a new job'),
        ],
    )
    def test_wishes_that_are_not_dropped(self, environment, message):
        with pytest.raises(ConfigError, match=message):
            command_for(SCRIPT, ARGUMENTS, environment)


@pytest.mark.parametrize('value', ['two', '0', '-1', '1.5'])
def test_number_of_processes(value):
    with pytest.raises(ConfigError, match=f'GPUS={value}'):
        command_for(SCRIPT, ARGUMENTS, {'GPUS': value})


def test_missing_packages(monkeypatch):
    monkeypatch.setattr('avsbench.processes.launch.NEEDED', ('torch', 'no_such_package'))
    with pytest.raises(ConfigError, match='has no no_such_package: activate the environment'):
        main([SCRIPT, *ARGUMENTS])


class TestLocalProcesses:
    """Scripts that import nothing, in place of a training."""

    @pytest.fixture
    def run(self, tmp_path, monkeypatch):
        """A function (body) -> exit code; the body knows `rank` and `fail(message)`."""
        monkeypatch.setattr('avsbench.processes.local.GRACE', 0.5)

        def start(body: str) -> int:
            script = tmp_path / 'script.py'
            script.write_text(PREAMBLE + body)
            return LocalProcesses([sys.executable, str(script)], 2).run()

        return start

    def test_all_succeed(self, run, tmp_path):
        assert run(f'open(f"{tmp_path}/rank{{rank}}", "w").close()') == 0
        assert (tmp_path / 'rank0').exists() and (tmp_path / 'rank1').exists()

    def test_one_fails_and_ends_the_other(self, run, capfd):
        start = time.monotonic()
        assert run('time.sleep(60) if rank == 0 else fail("clip_3.png: truncated")') == 2
        assert time.monotonic() - start < 30
        assert capfd.readouterr().err == 'error: clip_3.png: truncated\n'

    def test_the_first_failure_is_the_cause(self, run, capfd):
        """What a process says that has lost the other is not."""
        assert run('time.sleep(0.3 * rank); fail(f"of {rank}")') == 2
        assert capfd.readouterr().err == 'error: of 0\n'

    def test_one_is_killed(self, run, capfd):
        body = 'os.kill(os.getpid(), signal.SIGKILL) if rank else (time.sleep(0.2), fail("lost"))'
        assert run(body) == 128 + signal.SIGKILL
        assert capfd.readouterr().err == (
            'error: process 1 was ended by SIGKILL (is the memory full?)\n'
        )

    @pytest.mark.parametrize('name', ['SIGTERM', 'SIGUSR1'])
    def test_a_signal_reaches_all(self, run, capfd, tmp_path, name):
        number = signal.Signals[name]
        body = (
            f'signal.signal({int(number)}, lambda *_: (open(f"{tmp_path}/{{rank}}", "w"), '
            f'os._exit({128 + number})))\n'
            f'open(f"{tmp_path}/ready{{rank}}", "w")\n'
            f'while rank and not os.path.exists("{tmp_path}/ready0"): time.sleep(0.05)\n'
            f'if rank: os.kill(os.getppid(), {int(number)})\n'
            'time.sleep(60)\n'
        )
        assert run(body) == 128 + number
        assert (tmp_path / '0').exists() and (tmp_path / '1').exists()
        assert capfd.readouterr().err == f'interrupted by {name}\n'


class TestProcessGroup:
    """Errors before a process group exists; the group itself is tested with two processes."""

    def test_none(self):
        init_distributed('none')

    def test_unknown_backend(self):
        with pytest.raises(ConfigError, match="backend='ncl'"):
            init_distributed('pytorch', backend='ncl')

    def test_not_started_by_torchrun(self, monkeypatch):
        monkeypatch.delenv('RANK', raising=False)
        with pytest.raises(ConfigError, match='RANK and LOCAL_RANK are not set'):
            init_distributed('pytorch')

    def test_not_started_by_srun(self, monkeypatch):
        for name in ('SLURM_PROCID', 'SLURM_NTASKS', 'SLURM_JOB_ID'):
            monkeypatch.delenv(name, raising=False)
        with pytest.raises(ConfigError, match='SLURM_PROCID.*not set; start with srun'):
            init_distributed('slurm')

    def test_more_processes_than_gpus(self, monkeypatch):
        monkeypatch.setenv('RANK', '3')
        monkeypatch.setenv('LOCAL_RANK', '3')
        monkeypatch.setattr('torch.cuda.device_count', lambda: 2)
        with pytest.raises(ConfigError, match='process 3 .* there are 2; start 2'):
            init_distributed('pytorch', backend='nccl')

    def test_slurm_without_its_tools(self, monkeypatch, tmp_path):
        values = dict(JOB_ID='7', PROCID='0', NTASKS='2', LOCALID='0', NODELIST='node[1-2]')
        for name, value in values.items():
            monkeypatch.setenv(f'SLURM_{name}', value)
        for name in ('RANK', 'WORLD_SIZE', 'LOCAL_RANK', 'MASTER_PORT', 'MASTER_ADDR'):
            monkeypatch.setenv(name, 'x')  # so that it is put back afterwards
            monkeypatch.delenv(name)
        monkeypatch.setenv('PATH', str(tmp_path))
        with pytest.raises(ConfigError, match='set MASTER_ADDR'):
            init_distributed('slurm')


def test_verb_starts_others_only_where_they_are_asked_for(monkeypatch) -> None:
    started = []
    monkeypatch.setattr('avsbench.processes.launch.start', lambda *words: started.append(words))
    for name in ('GPUS', 'PARTITION', 'SLURM_PROCID'):
        monkeypatch.delenv(name, raising=False)
    assert launch_verb('train', ['s4', 's4/pvt2']) is None and not started
    monkeypatch.setenv('GPUS', '3')
    launch_verb('train', ['s4', 's4/pvt2'])
    words = ['-m', 'avsbench', 'train', 's4', 's4/pvt2', '--launcher', 'pytorch']
    assert started == [([sys.executable, '-u', *words], 3)]
