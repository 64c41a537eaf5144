// Compiled into the addon beside tfjs-node's own sources: ends the silence that mute.cc began. From here on TensorFlow
// logs errors only, or what TF_CPP_MIN_LOG_LEVEL asks for.
#include <cstdlib>

#include "absl/base/log_severity.h"
#include "absl/log/globals.h"

extern "C" void vgg16_unmute();

namespace {

const bool quiet = [] {
  vgg16_unmute();
  const char* level = std::getenv("TF_CPP_MIN_LOG_LEVEL");
  absl::SetMinLogLevel(static_cast<absl::LogSeverityAtLeast>(level == nullptr ? 2 : std::atoi(level)));
  return true;
}();

}  // namespace
