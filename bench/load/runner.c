#define _GNU_SOURCE
#include "runner.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

enum { EVENTS = 512, TEXT = 1, CLOSING = 8, PING = 9, PONG = 10 };

struct options options = {
    .payload = "null", .count = 1, .at_once = 1, .pairs = 1, .window = 1, .seconds = 1, .rate = 1};
int poller;
struct runner **ready;
int ready_count;
float *samples;
size_t sample_count;
uint64_t signals;
int measuring, relaying;
const struct section *timed;

static int unique;

static void keep_sample(uint64_t since, uint64_t now) {
    if (measuring && sample_count < SAMPLES) samples[sample_count++] = (float)(now - since) / 1000;
}

/* -- the script -------------------------------------------------------------------------- */

static void send_text(struct wire *wire, const char *text) {
    char *frame = malloc(strlen(text) + 14);
    wire_send(wire, frame, make_frame(frame, TEXT, text, strlen(text)));
    free(frame);
}

int next_text(struct wire *wire, struct frame *frame) {
    while (wire_take_frame(wire, frame)) {
        if (frame->opcode == TEXT) return 1;
        if (frame->opcode == PING) {
            char pong[139];
            wire_send(wire, pong, make_frame(pong, PONG, frame->payload, frame->size));
        } else if (frame->opcode == CLOSING && !wire->owner) {
            die("closed by the server");
        }
    }
    return 0;
}

static int expect(struct runner *runner, struct wire *wire, const struct step *step) {
    struct frame frame;
    while (next_text(wire, &frame)) {
        if (!memmem(frame.payload, frame.size, step->text, strlen(step->text))) {
            if (memmem(frame.payload, frame.size, "\"error\"", 7))
                die("refused: %.*s", (int)frame.size, frame.payload);
            continue;
        }
        for (int i = 0; i < CATCHES && step->catches[i]; i++)
            catch_field(&runner->variables, step->catches[i], frame.payload, frame.size);
        return 1;
    }
    return 0;
}

static void perform(struct runner *runner, struct wire *wire, const struct step *step) {
    if (step->action == CONNECT) {
        wire_connect(wire, &options.target, poller);
    } else if (step->action == SEND) {
        char *text = render(step->text, &runner->variables, options.payload);
        send_text(wire, text);
        free(text);
    } else if (step->action == CLOSE && wire->phase == OPEN) {
        char frame[16];
        wire_send(wire, frame, make_frame(frame, CLOSING, "\x03\xe8", 2));
    }
}

static int is_over(struct runner *runner, struct wire *wire, const struct step *step) {
    if (step->action == CONNECT) return wire->phase == OPEN;
    if (step->action == EXPECT) return expect(runner, wire, step);
    if (step->action == CLOSE) return wire->phase == SHUT;
    return 1;
}

static void advance(struct runner *runner) {
    while (!runner->done) {
        const struct step *step = &runner->section->steps[runner->step];
        if (!is_over(runner, &runner->wires[step->side], step)) return;
        if (++runner->step == runner->section->count) {
            runner->done = 1;
            if (!timed || runner->section == timed) keep_sample(runner->began, now_ns());
            ready[ready_count++] = runner;
            return;
        }
        step = &runner->section->steps[runner->step];
        perform(runner, &runner->wires[step->side], step);
    }
}

void begin(struct runner *runner, const struct section *section) {
    runner->section = section;
    runner->step = runner->done = 0;
    if (!section->count) die("the script has no such section");
    const struct step *step = section->steps;
    perform(runner, &runner->wires[step->side], step);
    advance(runner);
}

struct runner *fresh_runner(struct runner *runner) {
    if (!runner) runner = calloc(1, sizeof *runner);
    runner->variables.count = 0;
    char number[24];
    int size = snprintf(number, sizeof number, "%d-%d", (int)getpid(), ++unique);
    set_variable(&runner->variables, "n", number, (size_t)size);
    for (int side = 0; side < SIDES; side++) {
        runner->wires[side].owner = runner;
        runner->wires[side].side = side;
    }
    runner->began = now_ns();
    return runner;
}

