#include "disk.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdio>

#include "errors.h"

namespace coindex {
namespace {

[[noreturn]] void refuse_file(const std::string& path, const char* what, int error) {
  refuse(ErrorKind::disk,
         text(path, ": ", what, " (", std::strerror(error), "); make room or mend the disk, and try again"));
}

class Descriptor {
 public:
  Descriptor(const std::string& path, int flags) : descriptor_(::open(path.c_str(), flags | O_CLOEXEC, 0666)) {
    if (descriptor_ < 0) refuse_file(path, "cannot be opened", errno);
  }
  ~Descriptor() { ::close(descriptor_); }
  int operator*() const { return descriptor_; }

 private:
  int descriptor_;
};

bool made_durable(int descriptor) {
#if defined(__APPLE__)
  return ::fcntl(descriptor, F_FULLFSYNC) == 0 || ::fsync(descriptor) == 0;
#else
  return ::fsync(descriptor) == 0;
#endif
}

std::string unused_name(const std::string& name) {
  static std::atomic<uint32_t> count{0};
  char mark[32];
  std::snprintf(mark, sizeof(mark), "%x-%x", static_cast<unsigned>(::getpid()), static_cast<unsigned>(count++));
  return text('.', name.substr(0, 64), '.', mark, ".tmp");
}

}  // namespace

MappedFile::MappedFile(const std::string& path) {
  const Descriptor file(path, O_RDONLY);
  struct stat status;
  if (::fstat(*file, &status) != 0) refuse_file(path, "cannot be read", errno);
  if (!S_ISREG(status.st_mode)) refuse_file(path, "is no file", EINVAL);
  size_ = static_cast<size_t>(status.st_size);
  if (size_ == 0) return;
  void* at = ::mmap(nullptr, size_, PROT_READ, MAP_PRIVATE, *file, 0);
  if (at == MAP_FAILED) refuse_file(path, "cannot be read", errno);
  at_ = at;
}

MappedFile::~MappedFile() {
  if (at_) ::munmap(const_cast<void*>(at_), size_);
}

FolderLock::FolderLock(const std::string& folder) {
  const std::string path = joined(folder, ".lock");
  descriptor_ = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
  if (descriptor_ < 0) refuse_file(path, "cannot be opened", errno);
  if (::flock(descriptor_, LOCK_EX | LOCK_NB) != 0) {
    ::close(descriptor_);
    refuse(ErrorKind::catalog, text(folder, ": another process is syncing here; wait for it to end"));
  }
}

FolderLock::~FolderLock() { ::close(descriptor_); }

std::string joined(const std::string& folder, const std::string& name) { return folder + "/" + name; }

std::vector<uint8_t> read_file(const std::string& path) {
  const MappedFile file(path);
  return {file.bytes().data, file.bytes().data + file.bytes().size};
}

std::optional<int64_t> file_size(const std::string& path) {
  struct stat status;
  if (::stat(path.c_str(), &status) != 0 || !S_ISREG(status.st_mode)) return std::nullopt;
  return static_cast<int64_t>(status.st_size);
}

std::vector<std::string> names_in(const std::string& folder) {
  std::vector<std::string> out;
  DIR* open = ::opendir(folder.c_str());
  if (!open) return out;
  while (const dirent* entry = ::readdir(open)) {
    const std::string name = entry->d_name;
    if (name != "." && name != "..") out.push_back(name);
  }
  ::closedir(open);
  std::sort(out.begin(), out.end());
  return out;
}

void make_folder(const std::string& folder) {
  for (size_t at = folder.find('/', 1); at != std::string::npos; at = folder.find('/', at + 1)) {
    ::mkdir(folder.substr(0, at).c_str(), 0777);
  }
  if (::mkdir(folder.c_str(), 0777) != 0 && errno != EEXIST) refuse_file(folder, "cannot be made", errno);
}

void write_file(const std::string& path, Bytes data, bool append) {
  const Descriptor file(path, O_WRONLY | O_CREAT | (append ? O_APPEND : O_TRUNC));
  while (data.size > 0) {
    const ssize_t written = ::write(*file, data.data, data.size);
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) refuse_file(path, "cannot be written", errno);
    data = data.part(static_cast<size_t>(written), data.size - static_cast<size_t>(written));
  }
}

void write_whole(const std::string& folder, const std::string& name, Bytes data) {
  const std::string beside = unused_name(name);
  write_file(joined(folder, beside), data, false);
  sync_file(joined(folder, beside));
  move_into_place(folder, beside, name);
}

void sync_file(const std::string& path) {
  const Descriptor file(path, O_RDWR);
  if (!made_durable(*file)) refuse_file(path, "cannot be made durable", errno);
}

void sync_folder(const std::string& folder) {
  const Descriptor file(folder, O_RDONLY);
  // Some file systems know no such thing as a folder that is not durable.
  if (!made_durable(*file) && errno != EINVAL) refuse_file(folder, "cannot be made durable", errno);
}

void move_into_place(const std::string& folder, const std::string& from, const std::string& to) {
  if (::rename(joined(folder, from).c_str(), joined(folder, to).c_str()) != 0) {
    refuse_file(joined(folder, to), "cannot be put in place", errno);
  }
  sync_folder(folder);
}

void remove_file(const std::string& path) {
  if (::unlink(path.c_str()) != 0 && errno != ENOENT) refuse_file(path, "cannot be removed", errno);
}

}  // namespace coindex
