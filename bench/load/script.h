/* A server's protocol as a script: who says what, and what is waited for. */
#ifndef SCRIPT_H
#define SCRIPT_H

#include <stddef.h>

enum { SIDES = 2, CATCHES = 4, VARIABLES = 12, STEPS = 48 };
enum action { CONNECT, SEND, EXPECT, CLOSE };

struct step {
    int side;
    enum action action;
    char *text;                /* a path, a message, or a part of the message waited for */
    char *catches[CATCHES];    /* names of text fields to keep as variables */
};

struct section {
    struct step steps[STEPS];
    int count;
};

struct script {
    struct section connection, pair, ask, signal, end, comeback;
};

struct variable {
    char name[24];
    char value[256];
};

struct variables {
    struct variable all[VARIABLES];
    int count;
};

void script_load(struct script *script, const char *file);
void set_variable(struct variables *variables, const char *name, const char *value, size_t size);
/* Keeps the value of a JSON text field. */
void catch_field(struct variables *variables, const char *name, const char *json, size_t size);
/* Replaces each $name; `payload` stands for $payload. The result is the caller's to free. */
char *render(const char *text, const struct variables *variables, const char *payload);

#endif
