// TensorFlow writes two lines to stderr while its library is being loaded ("oneDNN custom operations are on …"), before
// any setting of its log can take effect. This library has no dependencies and is named last when the addon is linked,
// so its initialiser runs before TensorFlow's: it puts C's stderr aside until the addon's own initialiser (quiet.cc),
// which runs last, brings it back. The file descriptor stays as it is: Node's main thread, which writes to it and not
// through C, may have something to say meanwhile. A user's TF_CPP_MIN_LOG_LEVEL of 0 or 1 lets the lines through.
#include <cstdio>
#include <cstdlib>

namespace {

std::FILE* saved = nullptr;

const bool muted = [] {
  const char* level = std::getenv("TF_CPP_MIN_LOG_LEVEL");
  if (level != nullptr && std::atoi(level) < 2) return false;
  std::FILE* null = std::fopen("/dev/null", "we"); // never closed: what has read `stderr` by now goes on writing to it
  if (null == nullptr) return false;
  saved = stderr;
  stderr = null;
  return true;
}();

}  // namespace

extern "C" void vgg16_unmute() {
  if (saved == nullptr) return;
  stderr = saved;
  saved = nullptr;
}
