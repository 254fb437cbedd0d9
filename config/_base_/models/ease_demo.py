# EASE made small: two stages of a narrow PVTv2, a light trainable audio network, 17 queries, which
# fill a square with the 64 patches of 64-pixel frames. Trains from scratch on a CPU.
_base_ = ['./ease_pvt2.py', '../backbones/small.py']
model = dict(
    backbone=dict(
        _delete_=True,
        type='PVTTokenBackbone',
        model_name='pvt_v2_b0',
        stop_block=-3,
        num_stages=2,
        unreduced_blocks=2,
        options=dict(depths=(2, 4, 1, 1), embed_dims=(32, 96, 96, 96), num_heads=(1, 3, 3, 3)),
    ),
    audio_encoder=_base_.small['audio_encoder'],
    decode_head=dict(
        num_queries=17,
        mask_phases=[(0.1, 0.4), (0.4, 0.8)],
        fusion_blocks=(-3, -2, -1),
        sound_enhancer=dict(embed_dims=64, num_centres=16),
        query_generator=dict(num_heads=4, feedforward_channels=128),
        aligner=dict(num_heads=4),
        upscaler=dict(num_doublings=1, dropout=0.0),
        criterion=dict(num_points=0),  # the whole grid of 64 x 64
    ),
)
