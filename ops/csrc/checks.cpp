#include "checks.h"

#include <initializer_list>
#include <limits>
#include <sstream>
#include <string>

#include <c10/core/SymBool.h>

namespace avsbench {
namespace {

constexpr int64_t kMaxInt = std::numeric_limits<int32_t>::max();

// One side of an expected shape: its name, and its size once an earlier argument has fixed it.
struct Side {
  const char* name;
  const c10::SymInt* size = nullptr;
};

std::string expected(std::initializer_list<Side> sides) {
  std::ostringstream text;
  const char* separator = "(";
  for (const Side& side : sides) {
    text << separator << side.name;
    if (side.size != nullptr) text << "=" << *side.size;
    separator = ", ";
  }
  text << ")";
  return text.str();
}

void check_sides(const at::Tensor& tensor, const char* name, std::initializer_list<Side> sides) {
  TORCH_CHECK(tensor.dim() == static_cast<int64_t>(sides.size()), "ms_deform_attn: ", name,
              " has shape ", tensor.sym_sizes(), ", expected ", expected(sides));
  int64_t at = 0;
  for (const Side& side : sides) {
    if (side.size != nullptr) {
      TORCH_SYM_CHECK(tensor.sym_size(at).sym_eq(*side.size), "ms_deform_attn: ", name,
                      " has shape ", tensor.sym_sizes(), ", expected ", expected(sides));
    }
    ++at;
  }
}

void check_type(const at::Tensor& tensor, const char* name, bool may_be_half) {
  const at::ScalarType type = tensor.scalar_type();
  const bool full = type == at::kFloat || type == at::kDouble;
  if (may_be_half) {
    TORCH_CHECK_TYPE(full || type == at::kBFloat16 || type == at::kHalf, "ms_deform_attn: ", name,
                     " has dtype ", type, ", expected float32, float64, bfloat16 or float16");
  } else {
    TORCH_CHECK_TYPE(full, "ms_deform_attn: ", name, " has dtype ", type,
                     ", expected float32 or float64: 16 bits can't tell neighbouring pixels apart");
  }
}

void check_device(const at::Tensor& tensor, const char* name, const at::Tensor& value) {
  TORCH_CHECK(tensor.device() == value.device(), "ms_deform_attn: ", name, " is on ",
              tensor.device(), ", expected ", value.device(), ", where value is");
}

// Value and levels; `points` and `queries` are left to the caller.
SymSizes check_value(const at::Tensor& value, at::IntArrayRef spatial_shapes) {
  TORCH_CHECK(value.dim() == 4, "ms_deform_attn: value has shape ", value.sym_sizes(),
              ", expected (N, S, M, D)");
  check_type(value, "value", true);
  for (const int64_t side : {2, 3}) {
    TORCH_SYM_CHECK(value.sym_size(side).sym_gt(0), "ms_deform_attn: value has shape ",
                    value.sym_sizes(), ", expected (N, S, M, D) with M and D at least 1");
  }
  TORCH_CHECK(!spatial_shapes.empty() && spatial_shapes.size() % 2 == 0,
              "ms_deform_attn: spatial_shapes is ", spatial_shapes,
              ", expected the height and the width of each level, one level at least");
  int64_t tokens = 0;
  for (size_t i = 0; i < spatial_shapes.size(); i += 2) {
    const int64_t height = spatial_shapes[i], width = spatial_shapes[i + 1];
    TORCH_CHECK_VALUE(height > 0 && width > 0, "ms_deform_attn: spatial_shapes is ",
                      spatial_shapes, ", expected sizes of at least 1");
    TORCH_CHECK_VALUE(height <= kMaxInt / width && tokens <= kMaxInt - height * width,
                      "ms_deform_attn: spatial_shapes is ", spatial_shapes, ", expected at most ",
                      kMaxInt, " tokens in all");
    tokens += height * width;
  }
  TORCH_SYM_CHECK(value.sym_size(1).sym_eq(tokens), "ms_deform_attn: spatial_shapes ",
                  spatial_shapes, " sum to ", tokens, " tokens, expected the ", value.sym_size(1),
                  " of value (N, S, M, D), of shape ", value.sym_sizes());
  return {value.sym_size(0), value.sym_size(1), value.sym_size(2), value.sym_size(3), 0,
          static_cast<int64_t>(spatial_shapes.size() / 2), 0};
}

// The tensor of shape (N, Q, M, L, P, 2), from which queries and points are taken.
void check_pairs(const at::Tensor& pairs, const char* name, const at::Tensor& value,
                 SymSizes* sizes) {
  const c10::SymInt levels(sizes->levels), two(2);
  const std::initializer_list<Side> sides = {{"N", &sizes->frames}, {"Q"},       {"M", &sizes->heads},
                                             {"L", &levels},        {"P"}, {"2", &two}};
  check_sides(pairs, name, sides);
  TORCH_SYM_CHECK(pairs.sym_size(4).sym_gt(0), "ms_deform_attn: ", name, " has shape ",
                  pairs.sym_sizes(), ", expected ", expected(sides), " with P at least 1");
  check_device(pairs, name, value);
  sizes->queries = pairs.sym_size(1);
  sizes->points = pairs.sym_size(4);
}

Sizes concrete(const SymSizes& sizes, at::IntArrayRef spatial_shapes) {
  const Sizes known{sizes.frames.expect_int(),  sizes.tokens.expect_int(),
                    sizes.heads.expect_int(),   sizes.dims.expect_int(),
                    sizes.queries.expect_int(), sizes.levels,
                    sizes.points.expect_int()};
  // Less than 2^36, as there are at most kMaxInt tokens.
  int64_t cells = 0;
  for (size_t i = 0; i < spatial_shapes.size(); i += 2) {
    cells += (spatial_shapes[i] + 4) * (spatial_shapes[i + 1] + 4);
  }
  TORCH_CHECK_VALUE(known.dims <= kMaxInt - 15 && (known.dims + 15) / 16 * 16 <= kMaxInt / cells,
                    "ms_deform_attn: value has ", known.dims, " channels per head on ",
                    known.tokens, " tokens; expected that an int32 counts their elements, with ",
                    "two more pixels at each side of a level and whole vectors of 16 channels");
  TORCH_CHECK_VALUE(known.points <= kMaxInt / 8 / known.levels, "ms_deform_attn: ", known.points,
                    " points per level, expected at most ", kMaxInt / 8, " on all levels");
  return known;
}

}  // namespace

SymSizes check_shapes(const at::Tensor& value, at::IntArrayRef spatial_shapes,
                      const at::Tensor& sampling_locations, const at::Tensor& attention_weights) {
  SymSizes sizes = check_value(value, spatial_shapes);
  check_type(sampling_locations, "sampling_locations", false);
  check_pairs(sampling_locations, "sampling_locations", value, &sizes);
  check_type(attention_weights, "attention_weights", true);
  const c10::SymInt levels(sizes.levels);
  check_sides(attention_weights, "attention_weights",
              {{"N", &sizes.frames}, {"Q", &sizes.queries}, {"M", &sizes.heads}, {"L", &levels},
               {"P", &sizes.points}});
  check_device(attention_weights, "attention_weights", value);
  return sizes;
}

SymSizes check_fused_shapes(const at::Tensor& value, at::IntArrayRef spatial_shapes,
                            const at::Tensor& reference_points, const at::Tensor& offsets,
                            const at::Tensor& logits) {
  SymSizes sizes = check_value(value, spatial_shapes);
  check_type(offsets, "offsets", true);
  check_pairs(offsets, "offsets", value, &sizes);
  check_type(logits, "logits", true);
  const c10::SymInt levels(sizes.levels), two(2), samples = sizes.points * sizes.levels;
  check_sides(logits, "logits", {{"N", &sizes.frames}, {"Q", &sizes.queries}, {"M", &sizes.heads},
                                 {"L*P", &samples}});
  check_device(logits, "logits", value);
  check_type(reference_points, "reference_points", false);
  check_sides(reference_points, "reference_points",
              {{"1 or N"}, {"Q", &sizes.queries}, {"L", &levels}, {"2", &two}});
  const c10::SymInt frames = reference_points.sym_size(0);
  TORCH_SYM_CHECK(frames.sym_eq(1).sym_or(frames.sym_eq(sizes.frames)),
                  "ms_deform_attn: reference_points has shape ", reference_points.sym_sizes(),
                  ", expected (1 or N=", sizes.frames, ", Q, L, 2)");
  check_device(reference_points, "reference_points", value);
  return sizes;
}

void check_grad_shape(const at::Tensor& grad_output, const at::Tensor& value,
                      const SymSizes& sizes) {
  const c10::SymInt channels = sizes.heads * sizes.dims;
  check_sides(grad_output, "grad_output",
              {{"N", &sizes.frames}, {"Q", &sizes.queries}, {"M*D", &channels}});
  TORCH_CHECK_TYPE(grad_output.scalar_type() == value.scalar_type(),
                   "ms_deform_attn: grad_output has dtype ", grad_output.scalar_type(),
                   ", expected ", value.scalar_type(), ", that of value");
  check_device(grad_output, "grad_output", value);
}

Sizes check_inputs(const at::Tensor& value, at::IntArrayRef spatial_shapes,
                   const at::Tensor& sampling_locations, const at::Tensor& attention_weights) {
  return concrete(check_shapes(value, spatial_shapes, sampling_locations, attention_weights),
                  spatial_shapes);
}

Sizes check_fused_inputs(const at::Tensor& value, at::IntArrayRef spatial_shapes,
                         const at::Tensor& reference_points, const at::Tensor& offsets,
                         const at::Tensor& logits) {
  return concrete(check_fused_shapes(value, spatial_shapes, reference_points, offsets, logits),
                  spatial_shapes);
}

void check_grad_output(const at::Tensor& grad_output, const at::Tensor& value,
                       const Sizes& sizes) {
  check_grad_shape(grad_output, value,
                   {sizes.frames, sizes.tokens, sizes.heads, sizes.dims, sizes.queries,
                    sizes.levels, sizes.points});
}

}  // namespace avsbench
