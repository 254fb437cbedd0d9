// Runs CUDA kernels on the host, thread by thread, in place of a GPU.
//
// Every thread of a block is a coroutine. Between two points where a warp or the block meets, the
// threads of a block run one after the other in an order drawn at random, so that a kernel that
// forgets to meet gets wrong numbers. A meeting fails if its lanes (threads) come to different
// ones, or if one of them has returned. Shared memory is filled with NaN before each block. Build with
// -fsanitize=address,undefined to catch every access out of bounds.

#pragma once

#include <ucontext.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <limits>
#include <random>
#include <type_traits>
#include <vector>

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/common_interface_defs.h>
#endif

#define MSDA_DEVICE inline
#define MSDA_KERNEL(threads, blocks) void
#define MSDA_ARGUMENT const
#define MSDA_SHARED(name) unsigned char* const name = emulator::shared_memory()

namespace emulator {

struct Index {
  unsigned x;
};

[[noreturn]] inline void fail(const char* what) {
  std::fprintf(stderr, "emulator: %s\n", what);
  std::exit(3);
}

enum class Meeting { kNone, kSync, kExchange, kMatch, kProduct, kBlock };

// One thread of the block that runs.
struct Thread {
  ucontext_t context;
  std::vector<char> stack = std::vector<char>(256 * 1024);
  Index index{0};
  bool finished = false;
  Meeting meeting = Meeting::kNone;  // kNone: may run
  int source = 0;                    // of an exchange: the lane whose value is received
  uint64_t given = 0, received = 0;
  void* fake_stack = nullptr;
};

class Block {
 public:
  static Block& current() {
    static Block block;
    return block;
  }

  // Runs `body` once in each of `count` threads.
  void run(int count, size_t shared_bytes, std::mt19937& random, std::function<void()> body) {
    body_ = std::move(body);
    // Exactly as long as was asked for: the sanitizer watches its end.
    shared_ = std::vector<unsigned char>(shared_bytes, 0xff);
    shared_.shrink_to_fit();
    while (threads_.size() < static_cast<size_t>(count)) threads_.emplace_back();
    for (int i = 0; i < count; ++i) start(threads_[i], i);
    int left = count;
    std::vector<int> order(count);
    for (int i = 0; i < count; ++i) order[i] = i;
    while (left > 0) {
      std::shuffle(order.begin(), order.end(), random);
      for (int i : order) {
        Thread& thread = threads_[i];
        if (thread.finished || thread.meeting != Meeting::kNone) continue;
        resume(thread);
        left -= thread.finished;
      }
      for (int first = 0; first < count; first += 32) meet(first, count);
      if (left > 0) meet_block(count);
    }
  }

  uint64_t wait(Meeting meeting, uint64_t given = 0, int source = 0) {
    Thread& thread = *running_;
    thread.meeting = meeting;
    thread.given = given;
    thread.source = source;
    leave(thread, false);
    return thread.received;
  }

  Thread& running() { return *running_; }
  // What a lane of the running thread's warp gave to the last meeting.
  uint64_t given(unsigned lane) { return threads_[running_->index.x / 32 * 32 + lane].given; }
  unsigned char* shared() { return shared_.data(); }
  Index block{0}, threads{0};

 private:
  static void enter() {
    Block& block = current();
#if defined(__SANITIZE_ADDRESS__)
    __sanitizer_finish_switch_fiber(nullptr, &block.main_bottom_, &block.main_size_);
#endif
    block.body_();
    block.running_->finished = true;
    block.leave(*block.running_, true);
  }

  void start(Thread& thread, unsigned i) {
    thread.index.x = i;
    thread.finished = false;
    thread.meeting = Meeting::kNone;
    getcontext(&thread.context);
    thread.context.uc_stack.ss_sp = thread.stack.data();
    thread.context.uc_stack.ss_size = thread.stack.size();
    thread.context.uc_link = nullptr;
    makecontext(&thread.context, &Block::enter, 0);
  }

  void resume(Thread& thread) {
    running_ = &thread;
#if defined(__SANITIZE_ADDRESS__)
    void* fake = nullptr;
    __sanitizer_start_switch_fiber(&fake, thread.stack.data(), thread.stack.size());
#endif
    swapcontext(&main_, &thread.context);
#if defined(__SANITIZE_ADDRESS__)
    __sanitizer_finish_switch_fiber(fake, nullptr, nullptr);
#endif
  }

  void leave(Thread& thread, bool for_good) {
#if defined(__SANITIZE_ADDRESS__)
    __sanitizer_start_switch_fiber(for_good ? nullptr : &thread.fake_stack, main_bottom_,
                                   main_size_);
#endif
    swapcontext(&thread.context, &main_);
#if defined(__SANITIZE_ADDRESS__)
    __sanitizer_finish_switch_fiber(thread.fake_stack, &main_bottom_, &main_size_);
#endif
    (void)for_good;
  }

  // Every thread of the warp at `first` has run until it met the others or returned.
  void meet(int first, int count) {
    if (first + 32 > count) fail("a block of part of a warp");
    const Meeting meeting = threads_[first].meeting;
    for (int lane = 0; lane < 32; ++lane) {
      const Thread& thread = threads_[first + lane];
      if (thread.meeting != meeting || thread.finished != threads_[first].finished) {
        fail("the lanes of a warp came to different meetings");
      }
    }
    if (threads_[first].finished || meeting == Meeting::kBlock) return;
    for (int lane = 0; lane < 32; ++lane) {
      Thread& thread = threads_[first + lane];
      if (meeting == Meeting::kExchange) thread.received = threads_[first + thread.source].given;
      if (meeting == Meeting::kMatch) {
        thread.received = 0;
        for (int other = 0; other < 32; ++other) {
          const bool same = threads_[first + other].given == thread.given;
          thread.received |= static_cast<uint64_t>(same) << other;
        }
      }
    }
    for (int lane = 0; lane < 32; ++lane) threads_[first + lane].meeting = Meeting::kNone;
  }