/* -- the relay --------------------------------------------------------------------------- */

void send_signals(struct runner *runner, int side, unsigned count, uint64_t now) {
    wire_send(&runner->wires[side], runner->signals[side], count * runner->frame_size[side]);
    for (unsigned i = 0; i < count; i++)
        runner->sent_at[side][runner->tail[side]++ % (unsigned)options.window] = now;
}

static void relay(struct runner *runner, int side) {
    struct frame frame;
    unsigned came = 0;
    uint64_t now = now_ns();
    int peer = !side;
    while (next_text(&runner->wires[side], &frame)) {
        if (frame.size + 64 < runner->text_size[peer]) continue; /* no signal: news of the server */
        keep_sample(runner->sent_at[peer][runner->head[peer]++ % (unsigned)options.window], now);
        came++;
    }
    if (measuring) signals += came;
    while (came) {
        unsigned some = came < (unsigned)options.window ? came : (unsigned)options.window;
        send_signals(runner, peer, some, now);
        came -= some;
    }
}

void prepare_relay(struct runner *runner) {
    for (int i = 0; i < options.script.signal.count; i++) {
        const struct step *step = &options.script.signal.steps[i];
        if (step->action != SEND) continue;
        char *text = render(step->text, &runner->variables, options.payload);
        size_t room = strlen(text) + 14;
        char *frame = malloc(room), *row = malloc(room * (size_t)options.window);
        size_t size = make_frame(frame, TEXT, text, strlen(text));
        for (int copy = 0; copy < options.window; copy++) memcpy(row + (size_t)copy * size, frame, size);
        runner->signals[step->side] = row;
        runner->frame_size[step->side] = size;
        runner->text_size[step->side] = strlen(text);
        runner->sent_at[step->side] = calloc((size_t)options.window, sizeof(uint64_t));
        free(frame);
        free(text);
    }
}

/* -- events ------------------------------------------------------------------------------ */

static void serve(struct wire *wire, uint32_t happened) {
    struct runner *runner = wire->owner;
    if (wire->phase == SHUT) return;
    if (wire->phase == CONNECTING && happened & EPOLLOUT) {
        char *path = render(runner->section->steps[runner->step].text, &runner->variables, "");
        wire_upgrade(wire, &options.target, path);
        free(path);
    } else if (happened & EPOLLOUT) {
        wire_flush(wire);
    }
    if (!(happened & (EPOLLIN | EPOLLHUP | EPOLLERR)) || wire->phase == CONNECTING) return;
    int alive = wire_read(wire, happened & EPOLLRDHUP);
    if (wire->phase == AWAITING_HEAD) wire_take_head(wire);
    if (relaying)
        relay(runner, wire->side);
    else
        advance(runner);
    if (!alive && wire->phase != SHUT) {
        const struct step *step = &runner->section->steps[runner->step];
        if (runner->done || step->action != CLOSE) die("the server closed a connection");
        wire_close(wire);
        advance(runner);
    }
}

void turn(int milliseconds) {
    static struct epoll_event events[EVENTS];
    int count = epoll_wait(poller, events, EVENTS, milliseconds);
    if (count < 0 && errno != EINTR) die("epoll: %s", strerror(errno));
    for (int i = 0; i < count; i++) serve(events[i].data.ptr, events[i].events);
}

void turn_until_ready(int count) {
    uint64_t end = now_ns() + (uint64_t)(PATIENCE * 1e9);
    while (ready_count < count) {
        turn(100);
        if (now_ns() > end) die("%d of %d got there in time", ready_count, count);
    }
}

void take_through(const struct section *section, int count) {
    ready = calloc((size_t)count + 1, sizeof *ready);
    ready_count = 0;
    for (int begun = 0; begun < count;) {
        while (begun < count && begun - ready_count < options.at_once) {
            begin(fresh_runner(NULL), section);
            begun++;
        }
        turn_until_ready(begun - options.at_once + 1 > 0 ? begun - options.at_once + 1 : 0);
    }
    turn_until_ready(count);
}
