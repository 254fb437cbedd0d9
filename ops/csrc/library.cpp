// The operators' schemas, and their results' shapes for tensors without data.

#include <tuple>

#include <torch/library.h>

#include "checks.h"

namespace avsbench {
namespace {

using at::IntArrayRef;
using at::Tensor;

Tensor meta_forward(const Tensor& value, IntArrayRef spatial_shapes,
                    const Tensor& sampling_locations, const Tensor& attention_weights) {
  const SymSizes sizes =
      check_shapes(value, spatial_shapes, sampling_locations, attention_weights);
  return value.new_empty_symint({sizes.frames, sizes.queries, sizes.heads * sizes.dims});
}

Tensor meta_forward_fused(const Tensor& value, IntArrayRef spatial_shapes,
                          const Tensor& reference_points, const Tensor& offsets,
                          const Tensor& logits) {
  const SymSizes sizes =
      check_fused_shapes(value, spatial_shapes, reference_points, offsets, logits);
  return value.new_empty_symint({sizes.frames, sizes.queries, sizes.heads * sizes.dims});
}

Tensor contiguous_like(const Tensor& tensor) {
  return tensor.new_empty_symint(tensor.sym_sizes());
}

std::tuple<Tensor, Tensor, Tensor> meta_backward(const Tensor& grad_output, const Tensor& value,
                                                 IntArrayRef spatial_shapes,
                                                 const Tensor& sampling_locations,
                                                 const Tensor& attention_weights) {
  const SymSizes sizes =
      check_shapes(value, spatial_shapes, sampling_locations, attention_weights);
  check_grad_shape(grad_output, value, sizes);
  return {contiguous_like(value), contiguous_like(sampling_locations),
          contiguous_like(attention_weights)};
}

std::tuple<Tensor, Tensor, Tensor> meta_backward_fused(
    const Tensor& grad_output, const Tensor& value, IntArrayRef spatial_shapes,
    const Tensor& reference_points, const Tensor& offsets, const Tensor& logits) {
  const SymSizes sizes =
      check_fused_shapes(value, spatial_shapes, reference_points, offsets, logits);
  check_grad_shape(grad_output, value, sizes);
  return {contiguous_like(value), contiguous_like(offsets), contiguous_like(logits)};
}

}  // namespace
}  // namespace avsbench

TORCH_LIBRARY(avsbench, m) {
  const std::vector<at::Tag> tags = {at::Tag::pt2_compliant_tag};
  m.def(
      "ms_deform_attn(Tensor value, int[] spatial_shapes, Tensor sampling_locations, "
      "Tensor attention_weights) -> Tensor",
      tags);
  m.def(
      "ms_deform_attn_backward(Tensor grad_output, Tensor value, int[] spatial_shapes, "
      "Tensor sampling_locations, Tensor attention_weights) -> (Tensor, Tensor, Tensor)",
      tags);
  m.def(
      "ms_deform_attn_fused(Tensor value, int[] spatial_shapes, Tensor reference_points, "
      "Tensor offsets, Tensor logits) -> Tensor",
      tags);
  m.def(
      "ms_deform_attn_fused_backward(Tensor grad_output, Tensor value, int[] spatial_shapes, "
      "Tensor reference_points, Tensor offsets, Tensor logits) -> (Tensor, Tensor, Tensor)",
      tags);
}

TORCH_LIBRARY_IMPL(avsbench, Meta, m) {
  m.impl("ms_deform_attn", &avsbench::meta_forward);
  m.impl("ms_deform_attn_backward", &avsbench::meta_backward);
  m.impl("ms_deform_attn_fused", &avsbench::meta_forward_fused);
  m.impl("ms_deform_attn_fused_backward", &avsbench::meta_backward_fused);
}
