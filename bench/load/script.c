#define _GNU_SOURCE
#include "script.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "wire.h"

static struct section *section_named(struct script *script, const char *name) {
    if (!strcmp(name, "[connection]")) return &script->connection;
    if (!strcmp(name, "[pair]")) return &script->pair;
    if (!strcmp(name, "[ask]")) return &script->ask;
    if (!strcmp(name, "[signal]")) return &script->signal;
    if (!strcmp(name, "[end]")) return &script->end;
    if (!strcmp(name, "[comeback]")) return &script->comeback;
    die("no such section: %s", name);
    return NULL;
}

static enum action action_named(const char *name) {
    if (!strcmp(name, "connect")) return CONNECT;
    if (!strcmp(name, "send")) return SEND;
    if (!strcmp(name, "expect")) return EXPECT;
    if (!strcmp(name, "close")) return CLOSE;
    die("no such action: %s", name);
    return CLOSE;
}

/* `"text" name name` of an expectation. */
static void read_expectation(struct step *step, char *rest) {
    char *end = strrchr(rest, '\'');
    if (*rest != '\'' || end == rest) die("expect needs '...': %s", rest);
    step->text = strndup(rest + 1, (size_t)(end - rest - 1));
    int count = 0;
    for (char *name = strtok(end + 1, " "); name && count < CATCHES; name = strtok(NULL, " "))
        step->catches[count++] = strdup(name);
}

static void read_step(struct section *section, char *line) {
    char side[16], action[16];
    int rest = 0;
    if (sscanf(line, "%15s %15s %n", side, action, &rest) < 2) die("not a step: %s", line);
    if (section->count == STEPS) die("too many steps");
    struct step *step = &section->steps[section->count++];
    step->side = strcmp(side, "guest") == 0;
    step->action = action_named(action);
    if (step->action == EXPECT)
        read_expectation(step, line + rest);
    else
        step->text = strdup(line + rest);
}

void script_load(struct script *script, const char *file) {
    FILE *source = fopen(file, "r");
    if (!source) die("cannot read %s", file);
    struct section *section = NULL;
    char line[2048];
    while (fgets(line, sizeof line, source)) {
        line[strcspn(line, "\n")] = 0;
        if (!*line || *line == '#') continue;
        if (*line == '[')
            section = section_named(script, line);
        else if (section)
            read_step(section, line);
        else
            die("a step before any section: %s", line);
    }
    fclose(source);
}

void set_variable(struct variables *variables, const char *name, const char *value, size_t size) {
    struct variable *it = NULL;
    for (int i = 0; i < variables->count; i++)
        if (!strcmp(variables->all[i].name, name)) it = &variables->all[i];
    if (!it) {
        if (variables->count == VARIABLES) die("too many variables");
        it = &variables->all[variables->count++];
        snprintf(it->name, sizeof it->name, "%s", name);
    }
    snprintf(it->value, sizeof it->value, "%.*s", (int)size, value);
}

void catch_field(struct variables *variables, const char *name, const char *json, size_t size) {
    char key[40];
    int length = snprintf(key, sizeof key, "\"%s\":\"", name);
    const char *found = memmem(json, size, key, (size_t)length);
    if (!found) die("no field %s in %.*s", name, (int)size, json);
    found += length;
    const char *end = memchr(found, '"', size - (size_t)(found - json));
    set_variable(variables, name, found, (size_t)(end - found));
}

static const char *value_of(const struct variables *variables, const char *name, size_t size) {
    for (int i = 0; i < variables->count; i++) {
        const struct variable *it = &variables->all[i];
        if (strlen(it->name) == size && !strncmp(it->name, name, size)) return it->value;
    }
    die("no variable %.*s", (int)size, name);
    return NULL;
}

char *render(const char *text, const struct variables *variables, const char *payload) {
    size_t room = strlen(text) + strlen(payload) + 1024, length = 0;
    char *result = malloc(room);
    while (*text) {
        if (*text != '$') {
            result[length++] = *text++;
            continue;
        }
        size_t size = 0;
        while (isalpha((unsigned char)text[size + 1]) || text[size + 1] == '_') size++;
        int is_payload = size == 7 && !strncmp(text + 1, "payload", 7);
        const char *value = is_payload ? payload : value_of(variables, text + 1, size);
        if (length + strlen(value) + strlen(text) + 1 > room) die("the message is too long");
        length += (size_t)sprintf(result + length, "%s", value);
        text += size + 1;
    }
    result[length] = 0;
    return result;
}
