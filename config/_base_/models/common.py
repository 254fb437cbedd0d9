# What the published systems share: PVTv2-B5, a frozen VGGish, clips padded to five frames, one
# class.
_base_ = '../backbones/pvt_v2_b5.py'
model = dict(
    type='AVSegmentor',
    data_preprocessor=dict(type='AVSDataPreprocessor', clip_policy='pad', num_frames=5),
    backbone=_base_.pvt_v2_b5,
    audio_encoder=dict(
        type='VGGish',
        frozen=True,
        weights='pretrained/vggish-10086976.pth',
        cache_dir='data/cache/audio_features',
    ),
    decode_head=dict(num_classes=1),
)
