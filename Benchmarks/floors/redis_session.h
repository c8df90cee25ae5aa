// A plain hiredis connection whose every failure ends the program: a floor has nothing to retry.
#ifndef REDIS_SESSION_H
#define REDIS_SESSION_H

#include <hiredis/hiredis.h>

// Connects to `redis://[user[:password]@]host[:port][/database]`, authenticated and with the database chosen. Nothing
// in the URL is percent-encoded.
redisContext *redis_open(const char *url);

// As `redis_open`, and refuses a database that holds keys: a floor wants a private server, and empties it afterwards.
redisContext *redis_open_empty(const char *url);

// Asks and waits. The reply is the caller's to free; an error reply ends the program. `format` as of redisCommand.
redisReply *redis_ask(redisContext *redis, const char *format, ...);

// As `redis_ask` for an integer reply.
long long redis_ask_integer(redisContext *redis, const char *format, ...);

// The next reply to a command that was appended (redisAppendCommandArgv), which this sends if it was not yet.
redisReply *redis_next(redisContext *redis);

// Loads a script; `sha` receives the 40 digits and the terminating zero.
void redis_load(redisContext *redis, const char *script, char sha[41]);

// Bytes that data take: used_memory without the buffers of clients and of the append-only file.
long long redis_data_bytes(redisContext *redis);

// Adds `version`: that of hiredis and of the server.
void result_redis_version(redisContext *redis);

#endif
