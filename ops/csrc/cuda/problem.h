// The description of a call that operators.cpp hands to the kernels.

#pragma once

#include <cstdint>

#include "divisor.h"

namespace avsbench::cuda {

constexpr int kMaxLevels = 16;
constexpr int kMaxTokens = (1 << 27) - 1;
// L * P: what a warp's queries need of the shared memory.
constexpr int kMaxSamples = 96;

enum class Kind : int { kFloat, kHalf, kBFloat16, kDouble };

struct Level {
  int height, width;
  int start;      // first token
  int cells;      // a sample's first corner is a pixel or just outside: (height + 1) * (width + 1)
  int64_t cells_start;  // of its cells, and one more, in `starts`
};

// A sample in the order of its cell, as bytes from the first one.
struct Entry {
  unsigned grad_output;     // of its query, in one head's column
  unsigned corner_weights;  // in one level's list
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
  Divisor per_frame;      // M
  int64_t cells_of_head;  // of `starts`, for one frame and head
  Level level[kMaxLevels];
};

// Completes a problem that has its sizes, by those of the levels.
template <class Shapes>
void set_levels(const Shapes& shapes, Problem* problem) {
  problem->per_frame = divisor_of(problem->heads);
  problem->cells_of_head = 0;
  int start = 0;
  for (int i = 0; i < problem->levels; ++i) {
    const int height = static_cast<int>(shapes[2 * i]), width = static_cast<int>(shapes[2 * i + 1]);
    const int cells = (height + 1) * (width + 1);
    problem->level[i] = {height, width, start, cells, problem->cells_of_head};
    start += height * width;
    problem->cells_of_head += cells + 1;
  }
}

struct ForwardProblem : Problem {
  char* output;  // (N, Q, M * D), value's type
};

struct BackwardProblem : Problem {
  const char* grad_output;  // (N, Q, M * D), value's type
  char* grad_value;         // like value
  char* grad_positions;     // like positions
  char* grad_scores;        // like scores
  // Passed from kernel to kernel.
  char* corner_weights;  // (N, M, L, Q * P, 4), wide: of the corners, attention weight included
  int* cells;            // (N, M, L, Q * P): -1 where no corner is inside
  Entry* entries;        // (N, M, L, Q * P): those inside, by cell, then query and point
  int* starts;           // (N, M, cells of all levels + L): each cell's first entry; then the end
};

}  // namespace avsbench::cuda
