// What a floor says: one JSON object on standard output, or a line on standard error and status 1. Not a JSON library:
// texts are the program's own and need no escaping beyond what `result_text` refuses.
#ifndef RESULT_H
#define RESULT_H

// Adds a member; names and texts must hold no quotation mark, backslash or control character.
void result_text(const char *name, const char *value);
void result_count(const char *name, long value);
void result_figure(const char *name, double value);

// Adds jobs, settled, seconds and per_second (of jobs: a program that settles fewer than all has failed, but for those
// that only enqueue).
void result_rate(long jobs, long settled, double seconds);

// Prints the object and its line feed. Called once, last.
void result_print(void);

// Says why there is no result, and ends the program with status 1. `format` as of printf.
_Noreturn void fail(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
