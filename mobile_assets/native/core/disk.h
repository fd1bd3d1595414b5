// Files that are whole or absent: everything that a device folder is written by goes through these functions.
//
// Nothing is promised to outlive a power cut but the bytes of a file after `sync_file` and the names in a folder after
// `sync_folder`. What the system refuses is refused with `ErrorKind::disk`.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "bytes.h"

namespace coindex {

// A file's bytes, mapped into memory. Who has it open goes on reading it after it is renamed over or removed.
class MappedFile {
 public:
  explicit MappedFile(const std::string& path);
  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  Bytes bytes() const { return {at_, size_}; }

 private:
  const void* at_ = nullptr;
  size_t size_ = 0;
};

// Holds a folder's lock, which the system drops when the process ends.
class FolderLock {
 public:
  // Refuses with `ErrorKind::catalog` where another process, or another thread of this one, has it.
  explicit FolderLock(const std::string& folder);
  ~FolderLock();
  FolderLock(const FolderLock&) = delete;
  FolderLock& operator=(const FolderLock&) = delete;

 private:
  int descriptor_ = -1;
};

std::string joined(const std::string& folder, const std::string& name);

std::vector<uint8_t> read_file(const std::string& path);
// A file's length in bytes, none where there is no file.
std::optional<int64_t> file_size(const std::string& path);
// The names in a folder, sorted; none where there is no folder.
std::vector<std::string> names_in(const std::string& folder);
void make_folder(const std::string& folder);

// Replaces a file so that a reader, or a crash at any moment, meets the old file or the new one, whole.
void write_whole(const std::string& folder, const std::string& name, Bytes data);
// Makes a file empty, or appends to it.
void write_file(const std::string& path, Bytes data, bool append);
void sync_file(const std::string& path);
void sync_folder(const std::string& folder);
// Renames a file that is already on the disk to its final name in the same folder, and makes the name durable too.
void move_into_place(const std::string& folder, const std::string& from, const std::string& to);
// Takes a file away unless it is gone already.
void remove_file(const std::string& path);

}  // namespace coindex