  // Lets a block go on whose threads have all come to its meeting.
  void meet_block(int count) {
    bool some = false, all = true;
    for (int i = 0; i < count; ++i) {
      const bool here = threads_[i].meeting == Meeting::kBlock;
      some |= here;
      all &= here;
    }
    if (some && !all) {
      for (int i = 0; i < count; ++i) {
        if (threads_[i].finished) fail("a thread returned before a meeting of its block");
      }
    }
    if (!all) return;
    for (int i = 0; i < count; ++i) threads_[i].meeting = Meeting::kNone;
  }

  std::vector<Thread> threads_;
  std::vector<unsigned char> shared_;
  std::function<void()> body_;
  Thread* running_ = nullptr;
  ucontext_t main_;
  const void* main_bottom_ = nullptr;
  size_t main_size_ = 0;
};

inline unsigned char* shared_memory() { return Block::current().shared(); }

template <class T>
T aligned_read(const char* from) {
  if (reinterpret_cast<uintptr_t>(from) % sizeof(T) != 0) fail("a load is not aligned");
  T to;
  std::memcpy(&to, from, sizeof(T));
  return to;
}

template <class T>
void aligned_write(char* to, const T& from) {
  if (reinterpret_cast<uintptr_t>(to) % sizeof(T) != 0) fail("a store is not aligned");
  std::memcpy(to, &from, sizeof(T));
}

// The launch that the kernels' launch.h asks for.
struct Launcher {
  std::mt19937& random;

  template <class Kernel, class... Arguments>
  void operator()(Kernel kernel, int64_t blocks, int threads, int64_t shared,
                  const Arguments&... arguments) const {
    if (shared > 48 * 1024) fail("more shared memory than every device grants");
    Block& block = Block::current();
    block.threads.x = threads;
    for (int64_t i = 0; i < blocks; ++i) {
      block.block.x = static_cast<unsigned>(i);
      block.run(threads, shared, random, [&] { kernel(arguments...); });
    }
  }
};

}  // namespace emulator

#define threadIdx (emulator::Block::current().running().index)
#define blockIdx (emulator::Block::current().block)
#define blockDim (emulator::Block::current().threads)

inline void __syncwarp() { emulator::Block::current().wait(emulator::Meeting::kSync); }
inline void __syncthreads() { emulator::Block::current().wait(emulator::Meeting::kBlock); }

namespace emulator {

// `value` of another lane.
template <class T>
T exchange(unsigned mask, T value, int source) {
  if (mask != 0xffffffffu) fail("an exchange of part of a warp");
  uint64_t bits = 0;
  std::memcpy(&bits, &value, sizeof(T));
  bits = Block::current().wait(Meeting::kExchange, bits, source);
  std::memcpy(&value, &bits, sizeof(T));
  return value;
}

inline int lane() { return static_cast<int>(threadIdx.x % 32); }

// The tensor cores' product, see tensor.h.
template <class T>
void multiply_add(const uint32_t (&a)[4], const uint32_t (&b)[2], float (&sums)[4]) {
  struct Fragments {
    const uint32_t *a, *b;
  } const mine{a, b};
  Block& block = Block::current();
  const uint64_t address = reinterpret_cast<uint64_t>(&mine);
  block.wait(Meeting::kProduct, address);
  const auto of = [&](int lane) {
    return reinterpret_cast<const Fragments*>(block.given(static_cast<unsigned>(lane)));
  };
  const auto half = [](uint32_t word, int which) {
    T numbers[2];
    std::memcpy(numbers, &word, sizeof(word));
    return static_cast<float>(numbers[which]);
  };
  for (int i = 0; i < 4; ++i) {
    const int row = lane() / 4 + i / 2 * 8, column = lane() % 4 * 2 + i % 2;
    for (int k = 0; k < 16; ++k) {
      const int from = k % 8 / 2;
      sums[i] += half(of(row % 8 * 4 + from)->a[row / 8 + k / 8 * 2], k % 2) *
                 half(of(column * 4 + from)->b[k / 8], k % 2);
    }
  }
  block.wait(Meeting::kProduct, address);  // the others read this lane's numbers
}

}  // namespace emulator

template <class T>
T __shfl_sync(unsigned mask, T value, int source) {
  return emulator::exchange(mask, value, source);
}

template <class T>
T __shfl_xor_sync(unsigned mask, T value, int step) {
  return emulator::exchange(mask, value, emulator::lane() ^ step);
}

template <class T>
T __shfl_up_sync(unsigned mask, T value, int step) {
  const int lane = emulator::lane();
  return emulator::exchange(mask, value, lane < step ? lane : lane - step);
}

inline unsigned __match_any_sync(unsigned mask, int value) {
  if (mask != 0xffffffffu) emulator::fail("a match within part of a warp");
  const uint64_t bits = static_cast<uint32_t>(value);
  return static_cast<unsigned>(
      emulator::Block::current().wait(emulator::Meeting::kMatch, bits));
}

inline int __popc(unsigned x) { return __builtin_popcount(x); }
inline int __ffs(unsigned x) { return __builtin_ffs(static_cast<int>(x)); }
