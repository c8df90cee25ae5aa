// See redis_session.h.
#include "redis_session.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "result.h"

enum { CONNECT_SECONDS = 5 };

// Cuts `text` at the first `mark`; what follows, or NULL.
static char *cut(char *text, char mark) {
    char *found = strchr(text, mark);
    if (found) {
        *found++ = '\0';
    }
    return found;
}

static redisReply *checked(redisContext *redis, void *reply) {
    redisReply *answer = reply;
    if (!answer) {
        fail("Redis: %s", redis->errstr);
    }
    if (answer->type == REDIS_REPLY_ERROR) {
        fail("Redis: %s", answer->str);
    }
    return answer;
}

redisContext *redis_open(const char *url) {
    static const char scheme[] = "redis://";
    if (strncmp(url, scheme, sizeof scheme - 1) != 0) {
        fail("--redis must begin with %s", scheme);
    }
    char copy[512];
    if (snprintf(copy, sizeof copy, "%s", url + sizeof scheme - 1) >= (int)sizeof copy) {
        fail("--redis must have at most %zu bytes", sizeof copy);
    }
    char *user = copy, *password = NULL;
    char *host = cut(copy, '@');
    if (host) {
        password = cut(user, ':');
    } else {
        host = copy;
        user = NULL;
    }
    char *database = cut(host, '/');
    char *port = cut(host, ':');

    struct timeval limit = {CONNECT_SECONDS, 0};
    redisContext *redis = redisConnectWithTimeout(host, port ? atoi(port) : 6379, limit);
    if (!redis || redis->err) {
        fail("Redis at %s: %s", host, redis ? redis->errstr : "no memory");
    }
    if (password) {
        const char *name = user && *user ? user : "default";
        freeReplyObject(redis_ask(redis, "AUTH %s %s", name, password));
    }
    if (database && *database) {
        freeReplyObject(redis_ask(redis, "SELECT %s", database));
    }
    return redis;
}

redisContext *redis_open_empty(const char *url) {
    redisContext *redis = redis_open(url);
    long long keys = redis_ask_integer(redis, "DBSIZE");
    if (keys != 0) {
        fail("--redis must name an empty database: this one has %lld keys", keys);
    }
    return redis;
}

redisReply *redis_ask(redisContext *redis, const char *format, ...) {
    va_list values;
    va_start(values, format);
    void *reply = redisvCommand(redis, format, values);
    va_end(values);
    return checked(redis, reply);
}

long long redis_ask_integer(redisContext *redis, const char *format, ...) {
    va_list values;
    va_start(values, format);
    redisReply *reply = checked(redis, redisvCommand(redis, format, values));
    va_end(values);
    if (reply->type != REDIS_REPLY_INTEGER) {
        fail("Redis: '%s' was not answered by an integer", format);
    }
    long long integer = reply->integer;
    freeReplyObject(reply);
    return integer;
}

redisReply *redis_next(redisContext *redis) {
    void *reply = NULL;
    if (redisGetReply(redis, &reply) != REDIS_OK) {
        fail("Redis: %s", redis->errstr);
    }
    return checked(redis, reply);
}

void redis_load(redisContext *redis, const char *script, char sha[41]) {
    redisReply *reply = redis_ask(redis, "SCRIPT LOAD %s", script);
    if (reply->type != REDIS_REPLY_STRING || reply->len != 40) {
        fail("Redis: SCRIPT LOAD was not answered by a digest");
    }
    memcpy(sha, reply->str, 41);
    freeReplyObject(reply);
}

// A number of INFO's `name:number` lines; 0 if it has none of that name.
static long long info_number(const char *info, const char *name) {
    char line[64];
    snprintf(line, sizeof line, "\n%s:", name);
    const char *found = strstr(info, line);
    return found ? atoll(found + strlen(line)) : 0;
}

long long redis_data_bytes(redisContext *redis) {
    redisReply *info = redis_ask(redis, "INFO memory");
    long long bytes = info_number(info->str, "used_memory") - info_number(info->str, "mem_clients_normal") -
                      info_number(info->str, "mem_aof_buffer");
    freeReplyObject(info);
    return bytes;
}

void result_redis_version(redisContext *redis) {
    redisReply *info = redis_ask(redis, "INFO server");
    const char *found = strstr(info->str, "redis_version:");
    char version[32] = "unknown", text[96];
    if (found) {
        sscanf(found, "redis_version:%31[0-9.]", version);
    }
    freeReplyObject(info);
    snprintf(text, sizeof text, "hiredis %d.%d.%d, Redis %s", HIREDIS_MAJOR, HIREDIS_MINOR, HIREDIS_PATCH, version);
    result_text("version", text);
}
