# MED-VT, Video Swin-B, A2D; published: mean IoU 57.3 (56.2 in the CVPR release, whose metric takes
# each video's last frame only: mIoU_last_frame here).
_base_ = [
    '../_base_/default_runtime.py',
    '../_base_/datasets/a2d.py',
    '../_base_/models/medvt_swinb_a2d.py',
    '../_base_/schedules/medvt_a2d.py',
]
