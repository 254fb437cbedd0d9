// Kernels for any processor: vectors of 128 bits, which compilers turn into what there is.

#include "kernels.h"

namespace avsbench::cpu {
namespace portable {
namespace {

#include "simd.inl.h"

#include "plan.inl.h"

#include "sampling.inl.h"

#include "forward.inl.h"

#include "backward.inl.h"

using Single = Vectors<float, 4>;
using Twice = Vectors<double, 4>;

#include "table.inl.h"

}  // namespace
}  // namespace portable

const Kernels portable_kernels = {"portable", portable::scratch_bytes, portable::forward,
                                  portable::backward};

}  // namespace avsbench::cpu
