// The description of a call that operators.cpp hands to the kernels.

#pragma once

namespace avsbench::cuda {

constexpr int kMaxLevels = 16;
// A sample's token and its four corner flags share one int.
constexpr int kMaxTokens = (1 << 27) - 1;
// L * P: what a warp's queries need of the shared memory.
constexpr int kMaxSamples = 96;

enum class Kind : int { kFloat, kHalf, kBFloat16, kDouble };

struct Level {
  int height;
  int width;
  int start;  // first token
};

// Tensors are contiguous and start at a multiple of 16 bytes. "wide" tensors hold the
// accumulator's type, the others the value's.
struct Problem {
  const char* value;      // (N, S, M, D)
  const char* positions;  // (N, Q, M, L, P, 2): offsets in pixels, or locations in [0, 1]
  const char* scores;     // (N, Q, M, L * P): logits, or attention weights
  const char* reference;  // (1 or N, Q, L, 2), wide; null: positions are locations
  bool wide_positions;    // and their gradient
  bool wide_scores;       // and their gradient
  bool shared_reference;  // one frame of reference points for all
  Kind kind;              // value's type
  int frames, tokens, heads, dims, queries, levels, points;  // N, S, M, D, Q, L, P
  Level level[kMaxLevels];
};

struct ForwardProblem : Problem {
  char* output;  // (N, Q, M * D), value's type
};

struct BackwardProblem : Problem {
  const char* grad_output;  // (N, Q, M * D), value's type
  char* grad_value;         // like value
  char* grad_positions;     // like positions
  char* grad_scores;        // like scores
  char* softmax;            // (N, M, Q, 2), wide: a softmax's maximum and 1 / sum; null: no logits
};

}  // namespace avsbench::cuda
