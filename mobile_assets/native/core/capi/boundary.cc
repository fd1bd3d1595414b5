#include "boundary.h"

#include <new>

#include "../version.h"

namespace coindex::capi {
namespace {

thread_local std::string last_error;

int status_of(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::argument:
      return COINDEX_BAD_ARGUMENT;
    case ErrorKind::photo:
      return COINDEX_PHOTO;
    case ErrorKind::model:
      return COINDEX_MODEL;
    case ErrorKind::catalog:
      return COINDEX_CATALOG;
    case ErrorKind::space_mismatch:
      return COINDEX_SPACE_MISMATCH;
    case ErrorKind::sync:
      return COINDEX_SYNC;
    case ErrorKind::not_served:
      return COINDEX_NOT_SERVED;
    case ErrorKind::rejected:
      return COINDEX_REJECTED;
    case ErrorKind::net:
      return COINDEX_NET;
    case ErrorKind::disk:
      return COINDEX_DISK;
    case ErrorKind::cancelled:
      return COINDEX_CANCELLED;
  }
  return COINDEX_INTERNAL;
}

int noted(int status, const char* sentence) {
  try {
    last_error = sentence;
  } catch (...) {
    last_error.clear();
  }
  return status;
}

}  // namespace

int failed() noexcept {
  try {
    throw;
  } catch (const Closed& error) {
    return noted(COINDEX_CLOSED, error.what());
  } catch (const Error& error) {
    return noted(status_of(error.kind()), error.what());
  } catch (const std::bad_alloc&) {
    return noted(COINDEX_MEMORY, "no memory is left; close other applications and try again");
  } catch (const std::exception& error) {
    return noted(COINDEX_INTERNAL, error.what());
  } catch (...) {
    return noted(COINDEX_INTERNAL, "an unknown error; please report it");
  }
}

}  // namespace coindex::capi

const char* coindex_error_text(void) { return coindex::capi::last_error.c_str(); }

const char* coindex_version(void) { return COINDEX_VERSION; }
