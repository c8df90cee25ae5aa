// The command line of a floor: pairs of `--name value`, nothing else. Not a general option parser.
//
// 1. A wrong command line ends the program with status 64 and a line that names the option and the rule.
// 2. Options are asked for by name; `arguments_end` refuses those that nobody asked for.
#ifndef ARGUMENTS_H
#define ARGUMENTS_H

#include <stdbool.h>

// Takes the command line over, prints `usage` for --help, and sets the time limit: `--limit-seconds` (default 300),
// after which the process ends itself with status 124.
void arguments_begin(int count, char **words, const char *usage);

// The option's text, or `fallback`; a NULL fallback makes the option required.
const char *argument_text(const char *name, const char *fallback);

// The option's whole number within `least` and `most`, or `fallback`.
long argument_number(const char *name, long fallback, long least, long most);

// The option's `yes` or `no`, or `fallback`.
bool argument_flag(const char *name, bool fallback);

// Refuses options that were given and never asked for.
void arguments_end(void);

#endif
