# MED-VT++, PVTv2-B5, trained and validated at 224 px, tested at 384; published: mIoU 66.61, F-score
# 75.51 (maximum over thresholds per batch of 4 clips). That takes two trainings: this one starts
# from the S4 weights, --any-subset --cfg-options load_from=work_dir/s4/medvt_pvt2/best_mIoU.pth
_base_ = [
    '../_base_/default_runtime.py',
    '../_base_/datasets/ms3_test384.py',
    '../_base_/models/medvt.py',
    '../_base_/schedules/medvt.py',
]
loss_match = dict(type='AudioVisualMatchingLoss', distance='kl', reduction='sum', loss_weight=0.1)
model = dict(decode_head=dict(loss_match=dict(_delete_=True, **loss_match)))
train_cfg = dict(max_epochs=60)
param_scheduler = [dict(type='PolyLR', power=0.9, eta_min=1e-6, begin=0, end=60)]
