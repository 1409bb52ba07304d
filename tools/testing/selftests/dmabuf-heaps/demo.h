/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * How the demos speak: every sentence that they print has been checked; the
 * first thing that is not as it should be ends the show with its cause and a cure.
 */
#ifndef DEMO_H
#define DEMO_H

#include "kselftest.h"
#include "heap_test.h"

static bool colour;
static int demo_step;

/* A step that is done and checked. */
static inline __printf(1, 2) void say(const char *fmt, ...)
{
	va_list args;

	printf(colour ? "\033[32m%2d.\033[0m " : "%2d. ", ++demo_step);
	va_start(args, fmt);
	vprintf(fmt, args);
	va_end(args);
	putchar('\n');
}

/* err is an errno, or 0 when no system call is to blame. */
static inline __noreturn __printf(3, 4) void fail(int err, const char *cure, const char *fmt, ...)
{
	va_list args;

	fflush(stdout);
	fprintf(stderr, colour ? "\033[31mFailed:\033[0m " : "Failed: ");
	va_start(args, fmt);
	vfprintf(stderr, fmt, args);
	va_end(args);
	fprintf(stderr, "\nCause:  %s\nCure:   %s\n",
		err ? strerror(err) : "the contents differ from what was written", cure);
	exit(1);
}

#endif /* DEMO_H */
