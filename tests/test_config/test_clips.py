"""What configs say about the clips that are tested."""

import pytest
from mmengine.config import ConfigDict

from avsbench.config.clips import clip_length, frame_size, reads_audio
from avsbench.config.front_ends import front_end
from avsbench.config.loading import load_config
from avsbench.config.paths import CONFIG_ROOT
from avsbench.utils.errors import ConfigError


@pytest.mark.parametrize(
    ('name', 'length', 'size'),
    [
        ('s4/avsegformer_pvt2_512.py', 5, (512, 512)),
        ('avss/combo_pvt2.py', 10, (224, 224)),
        ('avss/avsegformer_res50_512.py', 10, (512, 512)),
        ('s4/catr_pvt2.py', 5, (448, 448)),  # enlarged by the data preprocessor
    ],
)
def test_clips_of_configs(name, length, size):
    cfg = load_config(CONFIG_ROOT / name)
    assert (clip_length(cfg), frame_size(cfg)) == (length, size)


def test_what_the_config_sets_goes_before_the_data_set():
    cfg = load_config(CONFIG_ROOT / 's4/demo.py')
    cfg.model.data_preprocessor.num_frames = None
    assert clip_length(cfg) == 5
    cfg.test_dataloader.dataset.num_frames = 3
    assert clip_length(cfg) == 3
    cfg.model.data_preprocessor.num_frames = 7
    assert clip_length(cfg) == 7


def test_errors():
    cfg = load_config(CONFIG_ROOT / 's4/demo.py')
    cfg.test_dataloader.dataset.pipeline = [ConfigDict(type='LoadClip')]
    with pytest.raises(ConfigError, match='demo.py: no transform of test_dataloader.*ClipResize'):
        frame_size(cfg)
    cfg.model.data_preprocessor.num_frames = None
    cfg.test_dataloader.dataset.type = 'Nothing'
    with pytest.raises(ConfigError, match="type='Nothing': a data set of this toolbox"):
        clip_length(cfg)


def test_front_end_of_the_audio():
    cfg = load_config(CONFIG_ROOT / 's4/demo.py')
    assert front_end(cfg).name == 'vggish'
    cfg.test_dataloader.dataset.pipeline[0].front_end = 'mel_power'
    assert front_end(cfg).shape == (1, 44, 64)


def test_audio_is_read_where_the_network_and_the_pipeline_have_it():
    cfg = load_config(CONFIG_ROOT / 's4/demo.py')
    assert reads_audio(cfg)
    cfg.test_dataloader.dataset.pipeline[0].type = 'LoadFrames'
    with pytest.raises(ConfigError, match=r'audio_encoder is a .*but .*begin it with LoadClip'):
        reads_audio(cfg)
    cfg.model.audio_encoder = None
    assert not reads_audio(cfg)
    cfg.test_dataloader.dataset.pipeline[0].type = 'LoadClip'
    assert not reads_audio(cfg)
