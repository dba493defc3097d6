/*
 * Load for a signaling server, by a script of its protocol.
 *
 *   load HOST PORT SCRIPT handshakes count=2000 at_once=64
 *   load HOST PORT SCRIPT hold       count=1000 at_once=64       connects, then waits for stdin to end
 *   load HOST PORT SCRIPT relay      pairs=50 window=1 payload=FILE seconds=2 pid=SERVER
 *   load HOST PORT SCRIPT cycles     at_once=16 payload=FILE seconds=2 pid=SERVER
 *   load HOST PORT SCRIPT approvals  rate=50 count=200 payload=FILE pid=SERVER
 *   load HOST PORT SCRIPT storm      pairs=5000 pid=SERVER
 *
 * Prints one line of JSON. In `relay` each direction of each pair has `window` signals on the way:
 * for each that comes, its sender sends another. It is a closed loop, then. `approvals` is an open
 * one: a pairing begins `rate` times a second, however long the others take, and the time is that of
 * [ask] (or [signal], where nobody is asked). In `storm` all connections of all pairs are cut off,
 * and after GAP seconds all come back at once; the time is that until the last one is there.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <unistd.h>

#include "script.h"
#include "wire.h"

enum { EVENTS = 512, SAMPLES = 1 << 22, TEXT = 1, CLOSING = 8, PING = 9, PONG = 10 };
static const double WARM_UP = 0.3;
static const double PATIENCE = 60;
static const double GAP = 2;

struct runner {
    struct wire wires[SIDES];
    struct variables variables;
    const struct section *section;
    int step, done;
    uint64_t began;
    /* the relay */
    char *signals[SIDES];      /* a side's signal as `window` frames in a row */
    size_t frame_size[SIDES], text_size[SIDES];
    uint64_t *sent_at[SIDES];  /* when the signals on the way were sent, oldest at `head` */
    unsigned head[SIDES], tail[SIDES];
};

static struct {
    struct target target;
    struct script script;
    const char *mode, *payload;
    int count, at_once, pairs, window, pid;
    double seconds, rate;
} options = {.payload = "null", .count = 1, .at_once = 1, .pairs = 1, .window = 1, .seconds = 1, .rate = 1};

static int poller, unique;
static struct runner **ready; /* runners that reached the end of their section */
static int ready_count;
static float *samples;
static size_t sample_count;
static uint64_t signals;
static int measuring, relaying;
static struct section pairing; /* [pair], and [ask] where there is one */

static const struct section *timed; /* the only section whose time counts, if there is one */

static void keep_sample(uint64_t since, uint64_t now) {
    if (measuring && sample_count < SAMPLES) samples[sample_count++] = (float)(now - since) / 1000;
}

/* -- the script -------------------------------------------------------------------------- */

static void send_text(struct wire *wire, const char *text) {
    char *frame = malloc(strlen(text) + 14);
    wire_send(wire, frame, make_frame(frame, TEXT, text, strlen(text)));
    free(frame);
}

