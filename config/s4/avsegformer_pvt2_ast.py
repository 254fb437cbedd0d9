# AVSegFormer on PVTv2-B5 with AST in place of VGGish; no published result.
_base_ = ['./avsegformer_pvt2.py', '../_base_/audio_encoders/ast.py']
model = dict(audio_encoder=_base_.ast)
