# EASE on DINOv3 ViT-B/16: facts of the paper and its code, nothing else. Also for ViT-L/16.
_base_ = ['./common.py', '../backbones/dinov3_vit_b.py']
# Published is noise in tests as well ('always'), so that two tests differ.
noise = 'train'
model = dict(
    data_preprocessor=dict(_delete_=True, type='AVSDataPreprocessor', clip_policy='pack'),
    backbone=dict(_delete_=True, **_base_.dinov3_vit_b),
    decode_head=dict(
        type='EaseHead',
        num_queries=100,
        mask_phases=[(0.20, 0.35), (0.35, 0.50), (0.50, 0.65), (0.65, 0.80)],
        fusion_blocks=(-4, -3, -2, -1),
        late_fusion='before_norm',
        sound_enhancer=dict(
            type='SoundEnhancer', embed_dims=320, num_centres=71, num_tokens=5, noise=noise
        ),
        query_generator=dict(
            type='AttentionQueryGenerator', num_layers=2, num_heads=8, feedforward_channels=1280
        ),
        aligner=dict(type='AudioVisualAligner', num_heads=8, num_clusters=5, noise=noise),
        upscaler=dict(type='TokenUpscaler', num_doublings=2, dropout=0.1),
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
    ),
)
