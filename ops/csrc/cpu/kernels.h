// The CPU kernels' interface, free of PyTorch: each instruction set has one table of them.

#pragma once

#include <cstddef>
#include <cstdint>

namespace avsbench::cpu {

enum class Type { kFloat, kDouble, kBFloat16, kHalf };

struct Level {
  int height, width;
};

// Tensors are contiguous. With doubles as values everything is double; otherwise the reference
// points, and locations for want of them, are float, and each other tensor is float or 16 bit.
struct Problem {
  int64_t frames, tokens, heads, dims, queries, levels, points;
  const Level* level;
  const void* value;      // (N, S, M, D)
  const void* positions;  // (N, Q, M, L, P, 2): offsets in pixels; locations without reference
  const void* scores;     // (N, Q, M, L * P): logits; attention weights without reference
  const void* reference;  // (1 or N, Q, L, 2), may be null
  bool shared_reference;  // one frame of reference points for all
  Type type;              // of value, output and their gradients
  Type positions_type;    // and of their gradient
  Type scores_type;       // and of their gradient
  int64_t parts;          // forward: tasks that the queries of a frame and head are split into

  void* output;             // forward: (N, Q, M * D)
  const void* grad_output;  // backward: (N, Q, M * D)
  void* grad_value;
  void* grad_positions;
  void* grad_scores;
};

// Tasks count (frame, head, part); each writes elements of the results that no other one writes.
// `scratch` is aligned to 64 bytes and `scratch_bytes` long, its content means nothing.
struct Kernels {
  const char* name;
  size_t (*scratch_bytes)(const Problem&, bool backward);
  void (*forward)(const Problem&, int64_t begin, int64_t end, void* scratch);
  void (*backward)(const Problem&, int64_t begin, int64_t end, void* scratch);
};

extern const Kernels portable_kernels;
#if defined(__x86_64__) && defined(__GNUC__)
#define AVSBENCH_X86 1
extern const Kernels avx2_kernels;    // needs AVX2, FMA and F16C
extern const Kernels avx512_kernels;  // needs AVX-512 F, BW, DQ and VL besides
#endif

}  // namespace avsbench::cpu
