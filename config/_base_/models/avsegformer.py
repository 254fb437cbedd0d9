# AVSegFormer (arXiv 2307.01146) on PVTv2-B5: facts of the paper and its code, nothing else.
_base_ = './common.py'
layers = dict(num_heads=8, feedforward_channels=2048, dropout=0.1)
model = dict(
    decode_head=dict(
        type='AVSegFormerHead',
        embed_dims=256,
        pixel_decoder=dict(
            type='DeformablePixelDecoder',
            num_layers=6,
            num_points=4,
            **layers,
            # The published positions are not divided by the grid size, so that they belong to
            # one image size; True is the sane setting, for training from scratch.
            normalize_pos=False,
        ),
        query_generator=dict(
            type='AttentionQueryGenerator',
            num_queries=300,
            num_layers=6,
            num_heads=8,
            feedforward_channels=1024,
        ),
        transformer_decoder=dict(type='TransformerDecoder', num_layers=6, **layers),
        fusion=dict(type='ChannelGateFusion', num_heads=8),
        mlp_channels=2048,
        predictor_channels=(128, 32),
        loss_mask=dict(type='DiceLoss', loss_weight=1.0),
        loss_mix=dict(type='DiceLoss', loss_weight=0.1),
    ),
)
