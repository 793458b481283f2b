/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The last words of a process that crashes: which signal, where, and the chain of callers as offsets into program and
 * modules, which addr2line turns into names and lines. Written with nothing but system calls; the core dump and the
 * exit status stay those of the signal. Only addresses and file names are told: no content of memory.
 */
#ifndef BASE_CRASH_H
#define BASE_CRASH_H

/* From now on SIGSEGV, SIGBUS, SIGFPE, SIGILL and SIGABRT are told to stderr and to the log file, once. program and
 * version are shown and must live on. Nothing happens in builds with a sanitizer, which tells more. */
void crash_watch(const char *program, const char *version);
/* Lets the calling thread, which may have every signal blocked, tell its crashes, and gives it a stack of its own for
 * that, so that its overflow can be told too. The main thread has
 * one from crash_watch. Undone by crash_thread_end, on the same thread. */
void crash_thread_begin(void);
void crash_thread_end(void);

#endif
