# MED-VT on ResNet-101 for video semantic segmentation, see medvt_swinb_vspw.py.
_base_ = './medvt_resnet101_a2d.py'
model = dict(data_preprocessor=dict(frame_size=None), decode_head=dict(num_classes=124))
