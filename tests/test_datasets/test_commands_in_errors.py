"""Commands that errors tell to run are words of a shell, whatever the path holds."""

import shlex

import pytest

from avsbench.datasets import S4Dataset
from avsbench.utils.errors import DataError


@pytest.mark.parametrize('name', ['my data', "it's; echo $HOME", '-root'])
def test_path_is_one_word(tmp_path, name):
    root = tmp_path / name
    root.mkdir()
    (root / 's4_meta_data.csv').write_text('name,start,category,split\nx,0,dog,train\n')
    with pytest.raises(DataError) as caught:
        S4Dataset(str(root), 'train')
    (line,) = (line for line in str(caught.value).splitlines() if 'avsbench data check' in line)
    words = shlex.split(line[line.index('python') :])
    assert words[words.index('--data-root') + 1] == str(root)
