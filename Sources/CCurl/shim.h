#ifndef STEPMILL_CCURL_SHIM_H
#define STEPMILL_CCURL_SHIM_H

// Swift cannot call functions with variable arguments: one function for each kind of argument.

#include <curl/curl.h>

static inline CURLcode stepmill_curl_set_long(CURL *curl, CURLoption option, long value) {
  return curl_easy_setopt(curl, option, value);
}
static inline CURLcode stepmill_curl_set_size(CURL *curl, CURLoption option, curl_off_t value) {
  return curl_easy_setopt(curl, option, value);
}
static inline CURLcode stepmill_curl_set_pointer(CURL *curl, CURLoption option, const void *value) {
  return curl_easy_setopt(curl, option, value);
}
typedef size_t (*stepmill_curl_data)(char *bytes, size_t size, size_t count, void *context);
static inline CURLcode stepmill_curl_set_data(CURL *curl, CURLoption option, stepmill_curl_data function) {
  return curl_easy_setopt(curl, option, function);
}
static inline CURLcode stepmill_curl_get_long(CURL *curl, CURLINFO info, long *value) {
  return curl_easy_getinfo(curl, info, value);
}
static inline CURLcode stepmill_curl_get_pointer(CURL *curl, CURLINFO info, void **value) {
  return curl_easy_getinfo(curl, info, (char **)value);
}

// Sockets must not be inherited by the commands that tasks run.
#include <fcntl.h>
static inline int stepmill_curl_close_on_exec(void *context, curl_socket_t socket, curlsocktype purpose) {
  (void)context;
  (void)purpose;
  (void)fcntl(socket, F_SETFD, FD_CLOEXEC);
  return CURL_SOCKOPT_OK;
}
static inline CURLcode stepmill_curl_set_close_on_exec(CURL *curl) {
  return curl_easy_setopt(curl, CURLOPT_SOCKOPTFUNCTION, stepmill_curl_close_on_exec);
}

typedef int (*stepmill_curl_socket)(CURL *curl, curl_socket_t socket, int what, void *context, void *socket_context);
typedef int (*stepmill_curl_timer)(CURLM *multi, long milliseconds, void *context);
static inline void stepmill_curl_set_socket(CURLM *multi, stepmill_curl_socket function, void *context) {
  curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, function);
  curl_multi_setopt(multi, CURLMOPT_SOCKETDATA, context);
}
static inline void stepmill_curl_set_timer(CURLM *multi, stepmill_curl_timer function, void *context) {
  curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION, function);
  curl_multi_setopt(multi, CURLMOPT_TIMERDATA, context);
}
static inline CURLMcode stepmill_curl_multi_set_long(CURLM *multi, CURLMoption option, long value) {
  return curl_multi_setopt(multi, option, value);
}

/// A finished transfer, or NULL. (The result lies in a union, which is why this is here.)
static inline CURL *stepmill_curl_next_done(CURLM *multi, CURLcode *result) {
  int left;
  CURLMsg *message;
  while ((message = curl_multi_info_read(multi, &left))) {
    if (message->msg == CURLMSG_DONE) {
      *result = message->data.result;
      return message->easy_handle;
    }
  }
  return NULL;
}

#endif
