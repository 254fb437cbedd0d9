# PVTv2-B5 from ImageNet weights, as every system uses it.
pvt_v2_b5 = dict(
    type='TimmBackbone',
    model_name='pvt_v2_b5',
    drop_path_rate=0.1,
    weights='pretrained/pvt_v2_b5.pth',
)
