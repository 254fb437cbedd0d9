# MED-VT on Video Swin-B for video semantic segmentation: the network of actor-action segmentation
# with 124 classes at the frames' own size. A reading of the toolbox's own, since none is published.
_base_ = './medvt_swinb_a2d.py'
model = dict(data_preprocessor=dict(frame_size=None), decode_head=dict(num_classes=124))
