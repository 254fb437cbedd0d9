# EASE on the first three stages of PVTv2-B5. Queries and patches fill a square, on which the
# convolutions of the blocks run: 29 queries at 224 pixels, 49 at 384.
_base_ = './ease.py'
model = dict(
    backbone=dict(
        _delete_=True,
        type='PVTTokenBackbone',
        model_name='pvt_v2_b5',
        stop_block=-7,
        num_stages=3,
        unreduced_blocks=6,
        weights='pretrained/pvt_v2_b5.pth',
    ),
    decode_head=dict(
        num_queries=29,
        mask_phases=[
            *[(0.1, 0.2), (0.2, 0.3), (0.4, 0.5)],
            *[(0.5, 0.6), (0.6, 0.7), (0.7, 0.8)],
        ],
        # The first one is the block before the queries enter.
        fusion_blocks=(-7, -6, -5, -4, -3, -2, -1),
        late_fusion='after_norm',
    ),
)
