# TPAVI (arXiv 2207.05042, AVSBench's baseline) on PVTv2-B5: facts of the paper and its code.
_base_ = './common.py'
model = dict(
    decode_head=dict(
        type='TPAVIHead',
        embed_dims=256,
        dilations=(3, 6, 12, 18),
        fusion=dict(
            type='TPAVI',
            hidden_channels=128,
            keys='audio',
            # The published code always groups by five: the ten frames of an AVSS clip are two
            # groups. None, the whole clip, is the sane setting; for five frames it is the same.
            group_frames=5,
            audio_bias=True,
        ),
        fusion_levels=(0, 1, 2, 3),
        pixel_decoder=dict(type='RefineFPN', align_corners=True),
        predictor_channels=(128, 32),
        loss_mask=dict(type='BinaryCrossEntropyLoss', loss_weight=1.0),
        loss_match=None,
        match_levels=(0, 1, 2, 3),
    ),
)