static int next_text(struct wire *wire, struct frame *frame) {
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

static void begin(struct runner *runner, const struct section *section) {
    runner->section = section;
    runner->step = runner->done = 0;
    if (!section->count) die("the script has no such section");
    const struct step *step = section->steps;
    perform(runner, &runner->wires[step->side], step);
    advance(runner);
}

static struct runner *fresh_runner(struct runner *runner) {
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

static void send_signals(struct runner *runner, int side, unsigned count, uint64_t now) {
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

static void prepare_relay(struct runner *runner) {
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

static void turn(int milliseconds) {
    static struct epoll_event events[EVENTS];
    int count = epoll_wait(poller, events, EVENTS, milliseconds);
    if (count < 0 && errno != EINTR) die("epoll: %s", strerror(errno));
    for (int i = 0; i < count; i++) serve(events[i].data.ptr, events[i].events);
}

static void turn_until_ready(int count) {
    uint64_t end = now_ns() + (uint64_t)(PATIENCE * 1e9);
    while (ready_count < count) {
        turn(100);
        if (now_ns() > end) die("%d of %d got there in time", ready_count, count);
    }
}

/* Takes `count` runners through a section, `options.at_once` of them at a time. */
static void take_through(const struct section *section, int count) {
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

static void append(struct section *section, const struct section *more) {
    for (int i = 0; i < more->count; i++) section->steps[section->count++] = more->steps[i];
}

/* -- what is measured -------------------------------------------------------------------- */

/* Seconds of CPU that the server has used, of all its threads. */
static double server_cpu(void) {
    char name[64], line[1024];
    unsigned long user = 0, kernel = 0;
    snprintf(name, sizeof name, "/proc/%d/stat", options.pid);
    FILE *file = options.pid ? fopen(name, "r") : NULL;
    if (!file) return 0;
    if (fgets(line, sizeof line, file)) {
        char *rest = strrchr(line, ')');
        if (rest)
            sscanf(rest + 2, "%*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user, &kernel);
    }
    fclose(file);
    return (double)(user + kernel) / (double)sysconf(_SC_CLK_TCK);
}

static double own_cpu(void) {
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

static int by_size(const void *one, const void *other) {
    float a = *(const float *)one, b = *(const float *)other;
    return (a > b) - (a < b);
}

static double percentile(double part) {
    if (!sample_count) return 0;
    size_t rank = (size_t)(part * (double)sample_count + .999999);
    return samples[rank ? rank - 1 : 0];
}

static void report(const char *unit, double count, double seconds, double cpu, double own) {
    qsort(samples, sample_count, sizeof *samples, by_size);
    printf("{\"%s\": %.0f, \"per_second\": %.1f, \"p50_us\": %.1f, \"p99_us\": %.1f, "
           "\"cpu_us\": %.2f, \"server_busy\": %.3f, \"load_busy\": %.3f}\n",
           unit, count, count / seconds, percentile(.5), percentile(.99),
           count ? cpu / count * 1e6 : 0, cpu / seconds, own / seconds);
    fflush(stdout);
}

static void run_for(double seconds, void (*each_turn)(void)) {
    uint64_t end = now_ns() + (uint64_t)(seconds * 1e9);
    while (now_ns() < end) {
        turn(10);
        if (each_turn) each_turn();
    }
}

static void measure(const char *unit, void (*each_turn)(void), const uint64_t *count) {
    run_for(WARM_UP, each_turn);
    measuring = 1;
    uint64_t began = now_ns();
    double cpu = server_cpu(), own = own_cpu();
    run_for(options.seconds, each_turn);
    measuring = 0;
    double seconds = (double)(now_ns() - began) / 1e9;
    report(unit, (double)*count, seconds, server_cpu() - cpu, own_cpu() - own);
}

static void run_relay(void) {
    options.at_once = 16;
    take_through(&pairing, options.pairs);
    for (int i = 0; i < options.pairs; i++) prepare_relay(ready[i]);
    relaying = 1;
    uint64_t now = now_ns();
    for (int i = 0; i < options.pairs; i++)
        for (int side = 0; side < SIDES; side++)
            send_signals(ready[i], side, (unsigned)options.window, now);
    measure("signals", NULL, &signals);
}

static void run_handshakes(void) {
    struct section first = options.script.connection;
    first.count = 1;
    measuring = 1;
    uint64_t began = now_ns();
    double cpu = server_cpu(), own = own_cpu();
    take_through(&first, options.count);
    double seconds = (double)(now_ns() - began) / 1e9;
    report("handshakes", options.count, seconds, server_cpu() - cpu, own_cpu() - own);
}

static void hold(void) {
    take_through(&options.script.connection, options.count);
    printf("{\"held\": %d}\n", options.count);
    fflush(stdout);
    struct pollfd input = {.fd = 0, .events = POLLIN};
    char byte;
    struct frame frame;
    while (poll(&input, 1, 0) == 0 || read(0, &byte, 1) > 0) {
        turn(50);
        for (int i = 0; i < ready_count; i++) next_text(&ready[i]->wires[0], &frame);
    }
}

static uint64_t cycles;
static struct section whole;

static void start_anew(void) {
    while (ready_count) {
        if (measuring) cycles++;
        begin(fresh_runner(ready[--ready_count]), &whole);
    }
}

static void run_cycles(void) {
    append(&whole, &pairing);
    append(&whole, &options.script.signal);
    append(&whole, &options.script.end);
    ready = calloc((size_t)options.at_once + 1, sizeof *ready);
    for (int i = 0; i < options.at_once; i++) begin(fresh_runner(NULL), &whole);
    measure("cycles", start_anew, &cycles);
}

/* From one section to the next; only what is asked is measured. Returns how many are through. */
static int go_on(const struct section *asked) {
    int through = 0;
    while (ready_count) {
        struct runner *runner = ready[--ready_count];
        if (runner->section == &options.script.end) {
            through++;
        } else if (runner->section == asked) {
            begin(runner, &options.script.end);
        } else {
            runner->began = now_ns();
            begin(runner, asked);
        }
    }
    return through;
}

static void run_approvals(void) {
    const struct section *asked = options.script.ask.count ? &options.script.ask : &options.script.signal;
    ready = calloc((size_t)options.count + 1, sizeof *ready);
    timed = asked;
    measuring = 1;
    uint64_t began = now_ns(), end = began + (uint64_t)((options.count / options.rate + PATIENCE) * 1e9);
    double cpu = server_cpu(), own = own_cpu();
    for (int begun = 0, through = 0; through < options.count;) {
        double due = begun / options.rate - (double)(now_ns() - began) / 1e9;
        if (begun < options.count && due <= 0) {
            begin(fresh_runner(NULL), &options.script.pair);
            begun++;
        } else {
            turn(begun == options.count || due > .1 ? 100 : (int)(due * 1e3));
        }
        through += go_on(asked);
        if (now_ns() > end) die("%d of %d got there in time", through, options.count);
    }
    double seconds = (double)(now_ns() - began) / 1e9;
    report("approvals", options.count, seconds, server_cpu() - cpu, own_cpu() - own);
}

static struct section of_side(const struct section *section, int side) {
    struct section only = {.count = 0};
    for (int i = 0; i < section->count; i++)
        if (section->steps[i].side == side) only.steps[only.count++] = section->steps[i];
    return only;
}

static void run_storm(void) {
    struct section back[SIDES] = {of_side(&options.script.comeback, 0), of_side(&options.script.comeback, 1)};
    options.at_once = 16;
    take_through(&pairing, options.pairs);
    struct runner **pairs = ready;
    for (int i = 0; i < options.pairs; i++)
        for (int side = 0; side < SIDES; side++) wire_close(&pairs[i]->wires[side]);
    run_for(GAP, NULL);
    ready = calloc((size_t)options.pairs * SIDES + 1, sizeof *ready);
    ready_count = 0;
    measuring = 1;
    uint64_t began = now_ns();
    double cpu = server_cpu(), own = own_cpu();
    for (int i = 0; i < options.pairs; i++)
        for (int side = 0; side < SIDES; side++) {
            struct runner *runner = fresh_runner(NULL);
            runner->variables = pairs[i]->variables;
            begin(runner, &back[side]);
        }
    turn_until_ready(options.pairs * SIDES);
    double seconds = (double)(now_ns() - began) / 1e9;
    report("clients", options.pairs * SIDES, seconds, server_cpu() - cpu, own_cpu() - own);
}

/* -- the command line -------------------------------------------------------------------- */

static const char *whole_file(const char *name) {
    FILE *file = fopen(name, "r");
    if (!file) die("cannot read %s", name);
    char *text = calloc(1, 65536);
    size_t size = fread(text, 1, 65535, file);
    while (size && text[size - 1] == '\n') text[--size] = 0;
    fclose(file);
    return text;
}

static void read_option(const char *option) {
    const char *value = strchr(option, '=');
    if (!value) die("not an option: %s", option);
    value++;
    if (!strncmp(option, "count=", 6)) options.count = atoi(value);
    else if (!strncmp(option, "at_once=", 8)) options.at_once = atoi(value);
    else if (!strncmp(option, "pairs=", 6)) options.pairs = atoi(value);
    else if (!strncmp(option, "window=", 7)) options.window = atoi(value);
    else if (!strncmp(option, "pid=", 4)) options.pid = atoi(value);
    else if (!strncmp(option, "rate=", 5)) options.rate = atof(value);
    else if (!strncmp(option, "seconds=", 8)) options.seconds = atof(value);
    else if (!strncmp(option, "payload=", 8)) options.payload = whole_file(value);
    else die("no such option: %s", option);
}

int main(int count, char **arguments) {
    if (count < 5) die("HOST PORT SCRIPT handshakes|hold|relay|cycles|approvals|storm [name=value]...");
    options.target = (struct target){arguments[1], atoi(arguments[2])};
    script_load(&options.script, arguments[3]);
    append(&pairing, &options.script.pair);
    append(&pairing, &options.script.ask);
    options.mode = arguments[4];
    for (int i = 5; i < count; i++) read_option(arguments[i]);
    samples = malloc(SAMPLES * sizeof *samples);
    poller = epoll_create1(0);
    if (!strcmp(options.mode, "relay")) run_relay();
    else if (!strcmp(options.mode, "handshakes")) run_handshakes();
    else if (!strcmp(options.mode, "hold")) hold();
    else if (!strcmp(options.mode, "cycles")) run_cycles();
    else if (!strcmp(options.mode, "approvals")) run_approvals();
    else if (!strcmp(options.mode, "storm")) run_storm();
    else die("no such mode: %s", options.mode);
    return 0;
}
