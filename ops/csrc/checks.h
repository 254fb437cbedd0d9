// The checks of ms_deform_attn.h, for sizes that may still be symbols of a graph being traced.

#pragma once

#include <c10/core/SymInt.h>

#include "ms_deform_attn.h"

namespace avsbench {

struct SymSizes {
  c10::SymInt frames, tokens, heads, dims, queries;
  int64_t levels;
  c10::SymInt points;
};

SymSizes check_shapes(const at::Tensor& value, at::IntArrayRef spatial_shapes,
                      const at::Tensor& sampling_locations, const at::Tensor& attention_weights);

SymSizes check_fused_shapes(const at::Tensor& value, at::IntArrayRef spatial_shapes,
                            const at::Tensor& reference_points, const at::Tensor& offsets,
                            const at::Tensor& logits);

void check_grad_shape(const at::Tensor& grad_output, const at::Tensor& value,
                      const SymSizes& sizes);

}  // namespace avsbench
