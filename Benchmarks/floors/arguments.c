// See arguments.h.
#include "arguments.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { STATUS_USAGE = 64, STATUS_TIME_LIMIT = 124, OPTIONS_MAX = 32 };

static char **words;
static int pairs;
static bool asked[OPTIONS_MAX];

_Noreturn static void refuse(const char *name, const char *rule, const char *value) {
    if (value) {
        fprintf(stderr, "--%s %s, not '%s'\n", name, rule, value);
    } else {
        fprintf(stderr, "--%s %s\n", name, rule);
    }
    exit(STATUS_USAGE);
}

// Async-signal-safe: nothing but write and _exit.
static void end_at_limit(int signal_number) {
    (void)signal_number;
    static const char message[] = "the time limit is over (--limit-seconds)\n";
    (void)!write(STDERR_FILENO, message, sizeof message - 1);
    _exit(STATUS_TIME_LIMIT);
}

static const char *find(const char *name) {
    for (int pair = 0; pair < pairs; pair++) {
        if (strcmp(words[2 * pair] + 2, name) == 0) {
            asked[pair] = true;
            return words[2 * pair + 1];
        }
    }
    return NULL;
}

void arguments_begin(int count, char **all_words, const char *usage) {
    words = all_words + 1;
    for (int index = 1; index < count; index++) {
        if (strcmp(all_words[index], "--help") == 0) {
            puts(usage);
            exit(0);
        }
    }
    if (count % 2 == 0 || count / 2 > OPTIONS_MAX) {
        fprintf(stderr, "options come as --name value\n%s\n", usage);
        exit(STATUS_USAGE);
    }
    pairs = count / 2;
    for (int pair = 0; pair < pairs; pair++) {
        if (strncmp(words[2 * pair], "--", 2) != 0) {
            fprintf(stderr, "'%s' stands where --name is due\n%s\n", words[2 * pair], usage);
            exit(STATUS_USAGE);
        }
    }
    signal(SIGPIPE, SIG_IGN);
    signal(SIGALRM, end_at_limit);
    alarm((unsigned)argument_number("limit-seconds", 300, 1, 3600));
}

const char *argument_text(const char *name, const char *fallback) {
    const char *value = find(name);
    if (!value && !fallback) {
        refuse(name, "is required", NULL);
    }
    return value ? value : fallback;
}

long argument_number(const char *name, long fallback, long least, long most) {
    const char *value = find(name);
    if (!value) {
        return fallback;
    }
    char *end = NULL;
    long number = strtol(value, &end, 10);
    if (end == value || *end != '\0' || number < least || number > most) {
        char rule[96];
        snprintf(rule, sizeof rule, "must be a whole number from %ld to %ld", least, most);
        refuse(name, rule, value);
    }
    return number;
}

bool argument_flag(const char *name, bool fallback) {
    const char *value = find(name);
    if (!value) {
        return fallback;
    }
    if (strcmp(value, "yes") != 0 && strcmp(value, "no") != 0) {
        refuse(name, "must be 'yes' or 'no'", value);
    }
    return strcmp(value, "yes") == 0;
}

void arguments_end(void) {
    for (int pair = 0; pair < pairs; pair++) {
        if (!asked[pair]) {
            refuse(words[2 * pair] + 2, "is no option of this program", NULL);
        }
    }
}
