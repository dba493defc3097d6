/* One WebSocket client connection: bytes in, frames out (RFC 6455). */
#ifndef WIRE_H
#define WIRE_H

#include <stddef.h>
#include <stdint.h>

enum phase { SHUT, CONNECTING, AWAITING_HEAD, OPEN };

struct wire {
    int fd;
    enum phase phase;
    char *in;             /* what was read and not yet taken */
    size_t length, taken, room;
    char *out;            /* what the kernel did not take yet */
    size_t unsent;
    void *owner;
    int side;
};

struct frame {
    int opcode;
    char *payload;
    size_t size;
};

/* Where connections go. Source addresses go round 127.0.0.0/8, so that ports do not run out. */
struct target {
    const char *host;
    int port;
};

void die(const char *what, ...);
uint64_t now_ns(void);

void wire_connect(struct wire *wire, const struct target *target, int poller);
/* Sends the upgrade request; call it once the socket is writable. */
void wire_upgrade(struct wire *wire, const struct target *target, const char *path);
/* Reads what there is; `until_end` where the end is known to have come. 0 when it has. */
int wire_read(struct wire *wire, int until_end);
/* True once the head of a 101 was taken; dies at any other answer. */
int wire_take_head(struct wire *wire);
/* The next whole frame, which stays valid until the next read. */
int wire_take_frame(struct wire *wire, struct frame *frame);
void wire_send(struct wire *wire, const char *data, size_t size);
void wire_flush(struct wire *wire);
void wire_close(struct wire *wire);

/* A masked frame; returns its size. `into` needs 14 bytes more than the payload. */
size_t make_frame(char *into, int opcode, const char *payload, size_t size);

#endif
