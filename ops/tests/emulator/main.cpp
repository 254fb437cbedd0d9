// Runs one call of the kernels on the emulator.
//
//   main CASE RESULT
//
// CASE: int64 numbers (backward, kind, wide positions, wide scores, shared reference, offsets, N,
// S, M, D, Q, L, P, seed, then height and width of each level), then the bytes of value, positions,
// scores, the reference points (offsets only) and the output's gradient (backward only).
// RESULT: output, or the gradients of value, positions and scores. Every tensor is a block of its
// own, filled with NaN before the kernels write it.

#include <fstream>
#include <memory>

#include "launch.h"

namespace {

using namespace avsbench::cuda;

int64_t read_number(std::ifstream& file) {
  int64_t number = 0;
  if (!file.read(reinterpret_cast<char*>(&number), sizeof(number))) emulator::fail("a short case");
  return number;
}

// On the heap by itself, so that the sanitizer watches both ends.
struct Tensor {
  std::unique_ptr<char[]> data;
  size_t bytes;

  explicit Tensor(size_t size) : data(new char[size]), bytes(size) {
    std::memset(data.get(), 0xff, size);
  }
  Tensor(size_t size, std::ifstream& file) : Tensor(size) {
    if (!file.read(data.get(), size)) emulator::fail("a short case");
  }
};

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) emulator::fail("expected two files");
  std::ifstream file(argv[1], std::ios::binary);
  BackwardProblem problem{};
  const bool backward_pass = read_number(file);
  problem.kind = static_cast<Kind>(read_number(file));
  problem.wide_positions = read_number(file);
  problem.wide_scores = read_number(file);
  problem.shared_reference = read_number(file);
  const bool offsets = read_number(file);
  for (int* size : {&problem.frames, &problem.tokens, &problem.heads, &problem.dims,
                    &problem.queries, &problem.levels, &problem.points}) {
    *size = static_cast<int>(read_number(file));
  }
  std::mt19937 random(static_cast<unsigned>(read_number(file)));
  std::vector<int64_t> shapes(2 * problem.levels);
  for (int64_t& side : shapes) side = read_number(file);
  set_levels(shapes, &problem);

  const size_t narrow = problem.kind == Kind::kFloat ? 4 : problem.kind == Kind::kDouble ? 8 : 2;
  const size_t accumulator = problem.kind == Kind::kDouble ? 8 : 4;
  const size_t pair = 2 * (problem.wide_positions ? accumulator : narrow);
  const size_t score = problem.wide_scores ? accumulator : narrow;
  const size_t tokens = size_t(problem.frames) * problem.tokens * problem.heads * problem.dims;
  const size_t outputs = size_t(problem.frames) * problem.queries * problem.heads * problem.dims;
  const size_t rows = size_t(problem.frames) * problem.queries * problem.heads;
  const size_t samples = rows * problem.levels * problem.points;
  const size_t centres =
      size_t(problem.shared_reference ? 1 : problem.frames) * problem.queries * problem.levels * 2;
  Tensor value(tokens * narrow, file), positions(samples * pair, file),
      scores(samples * score, file);
  Tensor reference = offsets ? Tensor(centres * accumulator, file) : Tensor(0);
  problem.value = value.data.get();
  problem.positions = positions.data.get();
  problem.scores = scores.data.get();
  problem.reference = offsets ? reference.data.get() : nullptr;

  std::ofstream result(argv[2], std::ios::binary);
  if (!backward_pass) {
    Tensor output(outputs * narrow);
    ForwardProblem call{};
    static_cast<Problem&>(call) = problem;
    call.output = output.data.get();
    forward(call, emulator::Launcher{random});
    result.write(output.data.get(), output.bytes);
    return 0;
  }
  Tensor grad_output(outputs * narrow, file), grad_value(value.bytes),
      grad_positions(positions.bytes), grad_scores(scores.bytes);
  const size_t pairs = size_t(problem.frames) * problem.heads;
  Tensor corner_weights(samples * 4 * accumulator), cells(samples * sizeof(int)),
      entries(samples * sizeof(Entry)), starts(pairs * problem.cells_of_head * sizeof(int));
  problem.grad_output = grad_output.data.get();
  problem.grad_value = grad_value.data.get();
  problem.grad_positions = grad_positions.data.get();
  problem.grad_scores = grad_scores.data.get();
  problem.corner_weights = corner_weights.data.get();
  problem.cells = reinterpret_cast<int*>(cells.data.get());
  problem.entries = reinterpret_cast<Entry*>(entries.data.get());
  problem.starts = reinterpret_cast<int*>(starts.data.get());
  backward(problem, emulator::Launcher{random});
  for (const Tensor* tensor : {&grad_value, &grad_positions, &grad_scores}) {
    result.write(tensor->data.get(), tensor->bytes);
  }
}
