// TensorFlow writes two lines to stderr while its library is being loaded ("oneDNN custom operations are on …"), before
// any setting of its log can take effect. This library has no dependencies and is named last when the addon is linked,
// so its initialiser runs before TensorFlow's: it points stderr at /dev/null until the addon's own initialiser
// (quiet.cc), which runs last, takes it back. A user's TF_CPP_MIN_LOG_LEVEL of 0 or 1 lets the lines through.
#include <fcntl.h>
#include <unistd.h>

#include <cstdlib>

namespace {

int saved = -1;

const bool muted = [] {
  const char* level = std::getenv("TF_CPP_MIN_LOG_LEVEL");
  if (level != nullptr && std::atoi(level) < 2) return false;
  const int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
  if (null < 0) return false;
  saved = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
  if (saved >= 0) dup2(null, STDERR_FILENO);
  close(null);
  return saved >= 0;
}();

}  // namespace

extern "C" void vgg16_unmute() {
  if (saved < 0) return;
  dup2(saved, STDERR_FILENO);
  close(saved);
  saved = -1;
}
