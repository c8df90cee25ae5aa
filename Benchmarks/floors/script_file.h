// The project's own SQL files, read from its checkout, so that a floor says the statements that the project says.
#ifndef SCRIPT_FILE_H
#define SCRIPT_FILE_H

// A file's text, zero-terminated; the caller's to free. `project` is the checkout's directory.
char *script_read(const char *project, const char *path);

// The `.up.sql` files of a directory, in the order of their names.
struct scripts {
    long count;
    char **names;
    char **texts;
};

struct scripts scripts_read(const char *project, const char *directory);

#endif
