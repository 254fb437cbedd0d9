# Swin-B for 384 pixels as a feature extractor, from ImageNet-22k weights. It shifts windows also
# where the map is a single one, as detection's Swin does and timm's only with `always_partition`.
swin_b_384 = dict(
    type='TimmBackbone',
    model_name='swin_base_patch4_window12_384',
    drop_path_rate=0.3,
    options=dict(always_partition=True),
    weights='pretrained/swin_base_patch4_window12_384_22k.pth',
)
