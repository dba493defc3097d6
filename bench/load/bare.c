/*
 * The least a WebSocket relay can be: no checks, no protocol, two connections of one path joined.
 * Nobody would run it; it shows what the machine and the load generator leave room for.
 *
 *   bare PORT
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "wire.h"

/* The load generator always offers the same key. */
static const char ANSWER[] =
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";

enum { EVENTS = 512, ROOMS = 1 << 17, PATH = 64 };

static struct room {
    char path[PATH];
    struct wire *wires[2];
} rooms[ROOMS];

static struct room *room_at(const char *path) {
    unsigned hash = 5381;
    for (const char *at = path; *at; at++) hash = hash * 33 + (unsigned char)*at;
    struct room *room = &rooms[hash % ROOMS];
    while (*room->path && strcmp(room->path, path)) room = room == rooms + ROOMS - 1 ? rooms : room + 1;
    strcpy(room->path, path);
    return room;
}

static void enter(struct wire *wire) {
    char path[PATH] = "";
    sscanf(wire->in, "GET %63s", path);
    char *end = memmem(wire->in + wire->taken, wire->length - wire->taken, "\r\n\r\n", 4);
    if (!end) return;
    wire->taken = (size_t)(end - wire->in) + 4;
    wire->phase = OPEN;
    struct room *room = room_at(path);
    wire->side = room->wires[0] != NULL;
    room->wires[wire->side] = wire;
    wire->owner = room;
    wire_send(wire, ANSWER, sizeof ANSWER - 1);
}

/* Unmasks what came and passes it on as one piece. */
static void pass_on(struct wire *wire) {
    static char out[1 << 20];
    size_t length = 0;
    unsigned char *head;
    struct frame frame;
    struct room *room = wire->owner;
    struct wire *peer = room->wires[!wire->side];
    for (;;) {
        head = (unsigned char *)wire->in + wire->taken;
        if (wire->length - wire->taken < 6) break;
        int wide = (head[1] & 0x7f) == 126 ? 2 : 0;
        size_t size = wide ? (size_t)(head[2] << 8 | head[3]) : head[1] & 0x7fu;
        size_t start = 6u + (size_t)wide;
        if (wire->length - wire->taken < start + size) break;
        frame.payload = (char *)head + start;
        out[length++] = (char)head[0];
        if (size < 126) {
            out[length++] = (char)size;
        } else {
            out[length++] = 126;
            out[length++] = (char)(size >> 8);
            out[length++] = (char)size;
        }
        for (size_t i = 0; i < size; i++) out[length++] = (char)(frame.payload[i] ^ head[start - 4 + i % 4]);
        wire->taken += start + size;
    }
    if (peer && length) wire_send(peer, out, length);
}

int main(int count, char **arguments) {
    if (count != 2) die("bare PORT");
    int one = 1, listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(arguments[1]))};
    at.sin_addr.s_addr = htonl(0x7f000001);
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(listener, (struct sockaddr *)&at, sizeof at) < 0) die("cannot bind");
    listen(listener, 4096);
    int poller = epoll_create1(0);
    struct epoll_event events[EVENTS], event = {.events = EPOLLIN, .data.ptr = NULL};
    epoll_ctl(poller, EPOLL_CTL_ADD, listener, &event);
    for (;;) {
        int happened = epoll_wait(poller, events, EVENTS, -1);
        for (int i = 0; i < happened; i++) {
            struct wire *wire = events[i].data.ptr;
            if (!wire) {
                int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK);
                if (fd < 0) continue;
                wire = calloc(1, sizeof *wire);
                wire->fd = fd;
                wire->phase = AWAITING_HEAD;
                event = (struct epoll_event){.events = EPOLLIN | EPOLLOUT | EPOLLET, .data.ptr = wire};
                epoll_ctl(poller, EPOLL_CTL_ADD, fd, &event);
                continue;
            }
            if (events[i].events & EPOLLOUT) wire_flush(wire);
            if (wire->phase == SHUT || !(events[i].events & EPOLLIN)) continue;
            if (!wire_read(wire, 1)) {
                if (wire->owner) ((struct room *)wire->owner)->wires[wire->side] = NULL;
                wire_close(wire);
                continue;
            }
            if (wire->phase == AWAITING_HEAD) enter(wire);
            if (wire->phase == OPEN) pass_on(wire);
        }
    }
}
