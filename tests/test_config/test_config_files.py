"""Config files in all formats: their encoding, syntax, bases and names."""

from pathlib import Path

import pytest

from avsbench.config.loading import load_config
from avsbench.config.paths import CONFIG_ROOT
from avsbench.utils.errors import ConfigError

DEMO = CONFIG_ROOT / 's4' / 'demo.py'
BY_FORMAT = {
    'a.py': f'_base_ = {str(DEMO)!r}\ntrain_cfg = dict(max_epochs=3)\n',
    'a.json': f'{{"_base_": "{DEMO}", "train_cfg": {{"max_epochs": 3}}}}',
    'a.yaml': f'_base_: {DEMO}\ntrain_cfg:\n  max_epochs: 3\n',
}


def _write(folder: Path, name: str, content: str | bytes) -> Path:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


class TestEncodings:
    @pytest.mark.parametrize('name', BY_FORMAT)
    def test_a_byte_order_mark_is_read(self, tmp_path, name):
        cfg = load_config(_write(tmp_path, name, BY_FORMAT[name].encode('utf-8-sig')))
        assert cfg.train_cfg.max_epochs == 3 and cfg.subset == 's4'

    def test_a_byte_order_mark_of_a_base_is_read(self, tmp_path):
        _write(tmp_path, 'a.py', BY_FORMAT['a.py'].encode('utf-8-sig'))
        cfg = load_config(_write(tmp_path, 'b.py', "_base_ = ['a.py']\n"))
        assert cfg.train_cfg.max_epochs == 3

    @pytest.mark.parametrize('name', BY_FORMAT)
    @pytest.mark.parametrize(
        ('encoding', 'message'),
        [
            ('latin-1', r'{}, line \d: byte 0xe9 is not UTF-8 .*; save the file as UTF-8'),
            ('utf-16', '{}: text in UTF-16, expected UTF-8; save the file as UTF-8'),
            ('utf-32', '{}: text in UTF-32, expected UTF-8'),
        ],
    )
    def test_other_encodings_are_named(self, tmp_path, name, encoding, message):
        text = BY_FORMAT[name].replace(str(DEMO), 'été/a.py')
        path = _write(tmp_path, name, text.encode(encoding))
        with pytest.raises(ConfigError, match=message.format(path)):
            load_config(path)

    def test_the_base_with_the_fault_is_named(self, tmp_path):
        base = _write(tmp_path, 'base.yaml', "subset: 's4'\n# \xe9\n".encode('latin-1'))
        with pytest.raises(ConfigError, match=f'{base}, line 2: byte 0xe9'):
            load_config(_write(tmp_path, 'a.py', "_base_ = 'base.yaml'\n"))

    def test_no_text(self, tmp_path):
        with pytest.raises(ConfigError, match=r'a\.py, line 2: a null byte'):
            load_config(_write(tmp_path, 'a.py', 'a = 1\n\0'))
        folder = tmp_path / 'b.py'
        folder.mkdir()
        with pytest.raises(ConfigError, match=r'b\.py: a folder, not a config file'):
            load_config(folder)


class TestFormats:
    """A json or yaml config builds on Python files, and the other way round, by the same checks."""

    @pytest.mark.parametrize('name', ['a.json', 'a.yaml'])
    def test_on_a_python_base_and_under_one(self, tmp_path, name):
        assert load_config(_write(tmp_path, name, BY_FORMAT[name])).train_cfg.max_epochs == 3
        above = _write(tmp_path, 'b.py', f"_base_ = './{name}'\nrandomness = dict(seed=4)\n")
        cfg = load_config(above)
        assert (cfg.train_cfg.max_epochs, cfg.randomness.seed) == (3, 4)

    @pytest.mark.parametrize(
        ('name', 'text'),
        [
            ('a.json', '{"_base_": "DEMO", "train_cgf": {}}'),
            ('a.yaml', '_base_: DEMO\ntrain_cgf: {}\n'),
            ('a.py', "_base_ = 'DEMO'\ntrain_cgf: dict = {}\n"),
            ('a.py', "_base_ = 'DEMO'\ntrain_cgf, log_level = {}, 'INFO'\n"),
        ],
    )
    def test_a_typo_is_found_in_each(self, tmp_path, name, text):
        path = _write(tmp_path, name, text.replace('DEMO', str(DEMO)))
        message = f"{path}: unknown key 'train_cgf'; did you mean 'train_cfg'"
        with pytest.raises(ConfigError, match=message):
            load_config(path)
        above = _write(tmp_path, 'above.py', f"_base_ = '{name}'\n")
        with pytest.raises(ConfigError, match=message):
            load_config(above)

    def test_helper_variables_that_the_file_above_reads(self, tmp_path):
        _write(tmp_path, 'base.yaml', f'_base_: {DEMO}\nepochs: 5\n')
        for name, text in (
            ('a.yaml', '_base_: base.yaml\ntrain_cfg:\n  max_epochs: {{_base_.epochs}}\n'),
            ('a.py', "_base_ = 'base.yaml'\ntrain_cfg = dict(max_epochs=_base_.epochs)\n"),
        ):
            assert load_config(_write(tmp_path, name, text)).train_cfg.max_epochs == 5
        with pytest.raises(ConfigError, match=r"base\.yaml: unknown key 'epochs'"):
            load_config(tmp_path / 'base.yaml')

    @pytest.mark.parametrize(
        ('name', 'text', 'message'),
        [
            ('a.yaml', 'a: [1,\nb: 2', r'a\.yaml, line 2: not readable yaml'),
            ('a.yaml', 'a: 1\nmodel: {b: 1, b: 2}', "yaml, line 2: .*the key 'b' is there twice"),
            ('a.yaml', '!!python/object/apply:os.getcwd []', 'line 1: not readable yaml'),
            ('a.yaml', '', 'expected keys that are text, each with a value'),
            ('a.json', '{"a": 1,\n "b" 2}', r'a\.json, line 2: not readable json'),
            ('a.json', '{"a": 1, "a": 2}', "the key 'a' is there twice"),
            ('a.json', '[' * 100_000, 'not readable json .*recursion'),
            ('a.json', '[1]', 'expected keys that are text'),
            ('a.py', '_base_ = 3\n', '_base_ should be the path of a config'),
            ('a.json', '{"_base_": null}', '_base_ should be the path of a config'),
            ('a.yaml', '_base_: other.txt', r'a\.yaml: _base_: no file .*other\.txt'),
            ('a.py', "_base_ = 'b.py'\n", r'a\.py: _base_: no file .*b\.py'),
            ('a.yaml', '_base_: [a.yaml]', r'_base_ leads back to .*a\.yaml'),
            ('a.py', 'raise SystemExit(3)\n', r'a\.py, line 1: SystemExit: 3'),
        ],
    )
    def test_mistakes(self, tmp_path, name, text, message):
        with pytest.raises(ConfigError, match=message):
            load_config(_write(tmp_path, name, text))
