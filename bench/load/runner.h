/* Runners: pairs of clients that go through sections of a script, and then relay signals. */
#ifndef RUNNER_H
#define RUNNER_H

#include <stdint.h>

#include "script.h"
#include "wire.h"

enum { SAMPLES = 1 << 22 };
#define PATIENCE 60.0

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

struct options {
    struct target target;
    struct script script;
    const char *mode, *payload;
    int count, at_once, pairs, window, pid;
    double seconds, rate;
};

extern struct options options;
extern int poller;
extern struct runner **ready; /* runners that reached the end of their section */
extern int ready_count;
extern float *samples;
extern size_t sample_count;
extern uint64_t signals;
extern int measuring, relaying;
extern const struct section *timed; /* the only section whose time counts, if there is one */

/* Answers pings; true if there is a text. */
int next_text(struct wire *wire, struct frame *frame);
void begin(struct runner *runner, const struct section *section);
/* Gives a runner, a new one for NULL, a number of its own. */
struct runner *fresh_runner(struct runner *runner);
void send_signals(struct runner *runner, int side, unsigned count, uint64_t now);
void prepare_relay(struct runner *runner);
/* Waits for events once, and serves them. */
void turn(int milliseconds);
void turn_until_ready(int count);
/* Takes `count` runners through a section, `options.at_once` of them at a time. */
void take_through(const struct section *section, int count);

#endif
