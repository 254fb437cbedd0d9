import json


def test_report(tool):
    done = tool('get_flops', 's4/demo.py', '--frames', '2', '--size', '32', '64')
    assert done.code == 0, done.err
    assert 'one clip of 2 frames, 32 x 64 (height x width)' in done.out
    rows = {line.split()[0]: line.split() for line in done.out.splitlines() if line}
    total = rows['all'][1:]
    parts = [rows[name][1:] for name in ('backbone', 'audio_encoder', 'decode_head')]
    for column in (0, 2, 3):  # the M of millions is a word too
        assert abs(sum(float(part[column]) for part in parts) - float(total[column])) < 0.02
    assert 'Counted: matrix products' in done.out and 'Not counted: ' in done.out


def test_json_and_overrides(tool):
    options = ['--cfg-options', 'model.backbone.model_name=resnet34']
    done = tool('get_flops', 's4/demo.py', '--json', '--frames', '2', *options)
    found = json.loads(done.out)
    assert found['size'] == [64, 64]
    assert found['flops'] == sum(found['part_flops'].values())
    assert found['part_params']['backbone'] > 20e6


def test_errors(tool):
    done = tool('get_flops', 's4/dem.py')
    assert done.code == 2 and "did you mean 's4/demo.py'" in done.err
    done = tool('get_flops', 's4/demo.py', '--size', '1', '2', '3')
    assert done.code == 2 and '--size' in done.err
