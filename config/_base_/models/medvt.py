# MED-VT++ (arXiv 2304.05930) on PVTv2-B5: facts of the paper and its code, nothing else.
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
        type='MEDVTHead',
        num_classes=1,
        embed_dims=384,
        # The published tables that tell the frames' audio apart are drawn anew at each start,
        # neither trained nor saved; they reach the matching loss only. True is the sane setting.
        interaction=dict(type='BidirectionalInteraction', max_frames=5, learn_frame_embed=False),
        context_encoder=dict(
            type='SpatioTemporalEncoder',
            stages=[
                dict(num_layers=3, num_heads=8, feedforward_channels=2048, dropout=0.1),
                dict(num_layers=1, num_heads=1, feedforward_channels=384, norm=False),
            ],
        ),
        pixel_decoder=dict(type='DeformConvFPN', num_groups=8),
        query_generator=dict(
            type='AudioContextQueryGenerator',
            num_queries=384,
            num_layers=3,
            num_heads=8,
            feedforward_channels=2048,
            context_channels=2048,
            dropout=0.1,
        ),
        transformer_decoder=dict(
            type='TransformerDecoder',
            num_layers=12,
            num_heads=8,
            feedforward_channels=2048,
            dropout=0.1,
            act='relu',
            num_context_layers=6,
            final_norm=True,
        ),
        predictor=dict(
            type='UpsamplingPredictor',
            channels=(384, 256),
            # Published weights were trained with it; False is the sane setting.
            padded_last_conv=True,
        ),
        loss_mask=dict(type='BinaryCrossEntropyLoss', loss_weight=1.0),
        loss_match=None,
    ),
)
