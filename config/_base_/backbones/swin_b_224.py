# Swin-B for 224 pixels as a feature extractor, from ImageNet-22k weights; else as at 384 pixels.
swin_b_224 = dict(
    type='TimmBackbone',
    model_name='swin_base_patch4_window7_224',
    drop_path_rate=0.3,
    options=dict(always_partition=True),
    weights='pretrained/swin_base_patch4_window7_224_22k.pth',
)
