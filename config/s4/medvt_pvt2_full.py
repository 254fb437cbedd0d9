# The network of MED-VT++'s figure, PVTv2-B5; no published result belongs to it.
_base_ = ['./medvt_pvt2.py', '../_base_/models/medvt_full.py']
model = dict(decode_head=_base_.full)
