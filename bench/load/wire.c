#define _GNU_SOURCE
#include "wire.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#ifndef IP_BIND_ADDRESS_NO_PORT
#define IP_BIND_ADDRESS_NO_PORT 24
#endif

enum { CHUNK = 65536 };

void die(const char *what, ...) {
    va_list arguments;
    va_start(arguments, what);
    fprintf(stderr, "load: ");
    vfprintf(stderr, what, arguments);
    fprintf(stderr, "\n");
    exit(1);
}

uint64_t now_ns(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

void wire_connect(struct wire *wire, const struct target *target, int poller) {
    static unsigned source = 0;
    int one = 1;
    wire->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    if (wire->fd < 0) die("no socket: %s", strerror(errno));
    setsockopt(wire->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    setsockopt(wire->fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof one);
    struct sockaddr_in from = {.sin_family = AF_INET};
    from.sin_addr.s_addr = htonl(0x7f000001u + source++ % 200u);
    bind(wire->fd, (struct sockaddr *)&from, sizeof from);
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)target->port)};
    inet_pton(AF_INET, target->host, &to.sin_addr);
    if (connect(wire->fd, (struct sockaddr *)&to, sizeof to) < 0 && errno != EINPROGRESS)
        die("cannot connect: %s", strerror(errno));
    wire->phase = CONNECTING;
    wire->length = wire->taken = 0;
    struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, .data.ptr = wire};
    if (epoll_ctl(poller, EPOLL_CTL_ADD, wire->fd, &event) < 0) die("epoll: %s", strerror(errno));
}

void wire_upgrade(struct wire *wire, const struct target *target, const char *path) {
    char head[1024];
    int size = snprintf(head, sizeof head,
                        "GET %s HTTP/1.1\r\nHost: %s:%d\r\nUpgrade: websocket\r\n"
                        "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
                        path, target->host, target->port);
    wire->phase = AWAITING_HEAD;
    wire_send(wire, head, (size_t)size);
}

int wire_read(struct wire *wire, int until_end) {
    if (wire->taken == wire->length) wire->length = wire->taken = 0;
    for (;;) {
        if (wire->room - wire->length < CHUNK / 2) {
            memmove(wire->in, wire->in + wire->taken, wire->length - wire->taken);
            wire->length -= wire->taken;
            wire->taken = 0;
            if (wire->room - wire->length < CHUNK / 2) {
                wire->room = wire->room ? wire->room * 2 : CHUNK;
                wire->in = realloc(wire->in, wire->room);
            }
        }
        size_t free_room = wire->room - wire->length;
        ssize_t got = recv(wire->fd, wire->in + wire->length, free_room, 0);
        if (got == 0) return 0;
        if (got < 0) {
            if (errno == EAGAIN) return 1;
            if (errno == EINTR) continue;
            return 0;
        }
        wire->length += (size_t)got;
        if ((size_t)got < free_room && !until_end) return 1;
    }
}

int wire_take_head(struct wire *wire) {
    char *start = wire->in + wire->taken;
    char *end = memmem(start, wire->length - wire->taken, "\r\n\r\n", 4);
    if (!end) return 0;
    if (strncmp(start, "HTTP/1.1 101", 12)) die("no upgrade: %.*s", (int)(end - start), start);
    wire->taken += (size_t)(end - start) + 4;
    wire->phase = OPEN;
    return 1;
}

int wire_take_frame(struct wire *wire, struct frame *frame) {
    unsigned char *head = (unsigned char *)wire->in + wire->taken;
    size_t there = wire->length - wire->taken, start = 2;
    if (there < 2) return 0;
    size_t size = head[1] & 0x7f;
    int wide = size == 126 ? 2 : size == 127 ? 8 : 0;
    if (there < start + (size_t)wide) return 0;
    if (wide) {
        size = 0;
        for (int i = 0; i < wide; i++) size = size << 8 | head[2 + i];
        start += (size_t)wide;
    }
    if (there < start + size) return 0;
    frame->opcode = head[0] & 0x0f;
    frame->payload = (char *)head + start;
    frame->size = size;
    wire->taken += start + size;
    return 1;
}

void wire_send(struct wire *wire, const char *data, size_t size) {
    if (!wire->unsent) {
        ssize_t sent = send(wire->fd, data, size, MSG_NOSIGNAL);
        if (sent < 0) {
            if (errno != EAGAIN) return; /* the next read finds out */
            sent = 0;
        }
        data += sent;
        size -= (size_t)sent;
    }
    if (!size) return;
    wire->out = realloc(wire->out, wire->unsent + size);
    memcpy(wire->out + wire->unsent, data, size);
    wire->unsent += size;
}

void wire_flush(struct wire *wire) {
    if (!wire->unsent) return;
    ssize_t sent = send(wire->fd, wire->out, wire->unsent, MSG_NOSIGNAL);
    if (sent <= 0) return;
    wire->unsent -= (size_t)sent;
    memmove(wire->out, wire->out + sent, wire->unsent);
}

void wire_close(struct wire *wire) {
    close(wire->fd);
    free(wire->in);
    free(wire->out);
    wire->in = wire->out = NULL;
    wire->room = wire->length = wire->taken = wire->unsent = 0;
    wire->phase = SHUT;
}

size_t make_frame(char *into, int opcode, const char *payload, size_t size) {
    static const unsigned char mask[4] = {0x37, 0xfa, 0x21, 0x3d};
    char *at = into;
    *at++ = (char)(0x80 | opcode);
    if (size < 126) {
        *at++ = (char)(0x80 | size);
    } else {
        int wide = size < 65536 ? 2 : 8;
        *at++ = (char)(0x80 | (wide == 2 ? 126 : 127));
        for (int i = wide - 1; i >= 0; i--) *at++ = (char)(size >> (8 * i));
    }
    memcpy(at, mask, 4);
    at += 4;
    for (size_t i = 0; i < size; i++) at[i] = (char)(payload[i] ^ mask[i % 4]);
    return (size_t)(at - into) + size;
}
