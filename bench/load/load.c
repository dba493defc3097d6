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
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <unistd.h>

#include "runner.h"

static const double WARM_UP = 0.3;
static const double GAP = 2;

static struct section pairing; /* [pair], and [ask] where there is one */

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
