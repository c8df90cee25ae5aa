// See script_file.h.
#include "script_file.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "result.h"

enum { PATH_BYTES = 1024 };

char *script_read(const char *project, const char *path) {
    char whole[PATH_BYTES];
    snprintf(whole, sizeof whole, "%s/%s", project, path);
    FILE *file = fopen(whole, "rb");
    if (!file) {
        fail("%s: %s (--project names the checkout)", whole, strerror(errno));
    }
    fseek(file, 0, SEEK_END);
    long bytes = ftell(file);
    rewind(file);
    char *text = bytes < 0 ? NULL : malloc((size_t)bytes + 1);
    if (!text || fread(text, 1, (size_t)bytes, file) != (size_t)bytes) {
        fail("%s cannot be read", whole);
    }
    text[bytes] = '\0';
    fclose(file);
    return text;
}

static int is_up(const struct dirent *entry) {
    static const char ending[] = ".up.sql";
    size_t length = strlen(entry->d_name);
    return length >= sizeof ending && strcmp(entry->d_name + length - (sizeof ending - 1), ending) == 0;
}

struct scripts scripts_read(const char *project, const char *directory) {
    char whole[PATH_BYTES];
    snprintf(whole, sizeof whole, "%s/%s", project, directory);
    struct dirent **entries = NULL;
    int count = scandir(whole, &entries, is_up, alphasort);
    if (count < 1) {
        fail("%s has no .up.sql files (--project names the checkout)", whole);
    }
    struct scripts scripts = {count, calloc((size_t)count, sizeof(char *)), calloc((size_t)count, sizeof(char *))};
    for (int index = 0; index < count; index++) {
        char path[PATH_BYTES];
        snprintf(path, sizeof path, "%s/%s", directory, entries[index]->d_name);
        scripts.names[index] = strdup(entries[index]->d_name);
        scripts.texts[index] = script_read(project, path);
        free(entries[index]);
    }
    free(entries);
    return scripts;
}
