import pytest
from mmengine.config import Config

from avsbench.config.loading import load_config, resolved

CONFIG = """
subset = 's4'
default_scope = 'avsbench'
model = dict(type='AVSegmentor', part=dict(width=1, {part}))
train_dataloader = dict(dataset=dict(pipeline=[{steps}]))
"""


@pytest.fixture
def write(tmp_path):
    def write(name, part='', steps=''):
        path = tmp_path / name
        path.write_text(CONFIG.format(part=part, steps=steps))
        return path

    return write


def test_resolved_config_is_a_config(tool, tmp_path):
    done = tool('print_config', 's4/demo.py', '--cfg-options', 'data_root=data/mine')
    assert done.code == 0, done.err
    path = tmp_path / 'flat.py'
    path.write_text(done.out)
    cfg = load_config(path)
    assert '_base_' not in done.out
    assert cfg.test_dataloader.dataset.data_root == 'data/mine'
    assert cfg.model == load_config('config/s4/demo.py').model


def test_difference_of_values_and_keys(tool, write):
    one = write('one.py', "height=2, kind='a'")
    other = write('other.py', "height=3, depth=None, kind='a'")
    done = tool('print_config', one, other)
    assert done.out.splitlines() == ['~ model.part.height: 2 -> 3', '+ model.part.depth = None']
    assert done.code == 1
    done = tool('print_config', other, one)
    assert done.out.splitlines() == ['~ model.part.height: 3 -> 2', '- model.part.depth = None']
    done = tool('print_config', one, one)
    assert (done.code, done.out) == (0, 'no difference\n')


def test_overrides_reach_both(tool, write):
    one, other = write('one.py', 'height=2'), write('other.py', 'height=3')
    done = tool('print_config', one, other, '--cfg-options', 'model.part.height=4')
    assert done.code == 0


def test_parts_of_lists_are_named_by_type(tool, write):
    one = write('one.py', steps="dict(type='A', n=1), dict(type='B'), dict(type='A', n=2)")
    other = write('other.py', steps="dict(type='C', k=0), dict(type='A', n=1), dict(type='A', n=3)")
    done = tool('print_config', one, other)
    where = 'train_dataloader.dataset.pipeline'
    assert done.out.splitlines() == [
        f"~ {where}: ['A', 'B', 'A'] -> ['C', 'A', 'A']",
        f'~ {where}[A 2].n: 2 -> 3',
        f'+ {where}[C].k = 0',
    ]


def test_order_of_parts_counts(tool, write):
    one = write('one.py', steps="dict(type='A'), dict(type='B')")
    other = write('other.py', steps="dict(type='B'), dict(type='A')")
    assert tool('print_config', one, other).code == 1


def test_run_keys_and_helpers_are_left_out():
    cfg = Config(dict(model=dict(type='X'), work_dir='here', helper=1, load_from='a.pth'))
    assert resolved(cfg) == dict(model=dict(type='X'))


def test_unknown_config(tool):
    done = tool('print_config', 's4/pvt2.py', 's4/res51.py')
    assert done.code == 2 and "did you mean 's4/res50.py'" in done.err
