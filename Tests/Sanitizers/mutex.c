// Tells thread sanitizer about Swift's `Mutex`. Linked into the tests by Tests/Sanitizers/run, for `make tsan` alone.
//
// On Linux a `Mutex` is a word that is locked by one atomic operation, in code that is compiled with ours, so that the
// sanitizer sees it; but a mutex that is held is waited for in libswiftSynchronization, which is not instrumented: the
// sanitizer misses that one thread waited for another, and calls what the mutex guards a race. These functions stand
// before the library's (the executable's symbols come first), call them, and tell the sanitizer.
//
// Seen with Swift 6.3 (`_MutexHandle` in stdlib/public/Synchronization/Mutex/LinuxImpl.swift). When that changes, the
// names below are gone or are never called, and PostgresTests is full of reports again: 20 without this, none with it.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdbool.h>
#include <stdint.h>

#define SWIFT __attribute__((swiftcall))
#define SELF __attribute__((swift_context)) void *self
#define NAME(mangled) "$s15Synchronization12_MutexHandleV" mangled
#define LOCK NAME("9_lockSlowyys6UInt32VF")
#define TRY_LOCK NAME("12_tryLockSlowSbyF")
#define UNLOCK NAME("11_unlockSlowyyF")

// What thread synchronises by one address; weak, because tools that are built along are not instrumented.
__attribute__((weak)) void __tsan_acquire(void *address);
__attribute__((weak)) void __tsan_release(void *address);

SWIFT void wait_for_lock(uint32_t thread, SELF) __asm__(LOCK);
SWIFT bool try_lock(SELF) __asm__(TRY_LOCK);
SWIFT void wake_one(SELF) __asm__(UNLOCK);

SWIFT void wait_for_lock(uint32_t thread, SELF) {
    SWIFT void (*library)(uint32_t, SELF) = dlsym(RTLD_NEXT, LOCK);
    library(thread, self);
    if (__tsan_acquire) __tsan_acquire(self);
}

SWIFT bool try_lock(SELF) {
    SWIFT bool (*library)(SELF) = dlsym(RTLD_NEXT, TRY_LOCK);
    bool locked = library(self);
    if (locked && __tsan_acquire) __tsan_acquire(self);
    return locked;
}

SWIFT void wake_one(SELF) {
    SWIFT void (*library)(SELF) = dlsym(RTLD_NEXT, UNLOCK);
    if (__tsan_release) __tsan_release(self);
    library(self);
}
