# COMBO (arXiv 2312.06462) on PVTv2-B5 with Maskiges: facts of the paper and its code, nothing else.
_base_ = './common.py'
layers = dict(num_heads=8, dropout=0.0)
model = dict(
    data_preprocessor=dict(_delete_=True, type='AVSDataPreprocessor', clip_policy='pack'),
    backbone=dict(_delete_=True, type='SiameseBackbone', backbone=_base_.pvt_v2_b5, reduction=16),
    decode_head=dict(
        type='ComboHead',
        embed_dims=256,
        num_queries=100,
        pixel_decoder=dict(
            type='DeformableFPN', num_layers=6, num_points=4, feedforward_channels=1024, **layers
        ),
        fusion=dict(
            type='BilateralFusion',
            num_heads=8,
            dropout=0.1,
            # Published: a softmax over the positions for the visual side, and residuals of the
            # normalised inputs. 'audio' and 'input' are the sane settings.
            normalize_over='positions',
            residual='normalized',
        ),
        transformer_decoder=dict(
            type='TransformerDecoder',
            num_layers=9,
            feedforward_channels=2048,
            act='relu',
            cross_first=True,
            final_norm=True,
            **layers,
        ),
        audio_mlp_channels=4096,
        # Published weights belong to 'batch', where queries get the audio of other frames and
        # clips, so that results depend on the batch; 'frame' is the sane setting.
        audio_mix='batch',
        criterion=dict(
            type='MaskSetCriterion',
            class_weight=2.0,
            mask_weight=5.0,
            dice_weight=5.0,
            no_object_weight=0.1,
            num_points=12544,
            oversample_ratio=3.0,
            importance_ratio=0.75,
        ),
        # Published: groups of 5 frames, also in clips of 10; None compares all neighbours.
        loss_cosine=dict(type='InterFrameConsistencyLoss', loss_weight=10.0, group_frames=5),
    ),
)
