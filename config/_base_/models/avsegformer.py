# AVSegFormer (arXiv 2307.01146) on PVTv2-B5: facts of the paper and its code, nothing else.
model = dict(
    type='AVSegmentor',
    data_preprocessor=dict(type='AVSDataPreprocessor', clip_policy='pad', num_frames=5),
    backbone=dict(
        type='TimmBackbone',
        model_name='pvt_v2_b5',
        drop_path_rate=0.1,
        weights='pretrained/pvt_v2_b5.pth',
    ),
    audio_encoder=dict(type='VGGish', frozen=True, weights='pretrained/vggish-10086976.pth'),
    decode_head=dict(
        type='AVSegFormerHead',
        num_classes=1,
        embed_dims=256,
        pixel_decoder=dict(
            type='DeformablePixelDecoder',
            num_layers=6,
            num_heads=8,
            num_points=4,
            feedforward_channels=2048,
            dropout=0.1,
            # The published positions are not divided by the grid size, so that they belong to
            # one picture size; True is the sane setting, for training from scratch.
            normalize_pos=False,
        ),
        query_generator=dict(
            type='AttentionQueryGenerator',
            num_queries=300,
            num_layers=6,
            num_heads=8,
            feedforward_channels=1024,
        ),
        transformer_decoder=dict(
            type='TransformerDecoder',
            num_layers=6,
            num_heads=8,
            feedforward_channels=2048,
            dropout=0.1,
        ),
        fusion=dict(type='ChannelGateFusion', num_heads=8),
        mlp_channels=2048,
        predictor_channels=(128, 32),
        loss_mask=dict(type='DiceLoss', loss_weight=1.0),
        loss_mix=dict(type='DiceLoss', loss_weight=0.1),
    ),
)
