#include "LimitHTTP.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <netinet/in.h>
#include <unistd.h>
#include <uv.h>

typedef struct {
  uv_tcp_t tcp;
  size_t skip;
  size_t matched;
} peer;

static char answer[65536];
static size_t answer_length;
static size_t request_body;
static char input[65536];
static char output[1 << 20];

static void on_alloc(uv_handle_t *handle, size_t size, uv_buf_t *buffer) {
  (void)handle;
  (void)size;
  *buffer = uv_buf_init(input, sizeof input);
}

static void on_close(uv_handle_t *handle) { free(handle); }

static void on_read(uv_stream_t *stream, ssize_t count, const uv_buf_t *buffer) {
  peer *self = (peer *)stream;
  (void)buffer;
  if (count < 0) {
    uv_close((uv_handle_t *)stream, on_close);
    return;
  }
  static const char end[] = "\r\n\r\n";
  size_t length = 0;
  for (ssize_t index = 0; index < count;) {
    if (self->skip > 0) {
      size_t left = (size_t)(count - index);
      size_t step = self->skip < left ? self->skip : left;
      self->skip -= step;
      index += (ssize_t)step;
      if (self->skip > 0) break;
    } else {
      char byte = input[index++];
      self->matched = byte == end[self->matched] ? self->matched + 1 : (byte == '\r' ? 1 : 0);
      if (self->matched < 4) continue;
      self->matched = 0;
      self->skip = request_body;
      if (self->skip > 0) continue;
    }
    if (length + answer_length > sizeof output) break;
    memcpy(output + length, answer, answer_length);
    length += answer_length;
  }
  if (length > 0) {
    uv_buf_t out = uv_buf_init(output, (unsigned)length);
    uv_try_write(stream, &out, 1);
  }
}

static void on_connection(uv_stream_t *listener, int status) {
  if (status < 0) return;
  peer *self = calloc(1, sizeof *self);
  uv_tcp_init(listener->loop, &self->tcp);
  uv_accept(listener, (uv_stream_t *)&self->tcp);
  uv_tcp_nodelay(&self->tcp, 1);
  uv_read_start((uv_stream_t *)&self->tcp, on_alloc, on_read);
}

int limit_http_serve(size_t body, size_t requestBody, int descriptor) {
  request_body = requestBody;
  int head = snprintf(answer, sizeof answer,
                      "HTTP/1.1 200 OK\r\nDate: Thu, 01 Jan 1970 00:00:00 GMT\r\nContent-Type: "
                      "application/x-amz-json-1.0\r\nContent-Length: %zu\r\n\r\n",
                      body);
  if ((size_t)head + body > sizeof answer) return 1;
  memset(answer + head, 'x', body);
  answer_length = (size_t)head + body;

  uv_loop_t loop;
  uv_loop_init(&loop);
  uv_tcp_t listener;
  uv_tcp_init(&loop, &listener);
  struct sockaddr_in address;
  uv_ip4_addr("127.0.0.1", 0, &address);
  if (uv_tcp_bind(&listener, (struct sockaddr *)&address, 0) != 0) return 1;
  if (uv_listen((uv_stream_t *)&listener, 4096, on_connection) != 0) return 1;
  int size = sizeof address;
  uv_tcp_getsockname(&listener, (struct sockaddr *)&address, &size);
  dprintf(descriptor, "%d\n", ntohs(address.sin_port));
  return uv_run(&loop, UV_RUN_DEFAULT);
}
